"""``manage.py course_sync``: everything an operator does."""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.management.subcommands import SUBCOMMANDS
from course_sync_plugin.management.subcommands.base import (
    FAILED,
    USAGE,
    Output,
    Subcommand,
    WrongUsage,
    check_texts,
    said_by_database,
)
from course_sync_plugin.tasks import wake_workers
from course_sync_plugin.wakeup import Waker


class Command(BaseCommand):
    """Hands over to a subcommand. Exit status 0: did its round; 1: could not do it, and it says what; 2: usage."""

    help = "Keeps other systems in step with the courses of this site."  # argparse wants a str at once

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the subcommands."""
        parsers = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
        for subcommand in SUBCOMMANDS:
            self._add(parsers, subcommand)

    @staticmethod
    def _add(parsers: Any, subcommand: Subcommand) -> None:
        parser = parsers.add_parser(
            subcommand.name,
            help=str(subcommand.help),
            description=str(subcommand.help),
            epilog=f"example:\n  manage.py course_sync {subcommand.example}",
            formatter_class=RawDescriptionHelpFormatter,
        )
        subcommand.arguments(parser)
        if subcommand.has_json:
            parser.add_argument("--json", action="store_true", help=_("print the result as JSON"))
        parser.set_defaults(run=subcommand.handle, wakes=subcommand.wakes)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand and exit with its status."""
        out = Output(self.stdout, options.get("json", False))
        try:
            check_texts(options)
            status = options["run"](options, out)
        except CourseSyncError as error:
            self.stderr.write(error.message)
            status = USAGE if isinstance(error, WrongUsage) else FAILED
        except Error as error:
            self.stderr.write(said_by_database(error))
            status = FAILED
        if options["wakes"] and not _only_looked(options):
            _tell_workers()
        if status:
            sys.exit(status)


def _only_looked(options: dict[str, Any]) -> bool:
    asked = options.get("yes") is False and not options.get("operation")
    return any((options.get("plan"), options.get("dry_run"), asked, options.get("values") == []))


def _tell_workers() -> None:
    """Wake Celery workers, for as long as it may take: a broker that hangs must not hold up a command."""
    waker = Waker(wake_workers, rest=lambda: 0)
    waker.request()
    waker.finish()
