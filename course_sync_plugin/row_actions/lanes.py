"""The actions on a target's lanes and their problems: pause, resume, retry, skip and reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.models import Lane, Problem, Target
from course_sync_plugin.row_actions.action import Done, RowAction, first_of
from course_sync_plugin.row_actions.jobs import in_background, start

#: Chooses what an action concerns: the filters of the commands.
Chooser = Callable[[Any], api.Filters]


def of_target(target: Target) -> api.Filters:
    """Choose all lanes of a target."""
    return api.Filters(target=target.name)


def of_lane(lane: Lane) -> api.Filters:
    """Choose one lane."""
    return api.Filters(target=lane.target.name, course=lane.course.key)


def of_problem(problem: Problem) -> api.Filters:
    """Choose one operation in one lane."""
    lane, operation = problem.lane, problem.operation
    return api.Filters(target=lane.target.name, course=lane.course.key, id=str(operation.operation_id))


def pause(chooser: Chooser) -> RowAction:
    """Return the action that pauses a target or a lane."""
    return RowAction(
        name="pause",
        label=gettext_lazy("Pause"),
        plans=lambda row: api.pause_plans(chooser(row)),
        describe=_about_pause,
        carry_out=lambda _row, plan: _paused(plan),
    )


def resume(chooser: Chooser) -> RowAction:
    """Return the action that resumes a target or a lane."""
    return RowAction(
        name="resume",
        label=gettext_lazy("Resume"),
        plans=lambda row: api.resume_plans(chooser(row)),
        describe=_about_resume,
        carry_out=lambda _row, plan: _resumed(plan),
    )


def retry(chooser: Chooser) -> RowAction:
    """Return the action that plans failed operations anew, and starts failing lanes."""
    return RowAction(
        name="retry",
        label=gettext_lazy("Retry"),
        plans=lambda row: api.retry_plans(chooser(row)),
        describe=_about_retry,
        carry_out=lambda row, plan: _retried(plan, chooser(row)),
    )


def skip(chooser: Chooser) -> RowAction:
    """Return the action that gives failed operations up."""
    return RowAction(
        name="skip",
        label=gettext_lazy("Skip permanently"),
        plans=lambda row: _skip_plans(chooser(row)),
        describe=lambda plan: _about_skips(plan) if isinstance(plan, _Skips) else _about_skip(plan),
        carry_out=lambda row, plan: _skip(plan, chooser(row)),
    )


def _about_pause(plan: api.PausePlan) -> Iterator[str]:
    text = ngettext(
        "{what} would be paused: {n} lane waits until it is resumed.",
        "{what} would be paused: {n} lanes wait until they are resumed.",
        len(plan.courses),
    )
    yield from _about_lanes(plan, text)


def _about_resume(plan: api.PausePlan) -> Iterator[str]:
    text = ngettext("{what} would be resumed: {n} lane.", "{what} would be resumed: {n} lanes.", len(plan.courses))
    yield from _about_lanes(plan, text)


def _about_lanes(plan: api.PausePlan, text: str) -> Iterator[str]:
    yield text.format(what=_what(plan), n=len(plan.courses))
    yield _("Operations in them that are not delivered: {n}").format(n=plan.pending)
    if plan.paused:
        text = ngettext(
            "{n} of the lanes is paused by itself and stays so.",
            "{n} of the lanes are paused by themselves and stay so.",
            plan.paused,
        )
        yield text.format(n=plan.paused)
    yield from first_of(plan.courses)


def _what(plan: api.PausePlan) -> str:
    if plan.whole:
        return _("Target {name}").format(name=plan.target)
    return _("The lane of {course} at {name}").format(course=", ".join(plan.courses), name=plan.target)


def _paused(plan: api.PausePlan) -> Done:
    n = len(api.carry_out_pause(plan).courses)
    text = ngettext("{what} is paused: {n} lane waits.", "{what} is paused: {n} lanes wait.", n)
    return Done(text.format(what=_what(plan), n=n))


def _resumed(plan: api.PausePlan) -> Done:
    resumed = api.carry_out_resume(plan)
    text = ngettext(
        "{what} is resumed: {n} lane goes on. Operations in it that are not delivered: {operations}.",
        "{what} is resumed: {n} lanes go on. Operations in them that are not delivered: {operations}.",
        resumed.lanes,
    )
    told = [text.format(what=_what(plan), n=resumed.lanes, operations=resumed.pending)]
    if resumed.held_back:
        told.append(_("Target {name} itself is paused or disabled: resume it too.").format(name=plan.target))
    if resumed.paused:
        text = ngettext("{n} lane stays paused by itself.", "{n} lanes stay paused by themselves.", resumed.paused)
        told.append(text.format(n=resumed.paused))
    return Done(" ".join(told))


def _about_retry(plan: api.RetryPlan) -> Iterator[str]:
    text = ngettext(
        "Target {name}: {n} failed operation would be planned again from the present course. Lanes: {lanes}.",
        "Target {name}: {n} failed operations would be planned again from the present course. Lanes: {lanes}.",
        len(plan.problems),
    )
    if plan.problems:
        yield text.format(name=plan.target, n=len(plan.problems), lanes=len(plan.courses))
    else:
        yield _("Target {name}: no operation failed.").format(name=plan.target)
    if plan.failing:
        yield _("Lanes that stand still and would start again: {n}").format(n=plan.failing)
    if plan.waiting:
        yield _("Lanes that wait for their next attempt and would make it at once: {n}").format(n=plan.waiting)
    yield from in_background(len(plan.lanes))
    yield from first_of([_problem(problem) for problem in plan.problems])


def _retried(plan: api.RetryPlan, chosen: api.Filters) -> Done:
    if len(plan.lanes) > api.AT_ONCE:
        return _in_turn("retry", plan.target, list(zip(plan.courses, plan.each)), chosen)
    retried = api.carry_out_retry(plan, chosen)
    text = ngettext(
        "Target {name}: {n} operation is planned again. Lanes that start again: {lanes}.",
        "Target {name}: {n} operations are planned again. Lanes that start again: {lanes}.",
        retried.operations,
    )
    told = [text.format(name=plan.target, n=retried.operations, lanes=retried.restarted)]
    if plan.waiting:
        told.append(_("Lanes that make their next attempt at once: {n}").format(n=plan.waiting))
    return Done(" ".join(told))


def _in_turn(action: str, target: str, items: list[tuple[str, str]], chosen: api.Filters) -> Done:
    """Start a job for many lanes of one target. What does not fit into it is for the next one."""
    return start(action, items[: api.MOST_ITEMS], target=target, course=chosen.course, arguments=chosen.as_dict())


@attrs.frozen
class _Skips:
    """The plans of one target, which are too many for one request. ``token`` names them all."""

    target: str
    plans: tuple[api.SkipPlan, ...]
    token: str


def _skip_plans(chosen: api.Filters) -> list[api.SkipPlan] | list[_Skips]:
    """Return a plan for each lane, or for each target if these are many."""
    plans = sorted(api.skip_plans(chosen), key=lambda plan: plan.target)
    if len(plans) <= api.AT_ONCE:
        return plans
    by_target = [(name, tuple(of_it)) for name, of_it in groupby(plans, key=lambda plan: plan.target)]
    return [_Skips(name, of_it, api.token_of("skips", *(one.token for one in of_it))) for name, of_it in by_target]


def _skip(plan: api.SkipPlan | _Skips, chosen: api.Filters) -> Done:
    if isinstance(plan, _Skips):
        return _in_turn("skip", plan.target, [(one.course_key, one.token) for one in plan.plans], chosen)
    return _skipped(plan, chosen)


def _about_skips(plan: _Skips) -> Iterator[str]:
    problems = [problem for one in plan.plans for problem in one.problems]
    text = ngettext(
        "{name}: {n} operation would be skipped permanently. Lanes: {lanes}. This cannot be undone.",
        "{name}: {n} operations would be skipped permanently. Lanes: {lanes}. This cannot be undone.",
        len(problems),
    )
    yield text.format(name=plan.target, n=len(problems), lanes=len(plan.plans))
    yield from in_background(len(plan.plans))
    yield from first_of([_problem(problem) for problem in problems])


def _about_skip(plan: api.SkipPlan) -> Iterator[str]:
    text = ngettext(
        "{name}, {course}: {n} operation would be skipped permanently. This cannot be undone.",
        "{name}, {course}: {n} operations would be skipped permanently. This cannot be undone.",
        len(plan.problems),
    )
    yield text.format(name=plan.target, course=plan.course_key, n=len(plan.problems))
    yield from first_of([_problem(problem) for problem in plan.problems])


def _skipped(plan: api.SkipPlan, chosen: api.Filters) -> Done:
    (skipped,) = api.skip_shown([plan.token], chosen)
    text = ngettext(
        "{n} operation was skipped permanently; the operations parked behind it go on.",
        "{n} operations were skipped permanently; the operations parked behind them go on.",
        skipped.operations,
    )
    return Done(skipped.error or text.format(n=skipped.operations), failed=bool(skipped.error))


def _problem(problem: api.OpenProblem) -> str:
    parked = _("({n} parked behind it)").format(n=problem.parked) if problem.parked else ""
    return " ".join(filter(None, (api.in_words(problem.operation), problem.entity_id, problem.reason, parked)))


def _about_reset(plan: api.ResetPlan) -> Iterator[str]:
    text = _("{name}, {host}: it would be forgotten what the target has of {courses}, and a snapshot would be sent.")
    yield text.format(name=plan.name, host=plan.host or _("no host"), courses=", ".join(plan.courses) or _("nothing"))
    yield _("Entities in the snapshot: {n}").format(n=plan.entities)
    if plan.excluded:
        yield _("Excluded entities, which it leaves out, so the target removes them: {n}").format(n=plan.excluded)
    yield _("Operations that are not delivered, which the snapshot replaces: {n}").format(n=plan.pending)
    yield _("Open problems, which are closed: {n}").format(n=plan.problems)
    if plan.deleted:
        yield _("The course is deleted, so there is no snapshot to send.")
    if plan.held_back:
        yield _("The target is paused or disabled: nothing is sent until it is resumed.")


def _reset(lane: Lane, plan: api.ResetPlan) -> Done:
    done = api.reset_shown(lane.target.name, plan.token, [lane.course.key])
    text = _("{name} gets a snapshot of {course}. Entities in it: {entities}. Problems that are closed: {problems}.")
    told = text.format(name=plan.name, course=lane.course.key, entities=done.entities, problems=done.problems)
    return Done(done.error or told, failed=bool(done.error))


def _reset_plans(lane: Lane) -> list[api.ResetPlan]:
    return [api.reset_plan(lane.target.name, [lane.course.key])]


#: Forgets what a target has of a course, and sends it a snapshot.
RESET = RowAction(
    name="reset",
    label=gettext_lazy("Reset"),
    plans=_reset_plans,
    describe=_about_reset,
    carry_out=_reset,
)
