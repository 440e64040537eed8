"""Skips failed operations permanently: one by its id, or exactly those that an operator was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import attrs
from django.db import transaction
from django.db.models import QuerySet

from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.models import DatabaseNow, Lane, Problem, ProblemState, bulk
from course_sync_plugin.upkeep.audit import only, record
from course_sync_plugin.upkeep.causes import keys_of_cause
from course_sync_plugin.upkeep.courses import courses_of
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.plan_tokens import by_token, no_longer_valid, token_of
from course_sync_plugin.upkeep.problems import OpenProblem, failed
from course_sync_plugin.upkeep.retry import failed_lanes, named_lanes


@attrs.frozen
class SkipPlan:
    """The failed operations of one lane, which would be skipped. ``token`` names the lane and these operations."""

    target: str
    course_key: str
    problems: tuple[OpenProblem, ...]
    token: str


@attrs.frozen
class Skipped:
    """The result for one token. ``operations``: the number of skipped operations. ``error``: why none was skipped."""

    token: str
    operations: int
    error: str = ""


def skip_plans(chosen: Filters) -> list[SkipPlan]:
    """Return the plans for the failed operations that were chosen: one for each lane.

    The errors are those of :meth:`Filters.problems`.
    """
    found = failed(chosen.problems())
    if chosen.cause:
        operations, _lanes = keys_of_cause(chosen)
        found = [problem for problem in found if problem.id in operations]
    by_lane = groupby(found, key=lambda problem: (problem.target, problem.course_key))
    return [_plan(target, course_key, tuple(problems)) for (target, course_key), problems in by_lane]


def skip_shown(tokens: Iterable[str], chosen: Filters) -> list[Skipped]:
    """Skip exactly the operations that were shown with these tokens, and release those parked behind them.

    ``chosen``: the filters with which they were shown. The errors are those of :meth:`Filters.problems`.
    """
    plans = by_token(skip_plans(chosen), tokens)
    return [
        _carry_out(plan, chosen) if plan else Skipped(token, 0, no_longer_valid(token)) for token, plan in plans.items()
    ]


def skip(name: str, operation: str, course: str = "") -> int:
    """Skip one failed operation of a target, by its id, and release the operations parked behind it.

    Return the number of skipped operations: several lanes can have the same one. Raises UnknownName if no such
    operation failed, ConfigurationError if the id is no UUID.
    """
    lanes = failed_lanes(name, course, operation)
    problems = Problem.objects.filter(lane__in=lanes, operation__operation_id=operation)
    return _skip(name, lanes, list(problems.values_list("pk", flat=True)), {"course": course, "id": operation})


def _plan(name: str, course_key: str, problems: tuple[OpenProblem, ...]) -> SkipPlan:
    ids = (problem.operation_id for problem in problems)
    return SkipPlan(name, course_key, problems, token_of(name, course_key, *ids))


def _carry_out(plan: SkipPlan, chosen: Filters) -> Skipped:
    lanes = named_lanes(plan.target, plan.course_key)
    asked = {**chosen.as_dict(), "token": plan.token}
    return Skipped(plan.token, _skip(plan.target, lanes, [problem.id for problem in plan.problems], asked))


@transaction.atomic
def _skip(name: str, lanes: QuerySet[Lane], problem_ids: Sequence[int], asked: Mapping[str, Any]) -> int:
    """Mark the problems as skipped. Update the lanes first, as workers do: a different order could deadlock."""
    nudge(lanes)
    still_failed = Problem.objects.filter(state=ProblemState.FAILED)
    operations: list[str] = []
    for chunk in bulk.chunks(problem_ids):
        skipped = still_failed.filter(pk__in=chunk)
        operations += map(str, skipped.values_list("operation__operation_id", flat=True))
        skipped.update(state=ProblemState.SKIPPED, closed_at=DatabaseNow())
    if operations:  # else another process has skipped or retried them just before
        changed = {"operations": len(operations), "ids": operations}
        record("skip", target=name, course=only(courses_of(lanes)), arguments=asked, changed=changed)
    return len(operations)
