"""The subcommand ``backfill``, which records the courses that were there before the plugin."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, tell_if_stopped
from course_sync_plugin.management.subcommands.counts import lanes
from course_sync_plugin.management.subcommands.signals import noted
from course_sync_plugin.sanitize import limits


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--target", metavar="NAME", default="", help=_("only lanes of this target (default: all)"))
    parser.add_argument(
        "--course", metavar="KEY", nargs="+", action="extend", default=[], help=_("only these courses (default: all)")
    )
    help_text = _("at most this number of courses that need something (default: all); the next call goes on")
    parser.add_argument("--limit", metavar="N", type=limits.BACKFILL_COURSES.argument, help=help_text)
    help_text = _("wait this long between two courses that need something (default: 0)")
    parser.add_argument("--sleep", metavar="SECONDS", type=limits.BACKFILL_SLEEP.argument, default=0, help=help_text)
    parser.add_argument(
        "--dry-run", action="store_true", help=_("show for each course what would be done, or why not; do nothing")
    )


def _backfill(options: dict[str, Any], out: Output) -> int:
    """Fill the gaps, at most ``--limit``. After SIGTERM or SIGINT no further course is begun."""
    tell_if_stopped(out)
    text = _("The backfill ends after this course; a second signal ends it at once.")
    with noted(text) as signals:
        plan = api.plan_backfill(api.courses_to_fill(options["course"]), options["target"], options["limit"])
        filled = plan.preview() if options["dry_run"] else _carried_out(plan, options["sleep"], signals, out)
        results = [*filled, *plan.others, *plan.left(filled)]
    _show(results, out, dry_run=options["dry_run"])
    out.value([_as_json(one) for one in results])
    if signals:
        return 128 + signals[0]
    return FAILED if any(one.failed for one in results) else DONE


def _carried_out(plan: api.BackfillPlan, sleep: float, signals: Sequence[int], out: Output) -> list[api.Filled]:
    filling = plan.carry_out(sleep, is_ending=lambda: bool(signals))
    return list(out.progress(filling, "course", len(plan.chosen)))


def _show(results: Sequence[api.Filled], out: Output, *, dry_run: bool) -> None:
    """Write a line for each course but those that need nothing or are left, and then the totals."""
    counts = Counter(one.outcome for one in results)
    for one in results:
        if one.outcome not in (api.FillOutcome.COMPLETE, api.FillOutcome.LEFT):
            out.line(f"{one.course_key}: {one.reason}")
    parts = _("{recorded} recorded, {lanes} made for courses recorded before, {failed} failed").format(
        recorded=counts[api.FillOutcome.RECORDED],
        lanes=lanes(sum(one.lanes for one in results)),
        failed=counts[api.FillOutcome.FAILED],
    )
    out.line(f"{_total(sum(one.done for one in results), len(results), dry_run=dry_run)}: {parts}")
    for reason, number in Counter(one.reason for one in results if _needs_no_line(one)).items():
        out.line(f"  {number} {reason}")
    if left := counts[api.FillOutcome.LEFT]:
        text = ngettext(
            "{n} course is left; the next 'backfill' goes on with it",
            "{n} courses are left; the next 'backfill' goes on with them",
            left,
        )
        out.line(text.format(n=left))


def _total(done: int, n: int, *, dry_run: bool) -> str:
    if dry_run:
        text = ngettext("{done} of {n} course would be filled", "{done} of {n} courses would be filled", n)
    else:
        text = ngettext("{done} of {n} course filled", "{done} of {n} courses filled", n)
    return text.format(done=done, n=n)


def _needs_no_line(one: api.Filled) -> bool:
    return one.outcome in (api.FillOutcome.SKIPPED, api.FillOutcome.COMPLETE)


def _as_json(one: api.Filled) -> dict[str, Any]:
    return {
        "course_id": one.course_key,
        "done": one.done,
        "outcome": one.outcome.value,
        "lanes": one.lanes,
        "reason": one.reason,
    }


BACKFILL = Subcommand(
    "backfill", gettext_lazy("record courses that were never recorded, and add lanes that targets lack"),
    "backfill --limit 100 --sleep 2", _backfill, _arguments, has_json=True,
    wakes=True,
    has_note=True,
)  # fmt: skip
