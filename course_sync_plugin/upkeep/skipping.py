"""Giving failed operations up for good: one that is named, or exactly those that were shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import attrs
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin import bulk
from course_sync_plugin.lanes.wake import nudge
from course_sync_plugin.models import Lane, Problem, ProblemState
from course_sync_plugin.upkeep.mending import failed_lanes, named_lanes
from course_sync_plugin.upkeep.problems import OpenProblem, failed
from course_sync_plugin.upkeep.tokens import by_token, token_of


@attrs.frozen
class SkipPlan:
    """What would be given up in one lane: its failed operations. ``token`` stands for the lane and exactly these."""

    target: str
    course_key: str
    problems: tuple[OpenProblem, ...]
    token: str


@attrs.frozen
class Skipped:
    """What came of a token: so many ``operations`` are given up. ``error``: why none is."""

    token: str
    operations: int
    error: str = ""


def skip_plans(name: str, course: str = "") -> list[SkipPlan]:
    """Return what there is to give up of a target, or of its lane through one course. Raises UnknownName."""
    by_lane = groupby(failed(named_lanes(name, course)), key=lambda problem: problem.course_key)
    return [_plan(name, course_key, tuple(problems)) for course_key, problems in by_lane]


def skip_shown(name: str, tokens: Iterable[str], course: str = "") -> list[Skipped]:
    """Give up exactly what was shown with these tokens, and release what was parked behind it. Raises UnknownName."""
    plans = by_token(skip_plans(name, course), tokens)
    return [_carry_out(plan) if plan else Skipped(token, 0, _not_found(token)) for token, plan in plans.items()]


def skip(name: str, operation: str, course: str = "") -> int:
    """Give up one failed operation of a target, by its id, and release what was parked behind it.

    Returns how many are given up. Raises UnknownName.
    """
    lanes = failed_lanes(name, course, operation)
    problems = Problem.objects.filter(lane__in=lanes, operation__operation_id=operation)
    return _give_up(lanes, list(problems.values_list("pk", flat=True)))


def _plan(name: str, course_key: str, problems: tuple[OpenProblem, ...]) -> SkipPlan:
    ids = (problem.operation_id for problem in problems)
    return SkipPlan(name, course_key, problems, token_of(name, course_key, *ids))


def _carry_out(plan: SkipPlan) -> Skipped:
    lanes = named_lanes(plan.target, plan.course_key)
    return Skipped(plan.token, _give_up(lanes, [problem.id for problem in plan.problems]))


@transaction.atomic
def _give_up(lanes: QuerySet[Lane], problem_ids: Sequence[int]) -> int:
    """Lanes are written first, as their workers do it: so nobody waits in a circle."""
    nudge(lanes)
    still_failed = Problem.objects.filter(state=ProblemState.FAILED)
    chunks = bulk.chunks(problem_ids)
    return sum(still_failed.filter(pk__in=chunk).update(state=ProblemState.SKIPPED) for chunk in chunks)


def _not_found(token: str) -> str:
    said = _("Nothing that failed is what was shown with {token}: it changed since, or was given up. Look again.")
    return said.format(token=token)
