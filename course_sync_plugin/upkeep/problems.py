"""Lists open problems for operators: first those that they can retry or skip, with the number parked behind each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs
from django.db.models import Case, QuerySet, When

from course_sync_plugin.models import OPEN_STATES, Problem, ProblemState

#: The most problems that are shown at once: a receiver that refuses everything causes thousands.
SHOWN = 50


@attrs.frozen
class OpenProblem:
    """A problem as operators see it. ``parked``: how many are parked behind it, directly or behind a parked one."""

    id: int
    target: str
    course_key: str
    state: str
    operation: str
    operation_id: str
    entity_id: str
    reason: str
    parked: int


def problems(limit: int = SHOWN, among: QuerySet[Problem] | None = None) -> list[OpenProblem]:
    """Return open problems, first the failed ones: only these can be retried or skipped. Older ones come first.

    ``among``: the open problems to choose from (default: all).
    """
    failed_first = Case(When(state=ProblemState.FAILED, then=0), default=1)
    rows = Problem.objects.filter(state__in=OPEN_STATES) if among is None else among
    return _open_problems(rows.order_by(failed_first, "pk")[:limit])


def failed(among: QuerySet[Problem]) -> list[OpenProblem]:
    """Return the failed ones of these problems, sorted by lane, and in each lane the oldest first."""
    return _open_problems(among.filter(state=ProblemState.FAILED).order_by("lane_id", "pk"))


def _open_problems(rows: QuerySet[Problem]) -> list[OpenProblem]:
    shown = list(rows.select_related("operation", "lane__target", "lane__course"))
    parked = _parked_behind(shown)
    return [_open_problem(row, parked[row.pk]) for row in shown]


def _open_problem(row: Problem, parked: int) -> OpenProblem:
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
    """Count the problems parked behind each failed one. They form chains: a unit's is parked behind its section's."""
    lanes = {row.lane_id for row in shown if row.state == ProblemState.FAILED}
    parked = Problem.objects.filter(lane__in=lanes, state=ProblemState.PARKED)
    behind = dict(parked.values_list("pk", "behind_id"))
    return Counter(_first(pk, behind) for pk in behind)


def _first(pk: int, behind: Mapping[int, int]) -> int:
    while pk in behind:
        pk = behind[pk]
    return pk
