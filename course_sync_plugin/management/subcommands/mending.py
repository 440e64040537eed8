"""retry, skip: what to do about operations that failed."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirming import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_planned,
)


def _mending_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")
    parser.add_argument("--course", metavar="KEY", default="", help=_("its lane through this course alone"))
    help_text = _("this failed operation alone (default: all)")
    parser.add_argument("--operation", metavar="ID", default="", help=help_text)


def _retry(options: dict[str, Any], out: Output) -> int:
    taken = api.retry(options["name"], options["course"], options["operation"])
    out.line(_("{n} operations are planned anew.").format(n=taken))
    out.value({"retried": taken})
    return DONE


def _skip_arguments(parser: ArgumentParser) -> None:
    _mending_arguments(parser)
    confirming_arguments(parser)


def _skip(options: dict[str, Any], out: Output) -> int:
    """One operation that is named is given up at once; all that failed are shown first."""
    name, course, operation = options["name"], options["course"], options["operation"]
    if not operation:
        return confirmed(
            options, out, lambda: _show_failed(name, course, out), lambda tokens: _give_up(name, tokens, course, out)
        )
    if options["token"]:
        raise WrongUsage(_("--operation and --token do not go together: each says what is given up."))
    skipped = api.skip(name, operation, course)
    _show_given_up(skipped, out)
    out.value({"skipped": skipped})
    return DONE


def _show_failed(name: str, course: str, out: Output) -> tuple[int, list[str]]:
    plans = api.skip_plans(name, course)
    for plan in plans:
        _show(plan, out)
    if not plans:
        out.line(_("Nothing failed there."))
    tokens = [plan.token for plan in plans]
    ready_command(out, ["skip", name, *(["--course", course] if course else [])], tokens)
    out.value([_planned(plan) for plan in plans])
    return DONE, tokens


def _show(plan: api.SkipPlan, out: Output) -> None:
    said = _("{target}, {course}: would give up {n} operations for good")
    out.line(said.format(target=plan.target, course=plan.course_key, n=len(plan.problems)))
    show_planned(plan.problems, plan.token, lambda problem: _show_problem(problem, out), out)


def _show_problem(problem: api.OpenProblem, out: Output) -> None:
    out.line(f"  {problem.operation} {problem.entity_id} {problem.reason}".rstrip())
    if problem.parked:
        out.line(_("    {n} are parked behind it").format(n=problem.parked))


def _planned(plan: api.SkipPlan) -> dict[str, Any]:
    operations = [problem.operation_id for problem in plan.problems]
    return {"course_id": plan.course_key, "operations": operations, "token": plan.token}


def _give_up(name: str, tokens: Sequence[str], course: str, out: Output) -> int:
    skipped = api.skip_shown(name, tokens, course)
    for one in skipped:
        if one.error:
            out.line(one.error)
    total = sum(one.operations for one in skipped)
    _show_given_up(total, out)
    out.value({"skipped": total, "tokens": [attrs.asdict(one) for one in skipped]})
    return FAILED if any(one.error for one in skipped) else DONE


def _show_given_up(skipped: int, out: Output) -> None:
    out.line(_("{n} operations are given up; what waited behind them goes on.").format(n=skipped))


RETRY = Subcommand(
    "retry", gettext_lazy("plan failed operations anew, from what the course is now"), "retry crm", _retry,
    _mending_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
SKIP = Subcommand(
    "skip", gettext_lazy("give up failed operations for good and release what waits behind them"),
    "skip crm --operation 261fd25b-4574-47d8-9594-4a4d68f4bdaf", _skip, _skip_arguments, has_json=True,
    wakes=True,
)  # fmt: skip
