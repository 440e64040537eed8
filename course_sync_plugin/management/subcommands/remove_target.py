"""The subcommand ``remove-target``."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import (
    confirmed,
    confirming_arguments,
    ready_command,
    show_first,
    show_token,
)
from course_sync_plugin.management.subcommands.counts import lanes, open_problems


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="TARGET")
    confirming_arguments(parser)


def _remove(options: dict[str, Any], out: Output) -> int:
    name = options["name"]
    if len(options["token"]) > 1:
        raise WrongUsage(_("remove-target takes one token: that of the target."))
    return confirmed(options, out, lambda: _show_plan(name, out), lambda tokens: _carry_out(name, tokens, out))


def _show_plan(name: str, out: Output) -> tuple[int, list[str]]:
    plan = api.removal_plan(name)
    text = _("Would remove target {name}: {backend} {host}")
    out.line(text.format(name=plan.name, backend=plan.backend, host=plan.host).rstrip())
    for label, value in _about(plan):
        out.line(f"  {label}: {value}")
    _show_list(_("courses with a context"), [*map(_context, plan.contexts.items())], out)
    _show_list(_("lanes"), plan.lanes, out)
    if plan.links:
        _show_list(_("links, which end; what is there stays there"), plan.links, out)
        text = _("  conflicts and proposals that end undecided: {conflicts}, {proposals}")
        out.line(text.format(conflicts=plan.conflicts, proposals=plan.proposals))
    out.line(_("  operations that are not delivered: {n}").format(n=plan.pending))
    problems = ", ".join(f"{n} {state}" for state, n in sorted(plan.problems.items()))
    out.line(_("  open problems: {counts}").format(counts=problems or _("none")))
    show_token(plan.token, out)
    out.line(_stays())
    ready_command(out, ["remove-target", name], [plan.token])
    out.value(attrs.asdict(plan))
    return DONE, [plan.token]


def _about(plan: api.RemovalPlan) -> Iterator[tuple[str, str]]:
    yield _("subscriptions"), ", ".join(plan.subscriptions) or _("all courses")
    yield _("entity types"), ", ".join(plan.entity_types) or _("all")
    for name, value in plan.options.items():
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_list(label: str, entries: Sequence[str], out: Output) -> None:
    out.line(f"  {label}: {len(entries)}")
    show_first(entries, lambda entry: out.line(f"    {entry}"), out, indent="    ")


def _context(context: tuple[str, Mapping[str, str]]) -> str:
    course, values = context
    return f"{course}: {', '.join(f'{name}={value}' for name, value in sorted(values.items()))}"


def _carry_out(name: str, tokens: Sequence[str], out: Output) -> int:
    removed = api.remove_shown(name, tokens[0])
    if removed.error:
        out.line(removed.error)
        out.line(_("Target {name} is not removed.").format(name=name))
    else:
        text = _("Target {name} is removed, with {lanes} and {problems}.")
        text = text.format(name=name, lanes=lanes(removed.lanes), problems=open_problems(removed.problems))
        out.line(f"{text} {_stays()}")
    out.value({"name": name, "removed": not removed.error, **attrs.asdict(removed)})
    return FAILED if removed.error else DONE


def _stays() -> str:
    return _("The journal stays. So does the data that the receiver has.")


REMOVE_TARGET = Subcommand(
    "remove-target", gettext_lazy("show what would go with a target, and remove the target"),
    "remove-target crm --yes --token 0a1b2c3d4e5f", _remove, _arguments, has_json=True,
    has_note=True,
)  # fmt: skip
