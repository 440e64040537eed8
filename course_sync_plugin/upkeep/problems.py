"""What operators see of problems: those that they can do something about first, and what waits behind each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs
from django.db.models import Case, QuerySet, When

from course_sync_plugin.models import OPEN_STATES, Lane, Problem, ProblemState

#: How many are shown at once: a receiver that refuses everything leaves thousands.
SHOWN = 50


@attrs.frozen
class OpenProblem:
    """A problem as operators see it. ``parked``: so many wait behind it, or behind one that does."""

    id: int
    target: str
    course_key: str
    state: str
    operation: str
    operation_id: str
    entity_id: str
    reason: str
    parked: int


def problems(limit: int = SHOWN) -> list[OpenProblem]:
    """Return open problems: first those that failed, which alone can be retried or skipped; the oldest first."""
    failed_first = Case(When(state=ProblemState.FAILED, then=0), default=1)
    rows = Problem.objects.filter(state__in=OPEN_STATES)
    return _seen(rows.order_by(failed_first, "pk")[:limit])


def failed(lanes: QuerySet[Lane]) -> list[OpenProblem]:
    """Return what failed in lanes, one lane after the other, in each the oldest first."""
    return _seen(Problem.objects.filter(lane__in=lanes, state=ProblemState.FAILED).order_by("lane_id", "pk"))


def _seen(rows: QuerySet[Problem]) -> list[OpenProblem]:
    shown = list(rows.select_related("operation", "lane__target", "lane__course"))
    parked = _parked_behind(shown)
    return [_as_seen(row, parked[row.pk]) for row in shown]


def _as_seen(row: Problem, parked: int) -> OpenProblem:
    return OpenProblem(
        row.pk,
        row.lane.target.name,
        row.lane.course.key,
        row.state,
        row.operation.operation,
        str(row.operation.operation_id),
        row.operation.entity_id,
        row.reason,
        parked,
    )


def _parked_behind(shown: Sequence[Problem]) -> Counter[int]:
    """Count what is parked behind problems. Parked ones stand in chains: a unit's behind its section's."""
    lanes = {row.lane_id for row in shown if row.state == ProblemState.FAILED}
    parked = Problem.objects.filter(lane__in=lanes, state=ProblemState.PARKED)
    behind = dict(parked.values_list("pk", "behind_id"))
    return Counter(_first(pk, behind) for pk in behind)


def _first(pk: int, behind: Mapping[int, int]) -> int:
    while pk in behind:
        pk = behind[pk]
    return pk
