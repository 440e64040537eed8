"""The options ``--limit`` and ``--sleep`` of ``retry``, which retry many lanes in small steps."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, Output
from course_sync_plugin.management.subcommands.counts import lanes, operations
from course_sync_plugin.management.subcommands.signals import noted
from course_sync_plugin.sanitize import limits

#: Lanes of one step if nothing is to be waited for.
STEP = 100


def throttle_arguments(parser: ArgumentParser) -> None:
    """Add ``--limit`` and ``--sleep``."""
    help_text = _("at most this number of lanes (default: all); the next call goes on with the others")
    parser.add_argument("--limit", metavar="N", type=limits.RETRY_LANES.argument, help=help_text)
    help_text = _("wait this long between two lanes (default: 0)")
    parser.add_argument("--sleep", metavar="SECONDS", type=limits.RETRY_SLEEP.argument, default=0, help=help_text)


def is_throttled(options: dict[str, Any]) -> bool:
    """Tell whether one of the two options was given."""
    return bool(options["limit"] or options["sleep"])


def retry_throttled(plans: Sequence[api.RetryPlan], chosen: api.Filters, options: dict[str, Any], out: Output) -> int:
    """Carry out plans in steps. After SIGTERM or SIGINT no further step is begun (status 143 or 130)."""
    step = 1 if options["sleep"] else STEP
    number = api.lanes_in(plans, options["limit"])
    with noted(_("The retry ends after this lane; a second signal ends it at once.")) as signals:
        steps = api.retry_in_batches(plans, step, options["sleep"], lambda: bool(signals), options["limit"], chosen)
        done = list(out.progress(steps, "step", -(-number // step)))
    value = {
        "retried": sum(one.operations for one in done),
        "lanes": sum(one.lanes for one in done),
        "restarted": sum(one.restarted for one in done),
    }
    value["left"] = api.lanes_in(plans) - value["lanes"]
    _show(value, out)
    out.value(value)
    return 128 + signals[0] if signals else DONE


def _show(value: Mapping[str, int], out: Output) -> None:
    retried, in_lanes, left = operations(value["retried"]), lanes(value["lanes"]), value["left"]
    text = _("{retried} in {lanes} will be planned and sent again; lanes that were failing: {restarted}.")
    out.line(text.format(retried=retried, lanes=in_lanes, restarted=value["restarted"]))
    if left:
        text = ngettext(
            "{n} lane is left; the next 'retry' goes on with it",
            "{n} lanes are left; the next 'retry' goes on with them",
            left,
        )
        out.line(text.format(n=left))
