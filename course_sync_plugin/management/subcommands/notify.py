"""The subcommand ``notify``: shows the rules of notifications, and tests their channels."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand

#: The value of ``--test`` without a name.
_ALL = ""


def _arguments(parser: ArgumentParser) -> None:
    help_text = _("send a test message through this channel (default: through each that is enabled)")
    parser.add_argument("--test", nargs="?", metavar="CHANNEL", const=_ALL, help=help_text)


def _notify(options: dict[str, Any], out: Output) -> int:
    return _show(out) if options["test"] is None else _test(options["test"], out)


def _test(name: str, out: Output) -> int:
    tests = api.try_channels(name)
    for one in tests:
        said = _("not sent: {error}").format(error=one.error) if one.error else _("sent")
        out.line(f"{one.channel} ({one.kind}): {said}")
    out.value({"tests": [attrs.asdict(one) for one in tests]})
    return FAILED if any(one.error for one in tests) else DONE


def _show(out: Output) -> int:
    found = api.notifications()
    _channels(found["channels"], out)
    _rules(found["rules"], out)
    _notices(found["notices"], found["notices_total"], out)
    out.value(found)
    return DONE


def _channels(channels: Sequence[dict[str, Any]], out: Output) -> None:
    out.line(_("Channels"))
    rows = [(one["name"], one["kind"], one["address"], _on(one["enabled"]), one["error"]) for one in channels]
    out.table((_("name"), _("kind"), _("address"), _("on"), _("last error")), rows)


def _rules(rules: Sequence[dict[str, Any]], out: Output) -> None:
    out.line()
    out.line(_("Rules"))
    names = ("id", "event", "threshold_seconds", "target", "channel", "cooldown_seconds")
    rows = [(*(_text(one[name]) for name in names), _on(one["enabled"])) for one in rules]
    head = (_("id"), _("event"), _("after (s)"), _("target"), _("channel"), _("cool-down (s)"), _("on"))
    out.table(head, rows)


def _notices(notices: Sequence[dict[str, Any]], total: int, out: Output) -> None:
    out.line()
    out.line(_("Open notices"))
    names = ("rule", "event", "subject", "since", "times", "last_sent_at")
    rows = [tuple(_text(one[name]) for name in names) for one in notices]
    out.table((_("rule"), _("event"), _("subject"), _("since"), _("times"), _("last told")), rows)
    if total > len(notices):
        out.line(_("and {n} more").format(n=total - len(notices)))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else value or "-"


def _on(enabled: bool) -> str:
    return _("yes") if enabled else _("no")


NOTIFY = Subcommand(
    "notify", gettext_lazy("show the channels, rules and open notices of notifications, or test the channels"),
    "notify --test ops", _notify, _arguments, has_json=True,
)  # fmt: skip
