"""``manage.py lms update_catalog_data``: what the catalog says, into the course overviews."""

from __future__ import annotations

import signal
import sys
import threading
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error
from django.utils.translation import gettext as _
from tqdm import tqdm

from course_sync_plugin import api, limits
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.keys import parse_course_id
from course_sync_plugin.management.subcommands.base import DONE, FAILED, Output, check_texts, said_by_database

_EXAMPLE = """example:
  manage.py lms update_catalog_data --check
  manage.py lms update_catalog_data --dry-run --course course-v1:Org+Course+Run
  manage.py lms update_catalog_data

exit status: 0 everything was read; 1 something was not, and it says what; 2 wrong usage.
A run that was interrupted is gone on with by the next one."""


class Command(BaseCommand):
    """Updates the course overviews from the catalog."""

    help = "Bring marketing URLs, and what belongs to them, from the catalog into the course overviews."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Show the example as it is written."""
        parser = super().create_parser(prog_name, subcommand, epilog=_EXAMPLE, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what can be said on top of the configuration in the admin."""
        size = limits.CATALOG["page_size"].argument
        parser.add_argument("--page-size", type=size, metavar="N", help=_("runs asked for at once"))
        parser.add_argument(
            "--course", metavar="KEY", nargs="+", action="extend", default=[], help=_("these course runs alone")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("say what would change; write nothing"))
        parser.add_argument(
            "--check", action="store_true", help=_("can we reach the catalog and sign in, and what does it say?")
        )
        parser.add_argument("--json", action="store_true", help=_("print the result as JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run and exit with the status. SIGTERM ends it as Ctrl-C does: with a checkpoint."""
        out = Output(self.stdout, options["json"])
        try:
            check_texts(options)
            with _ended_by_sigterm():
                status = _check(out) if options["check"] else _update(options, out)
        except CourseSyncError as error:
            self.stderr.write(error.message)
            status = FAILED
        except Error as error:
            self.stderr.write(said_by_database(error))
            status = FAILED
        if status:
            sys.exit(status)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Python takes signals in its main thread alone; in another one the command is not who they are for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_args: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _check(out: Output) -> int:
    reached = api.check_catalog()
    out.line(_("Reached {url} in {seconds:.2f} s").format(url=reached.url, seconds=reached.seconds))
    out.line(_("Signed in as {who}").format(who=reached.signed_in_as))
    out.line(
        _("It has {n} course runs").format(n=_("an unknown number of") if reached.count is None else reached.count)
    )
    out.line(_("A run has the fields: {fields}").format(fields=", ".join(reached.fields) or _("none to see")))
    out.value(attrs.asdict(reached))
    return DONE


def _update(options: dict[str, Any], out: Output) -> int:
    courses = list(dict.fromkeys(map(parse_course_id, options["course"])))
    changes: list[api.CatalogChange] = []

    def show(change: api.CatalogChange) -> None:
        """Every change of a dry run is shown as it is found; otherwise the log has them."""
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
    _tell(result, out)
    value = {**result.tally.as_dict(), **attrs.asdict(result, filter=attrs.filters.exclude("tally"))}
    out.value(value | ({"changes": [attrs.asdict(change) for change in changes]} if options["dry_run"] else {}))
    return FAILED if result.incomplete or result.missing or result.state == api.CATALOG_OFF else DONE


def _advance(bar: Any, read: int, count: int | None) -> None:
    bar.total = count
    bar.update(read - bar.n)


def _tell(result: api.CatalogResult, out: Output) -> None:
    if result.state == api.CATALOG_OFF:
        out.line(
            _("Nothing was done: switched off in Catalog configurations, or all is stopped (course_sync.stopped).")
        )
        return
    counts = {name: number for name, number in result.tally.as_dict()["counts"].items() if number}
    if result.resumed:
        out.line(_("Went on where the run before had stopped."))
    out.line(
        _("{state}: {counts}; {pages} pages, {seconds:.1f} s").format(
            state=result.state,
            counts=", ".join(f"{name} {number}" for name, number in counts.items()) or _("nothing"),
            pages=result.tally.pages,
            seconds=result.seconds,
        )
    )
    for title, reasons in ((_("refused"), result.tally.refused), (_("kept"), result.tally.kept)):
        for reason, number in sorted(reasons.items()):
            out.line(f"  {title} {number}: {reason}")
    for failure in (text for text in result.tally.failures if text != result.error):
        out.line(_("  failure: {text}").format(text=failure))
    if result.unlisted:
        out.line(f"  {result.unlisted}")
    for course in result.missing:
        out.line(_("  the catalog has no {course}").format(course=course))
    if result.error:
        out.line(_("Not everything was read; the next run goes on there. {error}").format(error=result.error))
