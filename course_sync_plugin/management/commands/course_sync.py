"""The command ``manage.py course_sync``. Its subcommands are the tasks of an operator."""

from __future__ import annotations

import os
import sys
import textwrap
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import CommandParser
from django.db import Error
from django.utils.translation import gettext as _

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.management.english import EnglishCommand
from course_sync_plugin.management.subcommands import SUBCOMMANDS
from course_sync_plugin.management.subcommands.base import (
    FAILED,
    USAGE,
    Output,
    Subcommand,
    WrongUsage,
    check_texts,
    database_error_text,
    fitted,
)
from course_sync_plugin.management.subcommands.operator_name import operator_name
from course_sync_plugin.management.subcommands.parser import SubcommandParser
from course_sync_plugin.sanitize.text import cleaned
from course_sync_plugin.signals.waker import Waker
from course_sync_plugin.tasks import wake_workers

#: Columns of the texts that argparse does not wrap, because it keeps the lines of the example.
HELP_WIDTH = 78


class Command(EnglishCommand):
    """Runs a subcommand. Exit status 0: done; 1: not or not fully done, a message says why; 2: wrong usage."""

    help = "Keeps other systems in step with the courses of this site."  # argparse needs a str, not a lazy translation

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the subcommands."""
        parsers = parser.add_subparsers(
            dest="subcommand", metavar="SUBCOMMAND", required=True, parser_class=SubcommandParser
        )
        for subcommand in SUBCOMMANDS:
            self._add(parsers, subcommand)

    @staticmethod
    def _add(parsers: Any, subcommand: Subcommand) -> None:
        parser = parsers.add_parser(
            subcommand.name,
            help=str(subcommand.help),
            description=textwrap.fill(str(subcommand.help), HELP_WIDTH),
            epilog=f"example:\n{_example(subcommand.example)}",
            formatter_class=RawDescriptionHelpFormatter,
        )
        subcommand.arguments(parser)
        if subcommand.has_json:
            parser.add_argument("--json", action="store_true", help=_("print the result as JSON"))
        if subcommand.has_note:
            parser.add_argument("--note", metavar="TEXT", default="", help=_("why; 'actions' shows it"))
        parser.set_defaults(run=subcommand.handle, wakes=subcommand.wakes)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the subcommand and exit with its status."""
        out = Output(self.stdout, options.get("json", False))
        try:
            check_texts(options)
            with api.acting(operator_name(), options.get("note", "")):
                status = options["run"](options, out)
            self.stdout.flush()
        except BrokenPipeError:
            _write_no_more()
            status = FAILED
        except CourseSyncError as error:
            self.stderr.write(fitted(cleaned(error.message), self.stderr))
            status = USAGE if isinstance(error, WrongUsage) else FAILED
        except Error as error:
            self.stderr.write(fitted(database_error_text(error), self.stderr))
            status = FAILED
        if options["wakes"] and not _is_preview(options):
            _tell_workers()
        if status:
            sys.exit(status)


def _example(words: str) -> str:
    """Return the call of an example; a long one goes on in a second line, in the form that a shell understands."""
    wrapped = textwrap.wrap(
        f"manage.py course_sync {words}", HELP_WIDTH - 2, initial_indent="  ", subsequent_indent="      ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return " \\\n".join(wrapped)


def _write_no_more() -> None:
    """Drop what is still to be written: the program that reads the output, such as ``head``, has ended."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_preview(options: dict[str, Any]) -> bool:
    """Tell whether the subcommand only showed something, so that nothing is due because of it."""
    without_yes = options.get("yes") is False and not options.get("asked")
    return any((options.get("plan"), options.get("dry_run"), without_yes, options.get("values") == []))


def _tell_workers() -> None:
    """Wake Celery workers. Wait at most a few seconds for this: a broker that hangs must not hold up a command."""
    waker = Waker(wake_workers, rest=lambda: 0)
    waker.request()
    waker.finish()
