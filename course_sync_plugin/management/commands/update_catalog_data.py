"""The command ``manage.py lms update_catalog_data``: it copies catalog data into the course overviews."""

from __future__ import annotations

import signal
import sys
from argparse import RawDescriptionHelpFormatter
from typing import Any

import attrs
from django.core.management.base import CommandParser
from django.db import Error
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.management.english import EnglishCommand
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, check_texts, database_error_text
from course_sync_plugin.management.subcommands.signals import handled
from course_sync_plugin.sanitize import limits

_EXAMPLE = """example:
  manage.py lms update_catalog_data --check
  manage.py lms update_catalog_data --dry-run --course course-v1:Org+Course+Run
  manage.py lms update_catalog_data

exit status: 0 everything was read; 1 something was not read, and a message says what; 2 wrong usage.
The next run continues a run that was interrupted."""


class Command(EnglishCommand):
    """Updates the course overviews from the catalog."""

    help = "Copy marketing URLs and related values of course runs from the catalog into the course overviews."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Show the example as it is written."""
        parser = super().create_parser(prog_name, subcommand, epilog=_EXAMPLE, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options. ``--page-size`` overrides the configuration in the admin."""
        size = limits.CATALOG["page_size"].argument
        parser.add_argument("--page-size", type=size, metavar="N", help=_("course runs per request to the catalog"))
        parser.add_argument(
            "--course", metavar="KEY", nargs="+", action="extend", default=[], help=_("only these course runs")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("show what would change; write nothing"))
        parser.add_argument(
            "--check",
            action="store_true",
            help=_("check that the catalog can be reached and accepts the sign-in; show what it returns"),
        )
        parser.add_argument("--json", action="store_true", help=_("print the result as JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run and exit with the status. SIGTERM ends the run as Ctrl-C does: the run saves a checkpoint."""
        out = Output(self.stdout, options["json"])
        try:
            check_texts(options)
            with handled(_end, signal.SIGTERM):
                status = _check(out) if options["check"] else _update(options, out)
        except CourseSyncError as error:
            self.stderr.write(error.message)
            status = FAILED
        except Error as error:
            self.stderr.write(database_error_text(error))
            status = FAILED
        if status:
            sys.exit(status)


def _end(number: int, *_args: object) -> None:
    """Let a signal end the run."""
    sys.exit(128 + number)


def _check(out: Output) -> int:
    reached = api.check_catalog()
    out.line(_("Reached {url} in {seconds:.2f} s").format(url=reached.url, seconds=reached.seconds))
    out.line(_("Signed in as {who}").format(who=reached.signed_in_as))
    if reached.count is None:
        out.line(_("It has an unknown number of course runs"))
    else:
        out.line(ngettext("It has {n} course run", "It has {n} course runs", reached.count).format(n=reached.count))
    out.line(
        _("A run has the fields: {fields}").format(
            fields=", ".join(reached.fields) or _("none, the catalog has no run")
        )
    )
    out.value(attrs.asdict(reached))
    return DONE


def _update(options: dict[str, Any], out: Output) -> int:
    courses = list(dict.fromkeys(map(parse_course_id, options["course"])))
    changes: list[api.CatalogChange] = []

    def show(change: api.CatalogChange) -> None:
        """Show each change of a dry run when it is found. The changes of other runs are in the log."""
        if options["dry_run"]:
            out.line(f"{change.course_key} {change.column}: {change.old!r} -> {change.new!r}")
            changes.extend([change] if options["json"] else [])

    with tqdm(unit="run", disable=True if options["json"] else None, leave=False) as bar:
        result = api.update_catalog_data(
            api.CatalogOptions(
                courses=courses,
                page_size=options["page_size"],
                dry_run=options["dry_run"],
                on_page=lambda read, count: _advance(bar, read, count),
                on_change=show,
            )
        )
    _show_result(result, out)
    value = {**result.run_counts.as_dict(), **attrs.asdict(result, filter=attrs.filters.exclude("run_counts"))}
    out.value(value | ({"changes": [attrs.asdict(change) for change in changes]} if options["dry_run"] else {}))
    return FAILED if result.incomplete or result.missing or result.state == api.CATALOG_OFF else DONE


def _advance(bar: Any, read: int, count: int | None) -> None:
    bar.total = count
    bar.update(read - bar.n)


def _show_result(result: api.CatalogResult, out: Output) -> None:
    if result.state == api.CATALOG_OFF:
        out.line(
            _(
                "Nothing was done: in the admin, Catalog configurations, the sync is not enabled, "
                "or the switch course_sync.stopped is on."
            )
        )
        return
    counts = {name: number for name, number in result.run_counts.as_dict()["counts"].items() if number}
    if result.resumed:
        out.line(_("Continued where the previous run had stopped."))
    out.line(
        _("{state}: {counts}; pages: {pages}, {seconds:.1f} s").format(
            state=result.state,
            counts=", ".join(f"{name} {number}" for name, number in counts.items()) or _("nothing"),
            pages=result.run_counts.pages,
            seconds=result.seconds,
        )
    )
    for title, reasons in ((_("refused"), result.run_counts.refused), (_("kept"), result.run_counts.kept)):
        for reason, number in sorted(reasons.items()):
            out.line(f"  {title} {number}: {reason}")
    for failure in (text for text in result.run_counts.failures if text != result.error):
        out.line(_("  failure: {text}").format(text=failure))
    if result.unlisted:
        out.line(f"  {result.unlisted}")
    for course in result.missing:
        out.line(_("  the catalog has no {course}").format(course=course))
    if result.error:
        out.line(_("Not everything was read; the next run continues from there. {error}").format(error=result.error))
