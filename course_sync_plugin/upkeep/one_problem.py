"""Shows everything about one operation that failed: its problems, its attempts, what waits behind it, what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import UNDONE_STATES, Attempt, Problem, ProblemState
from course_sync_plugin.upkeep.advice import advice_for
from course_sync_plugin.upkeep.filters import Filters

#: The most attempts and the most parked operations that are shown of one lane.
SHOWN = 20


def show_problems(filters: Filters) -> list[dict[str, Any]]:
    """Return everything about the problems of the operation that ``filters.id`` names, one for each lane.

    Closed problems are shown too. The attempts are the last ones that had the operation, the newest first. Raises the
    errors of :meth:`Filters.problems`.
    """
    rows = list(filters.problems_of_any_state().select_related("operation", "lane__course", "lane__target"))
    waiting = _waiting(rows)
    return [_as_dict(row, waiting[row.pk]) for row in rows]


def _waiting(rows: Sequence[Problem]) -> defaultdict[int, list[Problem]]:
    """Return the open problems that wait behind each of these, also behind a parked one. Two queries a level."""
    found: defaultdict[int, list[Problem]] = defaultdict(list)
    root = {row.pk: row.pk for row in rows}
    level = list(root)
    while level:
        parked = Problem.objects.filter(behind_id__in=level, state__in=UNDONE_STATES).select_related("operation")
        level = []
        for one in parked.order_by("pk"):
            if one.behind_id and one.pk not in root:
                root[one.pk] = root[one.behind_id]
                found[root[one.pk]].append(one)
                level.append(one.pk)
    return found


def _as_dict(row: Problem, waiting: Sequence[Problem]) -> dict[str, Any]:
    advice = advice_for(row.error_class, row.status, row.state, backend=row.lane.target.backend)
    return {
        "target": row.lane.target.name,
        "course_id": row.lane.course.key,
        "operation_id": str(row.operation.operation_id),
        "operation": row.operation.operation,
        "entity_type": row.operation.entity_type,
        "entity_id": row.operation.entity_id,
        "state": row.state,
        "reason": row.reason,
        "error_class": row.error_class or "",
        "status": row.status,
        "since": utc_text(row.since),
        "closed_at": row.closed_at and utc_text(row.closed_at),
        "attempts": [_attempt(one) for one in _attempts(row)],
        "parked": len(waiting),
        "waiting": [_parked(one) for one in waiting[:SHOWN]],
        "meaning": str(advice.meaning),
        "action": str(advice.action),
    }


def _attempts(row: Problem) -> Sequence[Attempt]:
    """Return the last attempts to send the operation. One that was parked before it was sent has none."""
    if row.state == ProblemState.PARKED and not row.error_class:
        return []
    position = row.operation.position
    rows = Attempt.objects.filter(lane=row.lane_id, first__lte=position, last__gte=position)
    return list(rows.order_by("-pk")[:SHOWN])


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "began_at": utc_text(row.began_at),
        "seconds": round(row.seconds, 3),
        "status": row.status,
        "error_class": row.error_class,
        "error": row.error,
        "operations": row.operations,
        "failed": row.failed,
        "head": row.head,
        "body": row.body,
    }


def _parked(row: Problem) -> dict[str, Any]:
    operation = row.operation
    return {
        "operation_id": str(operation.operation_id),
        "operation": operation.operation,
        "entity_id": operation.entity_id,
        "state": row.state,
    }
