"""Finds the entities that a receiver may lack because an operator skipped their creation, or their move.

Skipping gives one operation up. It must not make the later operations of the entity fail for ever: when one of them was
refused and the operator asks to retry it, the repair creates what the receiver may lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django.db.models import Q

from course_sync_plugin.data import Structure
from course_sync_plugin.models import Lane, Problem, ProblemState, Run, RunKind


class Skip(Protocol):
    """An operation that was skipped. ``operation_id``: the key of its row, which grows with the position."""

    @property
    def operation_id(self) -> int:
        """The key of the operation's row in the journal."""

    @property
    def operation(self) -> Any:
        """The operation."""


def lacking(now: Structure, asked: Iterable[Skip], skipped: Sequence[Skip]) -> set[str]:
    """Return the ids of the entities that the receiver may lack, among those that ``asked`` are about, and above them.

    ``now``: the course as recorded. ``asked``: the problems that the operator asked to retry. ``skipped``: those that
    :func:`skipped_problems` returns. Only what was skipped before the operation that failed counts.

    The receiver may lack an entity whose creation was skipped, and one whose move to another parent was skipped: it may
    have deleted it with its old parent. With such an entity it also lacks everything below it.
    """
    last = {one.operation.entity_id: one.operation_id for one in _by_position(asked)}
    first = {one.operation.entity_id: one.operation_id for one in reversed(_by_position(skipped))}
    found: set[str] = set()
    for entity_id, position in last.items():
        path = _with_those_above(now, entity_id)
        above = [at for at, one in enumerate(path) if first.get(one, position) < position]
        if above:
            found.update(path[: above[-1] + 1])
    return found


def skipped_problems(lane: Lane) -> list[Problem]:
    """Return the skipped creations and moves to another parent since the last snapshot of a lane. At most two queries.

    The problems have their operations without the fields.
    """
    skipped = lane.problems.filter(state=ProblemState.SKIPPED, operation__operation__in=("create", "move"))
    if not skipped.exists():
        return []
    columns = ("operation__operation", "operation__entity_id", "operation__parent_id", "operation__previous")
    rows = skipped.filter(since_snapshot(lane)).select_related("operation").only("operation_id", "lane_id", *columns)
    return [one for one in rows if one.operation.operation == "create" or left_its_parent(one.operation)]


def since_snapshot(lane: Lane) -> Q:
    """Return the condition for problems about operations of the lane's last snapshot, or after it."""
    snapshots = Run.objects.filter(Q(lane=None) | Q(lane=lane), course=lane.course_id)
    kinds = (RunKind.INITIAL, RunKind.SNAPSHOT)
    last = snapshots.filter(kind__in=kinds).order_by("-pk").values_list("pk", flat=True).first()
    return Q(operation__run__gte=last or 0)


def left_its_parent(operation: Any) -> bool:
    """Tell whether a move leads to another parent."""
    return bool(operation.previous.get("parent_id") != operation.parent_id)


def _by_position(problems: Iterable[Skip]) -> list[Skip]:
    return sorted(problems, key=lambda one: one.operation_id)


def _with_those_above(now: Structure, entity_id: str) -> list[str]:
    """Return an entity of the course, its parent, and so on up to the course; nothing if the course lacks it."""
    path = []
    current: str | None = entity_id
    while current is not None and current in now.entities:
        path.append(current)
        current = now.entities[current].parent_id
    return path
