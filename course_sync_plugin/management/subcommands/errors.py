"""The subcommand ``errors``: causes of errors with what operators noted, and the steps that assign, note or resolve."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.filters import filter_arguments, read_filters
from course_sync_plugin.management.subcommands.problems import cause_lines, total_lines, write_lines
from course_sync_plugin.management.subcommands.words import one_of

_LIST = "list"
_STEPS = ("assign", "note", "resolve", "reopen")

#: The characters of a digest that are shown: more than enough to name a cause.
_SHOWN = 12


def _arguments(parser: ArgumentParser) -> None:
    words = (_LIST, *_STEPS)
    help_text = _("list (default), assign, note, resolve or reopen")
    parser.add_argument("step", metavar="STEP", nargs="?", type=one_of(*words), default=_LIST, help=help_text)
    help_text = _("the cause, as the list names it: the first characters of its digest are enough")
    parser.add_argument("name", metavar="CAUSE", nargs="?", default="", help=help_text)
    help_text = _("with 'assign': the name of the user; if it is left out, the cause is assigned to nobody")
    parser.add_argument("user", metavar="USER", nargs="?", default="", help=help_text)
    help_text = _("which causes are listed: open (default; also those that came back), resolved or all")
    parser.add_argument("--state", metavar="STATE", type=one_of(*api.NOTED_STATES), default="open", help=help_text)
    filter_arguments(parser)


def _errors(options: dict[str, Any], out: Output) -> int:
    return _list(options, out) if options["step"] == _LIST else _take(options, out)


def _list(options: dict[str, Any], out: Output) -> int:
    if options["name"] or options["user"]:
        raise WrongUsage(_("Say what to do with the cause: assign, note, resolve or reopen."))
    found = api.errors(read_filters(options), state=options["state"])
    for cause in [*found.listed["causes"], *found.ended]:
        write_lines(_cause(cause), out)
    write_lines(total_lines(found.listed) if found.listed["causes"] or not found.ended else iter(()), out)
    if found.more:
        text = ngettext(
            "{n} more cause is not shown; narrow the filters.",
            "{n} more causes are not shown; narrow the filters.",
            found.more,
        )
        out.line(text.format(n=found.more))
    if found.hidden:
        out.line(_("Causes in another state: {n}; --state all shows them.").format(n=found.hidden))
    out.value({**found.listed, "more": found.more, "hidden": found.hidden, "ended": found.ended})
    return DONE


def _cause(cause: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    if "example" in cause:
        yield from cause_lines(cause)
    else:
        yield 0, _("{target}: {state}, gone").format(target=cause["target"], state=cause["state"])
        yield 2, cause["reason"] or _("(no reason)")
    noted = cause["noted"]
    yield 2, _("cause {digest}: {state}").format(digest=cause["cause"][:_SHOWN], state=noted["state"])
    if noted["assignee"]:
        yield 2, _("assigned to {name}").format(name=noted["assignee"])
    for step in noted["steps"]:
        yield 4, " ".join(filter(None, (step["at"], step["operator"], step["action"], step["assignee"], step["note"])))


def _take(options: dict[str, Any], out: Output) -> int:
    if not options["name"]:
        raise WrongUsage(_("Name the cause; 'errors' lists them."))
    if options["user"] and options["step"] != "assign":
        raise WrongUsage(_("Only 'assign' takes a user."))
    plan = api.step_plan(f"{options['step']}-cause", options["name"], options["target"].strip(), options["user"])
    row = api.carry_out_step(plan)
    assignee = row.assignee.get_username() if row.assignee else ""
    out.line(f"{plan.target}: {plan.reason}")
    if assignee:
        out.line(_("  assigned to {name}").format(name=assignee))
    out.line(_("  {state}").format(state=row.get_state_display()))
    out.value({"cause": row.digest, "target": plan.target, "state": row.state, "assignee": assignee})
    return DONE


ERRORS = Subcommand(
    "errors", gettext_lazy("list causes of errors with what was noted; assign, note, resolve or reopen one"),
    'errors resolve 4f1d2c9a --note "their disk was full"', _errors, _arguments, has_json=True,
    has_note=True,
)  # fmt: skip
