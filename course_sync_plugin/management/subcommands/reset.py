"""The subcommand ``reset``: it forgets what a target has, and sends snapshots again."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_first,
    show_token,
)
from course_sync_plugin.management.subcommands.counts import entities


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")
    help_text = _("only the lanes of these courses (default: all)")
    parser.add_argument("--course", metavar="KEY", nargs="+", action="extend", default=[], help=help_text)
    confirming_arguments(parser)


def _reset(options: dict[str, Any], out: Output) -> int:
    name, courses = options["name"], list(dict.fromkeys(options["course"]))
    if len(options["token"]) > 1:
        raise WrongUsage(_("reset takes one token: that of its plan."))
    return confirmed(
        options, out, lambda: _show_plan(name, courses, out), lambda tokens: _carry_out(name, tokens[0], courses, out)
    )


def _show_plan(name: str, courses: Sequence[str], out: Output) -> tuple[int, list[str]]:
    plan = api.reset_plan(name, courses)
    text = ngettext(
        "{name}, {host}: would forget what it has of {n} course, and send it as a snapshot",
        "{name}, {host}: would forget what it has of {n} courses, and send each as a snapshot",
        len(plan.courses),
    )
    out.line(text.format(name=plan.name, host=plan.host or _("no host"), n=len(plan.courses)))
    show_first(plan.courses, lambda course: out.line(f"  {course}"), out)
    _show_numbers(plan, out)
    tokens = [plan.token] if plan.token else []
    if tokens:
        show_token(plan.token, out)
        ready_command(out, ["reset", name, *(word for course in courses for word in ("--course", course))], tokens)
    out.value(attrs.asdict(plan))
    return DONE, tokens


def _show_numbers(plan: api.ResetPlan, out: Output) -> None:
    out.line(_("  entities in the snapshots: {n}").format(n=plan.entities))
    if plan.excluded:
        text = _("  excluded entities, which the snapshots leave out, so the target removes them: {n}")
        out.line(text.format(n=plan.excluded))
    out.line(_("  operations that are not delivered, which the snapshots replace: {n}").format(n=plan.pending))
    out.line(_("  open problems, which are closed: {n}").format(n=plan.problems))
    if plan.deleted:
        out.line(_("  deleted courses, which are left out: {n}").format(n=len(plan.deleted)))
    if plan.held_back:
        out.line(_("  the target is paused or disabled: nothing is sent until 'resume'"))


def _carry_out(name: str, token: str, courses: Sequence[str], out: Output) -> int:
    done = api.reset_shown(name, token, courses)
    if done.error:
        out.line(done.error)
    else:
        _show_done(name, done, out)
    out.value(attrs.asdict(done))
    return FAILED if done.error else DONE


def _show_done(name: str, done: api.Reset, out: Output) -> None:
    text = ngettext(
        "{n} lane of {name} begins anew with a snapshot: {entities}; problems that are closed: {problems}.",
        "{n} lanes of {name} begin anew with a snapshot: {entities}; problems that are closed: {problems}.",
        done.lanes,
    )
    out.line(text.format(n=done.lanes, name=name, entities=entities(done.entities), problems=done.problems))


RESET = Subcommand(
    "reset", gettext_lazy("forget what a target has, and send it snapshots of its courses"),
    "reset crm --course course-v1:Org+Course+Run", _reset, _arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
