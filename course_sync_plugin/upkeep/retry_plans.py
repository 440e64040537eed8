"""Plans retries before they are done: which failed operations would be planned anew, in which lanes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import attrs
from django.db import transaction
from django.db.models import Q, QuerySet

from course_sync_plugin.lanes.breaker import probe_now
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.models import Lane, Problem, ProblemState, bulk
from course_sync_plugin.upkeep.causes import keys_of_cause
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.plan_tokens import token_of
from course_sync_plugin.upkeep.problems import OpenProblem, failed
from course_sync_plugin.upkeep.retry import Retried, count_retried, note_retry


@attrs.frozen
class RetryPlan:
    """What a retry would do at one target.

    ``problems``: the failed operations, which are planned anew from the present course, with those parked behind them.
    ``courses``: those of the lanes concerned, sorted. ``lanes``: the keys of these lanes, in the same order.
    ``failing``: how many of these lanes are stopped and start again; ``waiting``: how many wait for their next attempt
    and make it at once. ``token`` names the target, the operations and the failing lanes. ``each``: the token that the
    plan of each course alone would have, in the order of ``courses``.
    """

    target: str
    problems: tuple[OpenProblem, ...]
    courses: tuple[str, ...]
    failing: int
    waiting: int
    lanes: tuple[int, ...]
    token: str
    each: tuple[str, ...] = ()


def retry_plans(chosen: Filters) -> list[RetryPlan]:
    """Return the plan for each target that has something to retry, sorted by the target's name.

    Without filters on operations, lanes that are failing, or wait for an attempt, go on too. With a cause, only its
    operations and their lanes, or only its lanes. The errors are those of :meth:`Filters.problems`.
    """
    problems = chosen.problems().filter(state=ProblemState.FAILED)
    found, concerned = failed(problems), _concerned(chosen, problems)
    if chosen.cause:
        found, concerned = _of_cause(chosen, found, concerned)
    by_target = defaultdict(list)
    for problem in found:
        by_target[problem.target].append(problem)
    lanes = defaultdict(list)
    for lane in concerned:
        lanes[lane.target.name].append(lane)
    return [_plan(name, by_target[name], lanes[name]) for name in sorted(lanes)]


@transaction.atomic
def carry_out_retry(plan: RetryPlan, chosen: Filters | None = None) -> Retried:
    """Do what the plan says. What is no longer failed stays as it is. ``chosen``: the filters, for the record."""
    restarted, counts = 0, Counter[str]()
    for part in bulk.chunks(plan.lanes):
        lanes = Lane.objects.filter(pk__in=part)
        restarted += lanes.filter(failing=True).count()
        nudge(lanes)  # first, as workers do: a different order could deadlock
    for ids in bulk.chunks([problem.id for problem in plan.problems]):
        Problem.objects.filter(pk__in=ids, state=ProblemState.FAILED).update(state=ProblemState.RETRYING)
    for part in bulk.chunks(plan.lanes):
        counts.update(count_retried(Lane.objects.filter(pk__in=part)))
    retried = Retried(counts.total(), tuple(sorted(counts)), restarted)
    for target_id in Lane.objects.filter(pk__in=plan.lanes[:1]).values_list("target_id", flat=True):
        probe_now(target_id)
    note_retry(plan.target, retried, chosen.as_dict() if chosen else {})
    return retried


def _concerned(chosen: Filters, problems: QuerySet[Problem]) -> list[Lane]:
    """Return the lanes with a failed operation that was chosen, and those that do not get on by themselves."""
    concerned = Q(pk__in=problems.order_by().values("lane_id"))
    if not (chosen.entity_type or chosen.operation or chosen.id):
        concerned |= Q(failing=True) | Q(attempts__gt=0) | Q(last_warning__gt="")
    lanes = chosen.lanes().filter(concerned).select_related("target", "course")
    columns = ("target__name", "course__key", "failing", "attempts")
    return list(lanes.only(*columns).order_by("target__name", "pk"))


def _of_cause(
    chosen: Filters, problems: Sequence[OpenProblem], lanes: Sequence[Lane]
) -> tuple[list[OpenProblem], list[Lane]]:
    """Return the failed operations of the cause with their lanes, or its lanes without operations."""
    operations, lane_keys = keys_of_cause(chosen)
    kept = [problem for problem in problems if problem.id in operations]
    of_them = {(problem.target, problem.course_key) for problem in kept}
    return kept, [lane for lane in lanes if lane.pk in lane_keys or (lane.target.name, lane.course.key) in of_them]


def _plan(name: str, problems: Sequence[OpenProblem], lanes: Sequence[Lane]) -> RetryPlan:
    lanes = sorted(lanes, key=lambda lane: lane.course.key)
    failing = sorted(lane.pk for lane in lanes if lane.failing)
    of_course = defaultdict(list)
    for problem in problems:
        of_course[problem.course_key].append(problem)
    return RetryPlan(
        target=name,
        problems=tuple(problems),
        courses=tuple(lane.course.key for lane in lanes),
        failing=len(failing),
        waiting=sum(bool(lane.attempts) and not lane.failing for lane in lanes),
        lanes=tuple(lane.pk for lane in lanes),
        token=_token(name, problems, lanes),
        each=tuple(_token(name, of_course[lane.course.key], [lane]) for lane in lanes),
    )


def _token(name: str, problems: Sequence[OpenProblem], lanes: Sequence[Lane]) -> str:
    """Return the token of a plan for these lanes of one target, with the problems in them."""
    failing = sorted(lane.pk for lane in lanes if lane.failing)
    ids = [*(str(problem.id) for problem in problems), "failing", *map(str, failing)]
    return token_of("retry", str(lanes[0].target_id), name, *ids)
