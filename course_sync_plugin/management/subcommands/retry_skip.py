"""The subcommands ``retry`` and ``skip``, for operations that failed."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage, name_few
from course_sync_plugin.management.subcommands.confirm import (
    Plans,
    agreed,
    agreeing_arguments,
    confirmed,
    confirming_arguments,
    ready_command,
    show_first,
    show_planned,
)
from course_sync_plugin.management.subcommands.counts import lanes, operations, parked
from course_sync_plugin.management.subcommands.filters import filter_arguments, read_filters
from course_sync_plugin.management.subcommands.pause_resume import named_target
from course_sync_plugin.management.subcommands.retry_batches import is_throttled, retry_throttled, throttle_arguments

#: The options of the filters, in the order in which a ready command repeats them.
_FILTERS = ("course", "entity_type", "operation", "since", "until", "id", "cause")


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET", nargs="?", default="", help=_("the target (default: all)"))
    filter_arguments(parser)
    help_text = _("only this cause: the digest that 'errors' shows, or its first characters")
    parser.add_argument("--cause", metavar="DIGEST", default="", help=help_text)


def _chosen(options: dict[str, Any]) -> api.Filters:
    """Return the filters. Raises UnknownName if a target and a course are named and the target has no such lane.

    Raises WrongUsage for what cannot be the digest of a cause.
    """
    cause = options["cause"].strip().lower()
    if cause and not re.fullmatch("[0-9a-f]{8,64}", cause):
        raise WrongUsage(_("--cause takes the digest of a cause, or at least its first 8 characters."))
    chosen = attrs.evolve(read_filters({**options, "target": named_target(options)}), cause=cause)
    api.check_lane(chosen)
    return chosen


def _words(name: str, options: dict[str, Any]) -> list[str]:
    """Return the words of the command that finds the same operations."""
    target = named_target(options)
    filters = [(f"--{one.replace('_', '-')}", options[one]) for one in _FILTERS if options[one]]
    return [name, *([target] if target else []), *(word for pair in filters for word in pair)]


def _retry_arguments(parser: ArgumentParser) -> None:
    _arguments(parser)
    throttle_arguments(parser)
    agreeing_arguments(parser)


def _retry(options: dict[str, Any], out: Output) -> int:
    chosen = _chosen(options)
    plans = Plans(
        find=lambda: api.retry_plans(chosen),
        show=lambda plan: _show_retry(plan, out),
        as_json=_planned_retry,
        carry_out=lambda found: _carry_out_retry(found, chosen, options, out),
        nothing=_("There is nothing to retry."),
        command=_words("retry", options),
    )
    return agreed(options, out, plans)


def _show_retry(plan: api.RetryPlan, out: Output) -> None:
    failed, courses = len(plan.problems), {problem.course_key for problem in plan.problems}
    text = ngettext(
        "{target}: would retry {n} failed operation, in {lanes}",
        "{target}: would retry {n} failed operations, in {lanes}",
        failed,
    )
    out.line(text.format(target=plan.target, n=failed, lanes=lanes(len(courses))))
    show_first(plan.problems, lambda problem: _show_problem(problem, out), out)
    if plan.failing:
        out.line(_("  lanes that are failing and would start again: {n}").format(n=plan.failing))
    if plan.waiting:
        out.line(_("  lanes that wait for an attempt and would make it at once: {n}").format(n=plan.waiting))


def _planned_retry(plan: api.RetryPlan) -> dict[str, Any]:
    return {
        "target": plan.target,
        "operations": [problem.operation_id for problem in plan.problems],
        "courses": plan.courses,
        "failing": plan.failing,
        "waiting": plan.waiting,
        "token": plan.token,
    }


def _carry_out_retry(plans: Sequence[api.RetryPlan], chosen: api.Filters, options: dict[str, Any], out: Output) -> int:
    if is_throttled(options):
        return retry_throttled(plans, chosen, options, out)
    done = [api.carry_out_retry(plan, chosen) for plan in plans]
    retried, restarted = sum(one.operations for one in done), sum(one.restarted for one in done)
    courses = [course for one in done for course in one.courses]
    text = _("{operations} in {lanes} will be planned and sent again.")
    out.line(text.format(operations=operations(retried), lanes=lanes(len(courses))))
    name_few(courses, out)
    if restarted:
        text = ngettext(
            "{n} lane that was failing starts again.", "{n} lanes that were failing start again.", restarted
        )
        out.line(text.format(n=restarted))
    out.value({"retried": retried, "lanes": len(courses), "courses": courses, "restarted": restarted})
    return DONE


def _skip_arguments(parser: ArgumentParser) -> None:
    _arguments(parser)
    confirming_arguments(parser)


def _skip(options: dict[str, Any], out: Output) -> int:
    """Show the failed operations, or skip those that were shown. ``--id`` with ``--yes`` names one as a token does."""
    chosen, words = _chosen(options), _words("skip", options)
    if chosen.id and options["yes"] and not options["token"]:
        tokens = [plan.token for plan in api.skip_plans(chosen)]
        return _carry_out(tokens, chosen, out) if tokens else _no_failed(out)
    return confirmed(
        options, out, lambda: _show_failed(chosen, words, out), lambda tokens: _carry_out(tokens, chosen, out)
    )


def _no_failed(out: Output) -> int:
    out.line(_("There are no failed operations."))
    out.value({"skipped": 0, "tokens": []})
    return FAILED


def _show_failed(chosen: api.Filters, words: Sequence[str], out: Output) -> tuple[int, list[str]]:
    plans = api.skip_plans(chosen)
    for plan in plans:
        _show(plan, out)
    if not plans:
        out.line(_("There are no failed operations."))
    tokens = [plan.token for plan in plans]
    ready_command(out, words, tokens)
    out.value([_planned(plan) for plan in plans])
    return DONE, tokens


def _show(plan: api.SkipPlan, out: Output) -> None:
    text = _("{target}, {course}: would skip {operations} permanently")
    out.line(text.format(target=plan.target, course=plan.course_key, operations=operations(len(plan.problems))))
    show_planned(plan.problems, plan.token, lambda problem: _show_problem(problem, out), out)


def _show_problem(problem: api.OpenProblem, out: Output) -> None:
    reason = f": {problem.reason}" if problem.reason else ""
    out.line(f"  {problem.operation} {problem.entity_id}{reason}")
    if problem.parked:
        out.line(f"    {parked(problem.parked)}")


def _planned(plan: api.SkipPlan) -> dict[str, Any]:
    operations = [problem.operation_id for problem in plan.problems]
    return {"target": plan.target, "course_id": plan.course_key, "operations": operations, "token": plan.token}


def _carry_out(tokens: Sequence[str], chosen: api.Filters, out: Output) -> int:
    skipped = api.skip_shown(tokens, chosen)
    for one in skipped:
        if one.error:
            out.line(one.error)
    total = sum(one.operations for one in skipped)
    if total or not any(one.error for one in skipped):
        _show_skipped(total, out)
    out.value({"skipped": total, "tokens": [attrs.asdict(one) for one in skipped]})
    return FAILED if any(one.error for one in skipped) else DONE


def _show_skipped(skipped: int, out: Output) -> None:
    text = ngettext(
        "{n} operation was skipped permanently; the operations parked behind it go on.",
        "{n} operations were skipped permanently; the operations parked behind them go on.",
        skipped,
    )
    out.line(text.format(n=skipped))


RETRY = Subcommand(
    "retry", gettext_lazy("plan failed operations again from the present course, and send them"), "retry crm --yes",
    _retry, _retry_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
SKIP = Subcommand(
    "skip", gettext_lazy("skip failed operations permanently and release the operations parked behind them"),
    "skip crm --id 261fd25b-4574-47d8-9594-4a4d68f4bdaf --yes", _skip, _skip_arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
