"""The subcommand ``actions``: it lists what operators did."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.data import utc_text
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand
from course_sync_plugin.management.subcommands.filters import read_filters

#: The most actions that are shown to people. JSON has all that the options choose.
SHOWN = 50

#: The filters on operations, which this subcommand does not have.
_NONE = {"entity_type": "", "operation": "", "id": ""}


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--target", metavar="NAME", default="", help=_("only what concerned this target alone"))
    parser.add_argument("--course", metavar="KEY", default="", help=_("only what concerned this course alone"))
    moments = _("a date, a time in UTC, or how long ago, such as 2h or 3d")
    parser.add_argument("--since", metavar="TIME", default="", help=_("only what was done then or later: ") + moments)
    parser.add_argument("--until", metavar="TIME", default="", help=_("only what was done before then"))


def _actions(options: dict[str, Any], out: Output) -> int:
    chosen = read_filters({**options, **_NONE})
    limit = None if out.as_json else SHOWN + 1
    found = api.actions(chosen.target, chosen.course, chosen.since, chosen.until, limit)
    for action in found[:SHOWN]:
        _show(action, out)
    if not found:
        out.line(_("No operator has done anything that these options choose."))
    if len(found) > SHOWN:
        out.line(_("There are older ones; '--until TIME' or '--json' shows them."))
    out.value([_as_json(action) for action in found])
    return DONE


def _show(action: api.Action, out: Output) -> None:
    about = " ".join(filter(None, (action.action, action.target, action.course_key)))
    out.line(f"{utc_text(action.at)} {action.operator}: {about}")
    if action.note:
        out.line(_("  note: {note}").format(note=action.note))
    for label, values in ((_("asked"), action.arguments), (_("changed"), action.changed)):
        if text := _as_text(values):
            out.line(f"  {label}: {text}")


def _as_text(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_value(value)}" for name, value in values.items() if value not in ("", None, [], {}))


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _as_text(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_json(action: api.Action) -> dict[str, Any]:
    return {
        "id": action.id,
        "at": utc_text(action.at),
        "operator": action.operator,
        "action": action.action,
        "target": action.target,
        "course_id": action.course_key,
        "arguments": action.arguments,
        "note": action.note,
        "changed": action.changed,
    }


ACTIONS = Subcommand(
    "actions", gettext_lazy("list what operators did: who, when, why, and what it changed; the newest first"),
    "actions --target crm --since 7d", _actions, _arguments, has_json=True,
)  # fmt: skip
