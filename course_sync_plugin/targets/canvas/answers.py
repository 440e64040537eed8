"""Reads the fields of an answer. Fields that we do not know are ignored, because Canvas adds some with each release."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.sanitize.text import is_text

T = TypeVar("T")


class Identified(Protocol):
    """An object with an id."""

    @property
    def id(self) -> str:
        """The id."""


HasId = TypeVar("HasId", bound=Identified)


class Unreadable(ValueError):
    """An answer lacks something that is needed. The message completes the sentence "Canvas answered …"."""


@attrs.frozen
class Fields:
    """The fields of one JSON object. ``kind``: what it is about, with its article: ``a module``."""

    kind: str
    values: Mapping[str, Any] = attrs.field(repr=False)

    @classmethod
    def of(cls, kind: str, value: Any) -> Fields:
        """Return the fields of a JSON object. Raises Unreadable if it is none."""
        if not isinstance(value, dict):
            raise Unreadable(f"without {kind}")
        return cls(kind, value)

    def required(self, name: str, read: Callable[[Any], T]) -> T:
        """Return a field. Raises Unreadable, which names it, if it is missing or null, or is not of its type."""
        found = self.optional(name, read)
        if found is None:
            raise Unreadable(f"about {self.kind} without '{name}'")
        return found

    def optional(self, name: str, read: Callable[[Any], T]) -> T | None:
        """Return a field, or None if it is missing or null. Raises Unreadable if it is not of its type."""
        value = self.values.get(name)
        try:
            return None if value is None else read(value)
        except ValueError as wanted:
            raise Unreadable(f"about {self.kind}, and its '{name}' is not {wanted}") from None


def an_id(value: Any) -> str:
    """Read an id as text. Ids may be greater than 2^53; whole numbers of Python are exact."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or len(text) > 20:
        raise ValueError("an id")
    return text


def a_text(value: Any) -> str:
    """Read a text that can be stored."""
    if not isinstance(value, str) or not is_text(value):
        raise ValueError("a text")
    return value


def a_flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def a_whole_number(value: Any) -> int:
    """Read a whole number of at most 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise ValueError("a whole number")
    return value


def a_number(value: Any) -> float:
    """Read a number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e15:
        raise ValueError("a number")
    return float(value)


def a_moment(value: Any) -> datetime:
    """Read a date with its time, in ISO 8601. One without a time zone counts as UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("a date in ISO 8601") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def texts(value: Any) -> tuple[str, ...]:
    """Read a list of texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("a list of texts")
    return tuple(map(a_text, value))


def rows_of(value: Any, read: Callable[[Any], T]) -> list[T]:
    """Read a list of objects. Raises Unreadable."""
    if not isinstance(value, list):
        raise Unreadable("without a list")
    return [read(one) for one in value]


def shown_name(fields: Fields, person: str) -> str:
    """Return the name that is shown of the author of a text; empty if there is none.

    ``person``: the field that holds the author. People choose their display name; ``user_name`` is the full name.
    """
    value = fields.values.get(person)
    named = Fields.of("an author", value).optional("display_name", a_text) if isinstance(value, dict) else None
    return named or fields.optional("user_name", a_text) or ""


def ignored(_value: Any) -> None:
    """Read nothing: the answer to a deletion says nothing that is needed."""


def unique(rows: Iterable[HasId]) -> list[HasId]:
    """Return rows, each once. One that came twice because others were added is kept as it was read last."""
    return [*{row.id: row for row in rows}.values()]


def written(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values in the form of JSON: dates as texts in UTC. None stays: it removes a value, such as a due date."""
    return {name: utc_text(one) if isinstance(one, datetime) else one for name, one in values.items()}
