"""Writes the history as CSV and as JSON lines, an event a line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping

import attrs

from course_sync_plugin import api
from course_sync_plugin.sanitize.text import as_json, cleaned

#: A spreadsheet takes a cell that begins so for a formula, and calculates it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@attrs.frozen
class Form:
    """A form of an export, and how its lines are written."""

    content_type: str
    lines: Callable[[Iterable[api.Event]], Iterator[str]]


class _Line:
    """A file that returns what is written to it: a line of CSV."""

    def write(self, text: str) -> str:
        return text


def _csv(events: Iterable[api.Event]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow([attribute.name for attribute in attrs.fields(api.Event)])
    for event in events:
        yield writer.writerow([_cell(value) for value in event.as_dict().values()])


def _cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{cleaned(text)}" if text.startswith(_FORMULA) else cleaned(text)


def _json_lines(events: Iterable[api.Event]) -> Iterator[str]:
    return (f"{as_json(event.as_dict(), indent=None)}\n" for event in events)


FORMS: Mapping[str, Form] = {
    "csv": Form("text/csv; charset=utf-8", _csv),
    "jsonl": Form("application/jsonl; charset=utf-8", _json_lines),
}
