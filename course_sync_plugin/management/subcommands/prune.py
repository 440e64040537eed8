"""The subcommand ``prune``, which deletes what is old and not needed any more."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

import attrs
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, Subcommand, WrongUsage
from course_sync_plugin.management.subcommands.confirm import show_first


def _arguments(parser: ArgumentParser) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--plan", action="store_true", help=_("show what would be deleted and what stays (default)"))
    choice.add_argument("--yes", action="store_true", help=_("delete it"))
    help_text = _("write the rows to this new file first, as JSON lines, or to a new file in this folder")
    parser.add_argument("--archive", metavar="PATH", help=help_text)
    parser.add_argument("--optimize", action="store_true", help=_("let the database tidy its tables afterwards"))


def _prune(options: dict[str, Any], out: Output) -> int:
    if not options["yes"] and (options["archive"] is not None or options["optimize"]):
        raise WrongUsage(_("--archive and --optimize need --yes: without it nothing is done."))
    if options["archive"] == "":
        raise WrongUsage(_("--archive names no file."))
    one = api.Prune(options["archive"] or "")
    if options["yes"]:
        for _number in out.progress(one.carry_out(), "batch"):
            pass
        api.record_prune(one.result)
    pruned = one.result if options["yes"] else one.plan()
    _show(pruned, out, carried_out=options["yes"])
    tidied = api.optimize_tables() if options["optimize"] else []
    for table in tidied:
        out.line(f"{table.statement} {table.table}: {table.error or _('done')}")
    out.value(_as_json(pruned, tidied, carried_out=options["yes"]))
    return FAILED if any(table.error for table in tidied) else DONE


def _show(pruned: api.Pruned, out: Output, *, carried_out: bool) -> None:
    out.line(_("Deleted:") if carried_out else _("Would delete:"))
    out.table((_("  table"), _("rows")), [(f"  {name}", number) for name, number in pruned.rows.items()])
    if pruned.archive:
        out.line(_("They are archived in {path}.").format(path=pruned.archive))
    _show_kept(pruned.kept, out)
    if carried_out:
        out.line(ngettext("{n} day was summarised", "{n} days were summarised", pruned.days).format(n=pruned.days))
    else:
        out.line(_("'prune --yes' deletes what is that old then."))


def _show_kept(kept: api.Kept, out: Output) -> None:
    text = ngettext(
        "{n} old operation of the journals stays:", "{n} old operations of the journals stay:", kept.operations
    )
    out.line(text.format(n=kept.operations))
    text = ngettext("  {n} belongs to a problem", "  {n} belong to a problem", kept.problems)
    out.line(text.format(n=kept.problems))
    text = ngettext(
        "  {n} is the last of a course, or the last that a lane has passed",
        "  {n} are the last of a course, or the last that a lane has passed",
        kept.ends,
    )
    out.line(text.format(n=kept.ends))
    show_first(list(_waiting(kept)), out.line, out)


def _waiting(kept: api.Kept) -> Iterator[str]:
    for lane, n in kept.lanes.most_common():
        text = ngettext(
            "  {n} waits for the lane of {target} and {course} ({why})",
            "  {n} wait for the lane of {target} and {course} ({why})",
            n,
        )
        yield text.format(n=n, target=lane.target, course=lane.course_key, why=lane.why)


def _as_json(pruned: api.Pruned, tidied: list[api.Optimized], *, carried_out: bool) -> dict[str, Any]:
    kept = pruned.kept
    lanes = [
        {"target": lane.target, "course_id": lane.course_key, "state": lane.why, "operations": number}
        for lane, number in kept.lanes.most_common()
    ]
    return {
        "carried_out": carried_out,
        "rows": pruned.rows,
        "kept": {"operations": kept.operations, "problems": kept.problems, "ends": kept.ends, "lanes": lanes},
        "summarised_days": pruned.days,
        "archive": pruned.archive or None,
        "optimized": [attrs.asdict(table) for table in tidied],
    }


PRUNE = Subcommand(
    "prune", gettext_lazy("delete attempts, problems and journal rows that are old and that no lane needs"),
    "prune --yes --archive /var/backups/course-sync", _prune, _arguments, has_json=True, has_note=True,
)  # fmt: skip
