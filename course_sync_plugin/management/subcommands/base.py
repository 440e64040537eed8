"""The type of a subcommand, its output, and messages that subcommands share."""

from __future__ import annotations

import shutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import attrs
from django.core.management.base import OutputWrapper
from django.db import Error, OperationalError, ProgrammingError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from tqdm import tqdm

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import as_json, cleaned, is_text, short_repr

#: Exit status: done; not or not fully done; wrong usage (argparse has the same number).
DONE, FAILED, USAGE = 0, 1, 2

#: The text that moves the cursor of a terminal to the first line, and clears the screen.
CLEAR = "\x1b[H\x1b[2J"

#: The most courses that :func:`name_few` names.
FEW = 5


class WrongUsage(ConfigurationError):
    """The options do not go together, or one is missing."""


@attrs.frozen
class Output:
    """Writes the output of a subcommand: lines for people, or one JSON value for programs."""

    stream: TextIO | OutputWrapper
    as_json: bool = False

    def line(self, text: str = "", *, whole: bool = False) -> None:
        """Write one line for people. It is cleaned, because it may repeat text of other people and systems.

        On a terminal it is wrapped (:func:`fitted`), unless it is ``whole``: a command that is copied stays one line.
        """
        if not self.as_json:
            self.stream.write(f"{cleaned(text) if whole else fitted(cleaned(text), self.stream)}\n")

    def page(self, text: str) -> None:
        """Show these lines alone on the screen of a terminal."""
        self.stream.write("".join([CLEAR, *(f"{cleaned(line)}\n" for line in text.splitlines())]))
        self.stream.flush()

    def value(self, value: Any) -> None:
        """Write the result for programs, as JSON."""
        if self.as_json:
            self.stream.write(f"{as_json(value)}\n")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows for people, in columns; if there are no rows, write 'none'."""
        texts = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *texts)]
        for row in [head, *texts] if texts else []:
            self.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), whole=True)
        if not texts:
            self.line(_("  none"))

    def progress(self, items: Iterable[Any], unit: str, total: int | None = None) -> Iterator[Any]:
        """Yield the items and show a progress bar on a terminal. ``total``: their number, if they have no length."""
        return iter(tqdm(items, unit=unit, total=total, disable=None if not self.as_json else True, leave=False))


def fitted(text: str, stream: TextIO | OutputWrapper) -> str:
    """Return a line as it is written: wrapped at spaces to the width of the terminal, and unchanged elsewhere.

    Continued lines are indented by four more. A key or an id stays whole, so that it can be copied. In a file and in a
    pipe each line stays one line, for programs such as grep.
    """
    width = shutil.get_terminal_size().columns
    if len(text) <= width or not stream.isatty():
        return text
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.fill(
        text.lstrip(), width, initial_indent=indent, subsequent_indent=f"{indent}    ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def check_texts(options: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for an argument that cannot be stored or sent."""
    for value in options.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not is_text(text):
                raise ConfigurationError(
                    _("The argument {text} is not UTF-8, or holds the character NUL.").format(text=short_repr(text))
                )


def database_error_text(error: Error) -> str:
    """Return the sentence for an error of the database.

    It has at most 300 characters of the error's first line: PostgreSQL repeats the query in further lines, and MariaDB
    repeats a value.
    """
    sentence = _("The database said: {said}.")
    if isinstance(error, (OperationalError, ProgrammingError)):  # no tables yet, or no database
        sentence = _("The database said: {said}. Was 'migrate' run?")
    return sentence.format(said=cleaned(str(error).partition("\n")[0])[:300])


def name_few(courses: Sequence[str], out: Output) -> None:
    """Write the courses that a subcommand acted on, each on a line of its own, unless there are many."""
    for course in courses if len(courses) <= FEW else ():
        out.line(f"  {course}")


def tell_if_stopped(out: Output) -> None:
    """Write that the switch ``course_sync.stopped`` is on: otherwise an operator would look for other causes."""
    if api.is_stopped():
        out.line(_stopped())


def refuse_if_stopped() -> None:
    """Raise ConfigurationError while the switch ``course_sync.stopped`` is on: the subcommand could do nothing."""
    if api.is_stopped():
        raise ConfigurationError(_stopped())


def _stopped() -> str:
    return _("The switch course_sync.stopped is on: nothing is synced or delivered, and publishes wait.")


@attrs.frozen
class Subcommand:
    """One subcommand. ``handle`` gets its options and returns the exit status.

    ``has_json``: it has the option ``--json``. ``wakes``: it can make courses or lanes due, so Celery workers are
    woken after it. ``has_note``: it changes something, so an operator may say why with ``--note``.
    """

    name: str
    help: str | Promise
    example: str
    handle: Callable[[dict[str, Any], Output], int]
    arguments: Callable[[ArgumentParser], None] = lambda parser: None
    has_json: bool = False
    wakes: bool = False
    has_note: bool = False
