"""The subcommand ``drift``: it shows where the catalog and Studio differ."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output, Subcommand


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--notify",
        metavar="ADDRESS",
        nargs="+",
        action="extend",
        default=[],
        help=_("send the result by e-mail to these addresses"),
    )


def _drift(options: dict[str, Any], out: Output) -> int:
    drifts = list(api.drift())
    head = (_("course"), _("column"), _("catalog"), _("here"), _("since"))
    out.table(head, [attrs.astuple(one) for one in drifts])
    out.value([attrs.asdict(one) for one in drifts])
    if options["notify"]:
        sent = api.notify_of_drift(drifts, options["notify"])
        out.line(ngettext("{n} e-mail was sent", "{n} e-mails were sent", sent).format(n=sent))
    return DONE


DRIFT = Subcommand(
    "drift", gettext_lazy("show where the catalog and Studio differ in values that Studio owns"), "drift --json",
    _drift, _arguments, has_json=True,
)  # fmt: skip
