"""The subcommand ``raise``, which delivers one course before the others."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("course", metavar="COURSE")
    parser.add_argument("--target", metavar="NAME", default="", help=_("only at this target (default: all)"))
    parser.add_argument("--undo", action="store_true", help=_("let the course take its turn again"))


def _raise(options: dict[str, Any], out: Output) -> int:
    lanes = api.raise_course(options["course"], options["target"], undo=options["undo"])
    for lane in lanes:
        out.line(f"{lane.target}: {_said(lane)}")
    out.value({"course_id": options["course"], "lanes": [attrs.asdict(lane) for lane in lanes]})
    return DONE


def _said(lane: api.RaisedLane) -> str:
    if lane.raised:
        begins = _("comes first from now on") if lane.changed else _("came first already")
        waits = ngettext("{n} operation waits.", "{n} operations wait.", lane.pending)
        return f"{begins}; {waits.format(n=lane.pending)}"
    return _("takes its turn again.") if lane.changed else _("was not raised.")


RAISE = Subcommand(
    "raise", gettext_lazy("deliver one course before the others, until it is undone"),
    "raise course-v1:Org+Course+Run --target crm", _raise, _arguments, has_json=True, has_note=True,
)  # fmt: skip
