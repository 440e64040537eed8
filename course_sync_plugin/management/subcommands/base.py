"""What a subcommand is, and how it talks to people and to programs."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import attrs
from django.db import Error, OperationalError, ProgrammingError
from django.utils.translation import gettext as _
from tqdm import tqdm

from course_sync_plugin import api
from course_sync_plugin.cleaning import as_json, cleaned, is_text, shown
from course_sync_plugin.exceptions import ConfigurationError

#: Exit status: did its round; could not do it; wrong usage, as argparse has it.
DONE, FAILED, USAGE = 0, 1, 2


class WrongUsage(ConfigurationError):
    """Options that do not go together, or are not enough."""


@attrs.frozen
class Output:
    """Where a subcommand writes: for people, or as one JSON value for programs."""

    stream: TextIO
    as_json: bool = False

    def line(self, text: str = "") -> None:
        """Write one line for people, cleaned of what others may have written into it."""
        if not self.as_json:
            self.stream.write(f"{cleaned(text)}\n")

    def value(self, value: Any) -> None:
        """Write the result for programs."""
        if self.as_json:
            self.stream.write(f"{as_json(value)}\n")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Write rows for people, in columns; a line saying so where there are none."""
        texts = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(head, *texts)]
        for row in [head, *texts] if texts else []:
            self.line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if not texts:
            self.line(_("  none"))

    def progress(self, items: Iterable[Any], unit: str, total: int | None = None) -> Iterator[Any]:
        """Go through items with a progress bar, on a terminal. ``total``: how many, where they have no length."""
        return iter(tqdm(items, unit=unit, total=total, disable=None if not self.as_json else True, leave=False))


def check_texts(options: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for an argument that could be neither stored nor sent."""
    for value in options.values():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not is_text(text):
                raise ConfigurationError(
                    _("The argument {text} is not UTF-8, or holds the character NUL.").format(text=shown(text))
                )


def said_by_database(error: Error) -> str:
    """Return the sentence for an error of the database."""
    # PostgreSQL repeats the query below, and MariaDB the value.
    sentence = _("The database said: {said}.")
    if isinstance(error, (OperationalError, ProgrammingError)):  # no tables yet, or no database
        sentence = _("The database said: {said}. Was 'migrate' run?")
    return sentence.format(said=cleaned(str(error).partition("\n")[0])[:300])


def tell_if_stopped(out: Output) -> None:
    """Say that nothing is synced or delivered while the switch is on, or an operator would look for other causes."""
    if api.is_stopped():
        out.line(_stopped())


def refuse_if_stopped() -> None:
    """Raise ConfigurationError while the switch is on: for what could not do anything of what it was called for."""
    if api.is_stopped():
        raise ConfigurationError(_stopped())


def _stopped() -> str:
    return _("Everything is stopped by the switch course_sync.stopped; what is published waits.")


@attrs.frozen
class Subcommand:
    """One subcommand: ``handle`` gets its options and returns the exit status.

    ``wakes``: it makes something due that Celery workers are told of, where there are any.
    """

    name: str
    help: str
    example: str
    handle: Callable[[dict[str, Any], Output], int]
    arguments: Callable[[ArgumentParser], None] = lambda parser: None
    has_json: bool = False
    wakes: bool = False
