"""Normalises the values of fields, so that a value looks the same from every source.

A source may have a Python value (the modulestore), a JSON value (``policy.json``) or a string (an OLX attribute; the
platform wrote some of these as JSON and some not). The rules are those of the platform's fields:
``xblock/fields.py``, ``xmodule/fields.py`` (Date, Timedelta) and ``deserialize_field`` of ``xmodule/xml_block.py``.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, TypeVar

import attrs
from dateutil import parser as dateutil_parser
from dateutil import tz

from course_sync_plugin.data import utc_text
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.structure.digest import canonical

#: The block type of an html component, and the field that has its HTML (``xmodule/html_block.py``).
HTML, HTML_FIELD = "html", "data"

#: Control characters and surrogates that XML forbids; the platform's String field removes them too.
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

#: For example "2 days 5 hours 59 minutes 59 seconds": every part is optional, the order is fixed.
DURATION = re.compile(
    r"(?:(?P<days>\d+) days?)?\s?(?:(?P<hours>\d+) hours?)?\s?"
    r"(?:(?P<minutes>\d+) minutes?)?\s?(?:(?P<seconds>\d+) seconds?)?"
)

#: Largest number of nested levels of objects and lists in one value. MariaDB accepts JSON of 31 levels. In the body of
#: an envelope, which a receiver may store unchanged, five levels are around a value: the body, ``data``,
#: ``operations``, the operation, ``fields``.
DEEPEST = 31 - 5

#: Largest number of bytes of one value, as JSON in UTF-8. An operation has a few values twice, the old and the new one,
#: and must fit into one statement of the database and one message.
LARGEST = 64 * 2**10

Value = TypeVar("Value")

#: Two default dates that differ in year, month and day. If a parser's result depends on them, the text lacks a part.
_ONE_DAY, _OTHER_DAY = datetime(2000, 1, 1), datetime(2004, 2, 2)


class InvalidValue(ValueError):
    """A field does not accept the value; the message says why."""


def normalised(kind: str, raw: Any) -> Any:
    """Return ``raw`` as the JSON value that the contract uses, or None if no value is set.

    ``kind``: text, boolean, integer, number, date (``2013-02-05T05:00:00Z``, UTC), duration (``2 days 5 seconds``) or
    object (a dict or list). Raises InvalidValue if the platform's field would not accept the value, or if the value is
    too large or nested too deeply to be stored.
    """
    if raw is None:
        return None
    try:
        return _KINDS[kind](raw)
    except InvalidValue:
        raise
    except (ValueError, OSError, OverflowError, RecursionError) as error:
        raise InvalidValue(f"{short_repr(raw)} is out of range") from error


@attrs.frozen(slots=True)
class Reading:
    """A normalised value, with a warning.

    ``value``: None if no value is set or the value is invalid. ``warning``: why the value is left out, or what is
    doubtful about it; empty for nearly all values.
    """

    value: Any
    warning: str = ""


def read(kind: str, raw: Any) -> Reading:
    """Return the result of :func:`normalised`, with a warning instead of an error."""
    try:
        return Reading(normalised(kind, raw), _doubtful_time_zone(kind, raw))
    except InvalidValue as error:
        return Reading(None, f"is left out: {error}")


def unquoted(text: str) -> str | None:
    """Return the value of a string in an OLX attribute: ``null`` means None, ``"a"`` (with its quotes) means ``a``."""
    if text == "null":
        return None
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            value: str = json.loads(text)
            return value
        except ValueError:
            return text
    return text


def _unquoted_or_none(raw: Any) -> Any:
    """Return the value of a string (see :func:`unquoted`), None for an empty one; other values unchanged."""
    return (unquoted(raw) or None) if isinstance(raw, str) else raw


def _text(raw: Any) -> str:
    if isinstance(raw, (int, float)):
        return json.dumps(raw)
    if not isinstance(raw, str):
        raise InvalidValue(f"{short_repr(raw)} is not a text")
    return _within_size_limit(FORBIDDEN_CHARACTERS.sub("", raw))


def _boolean(raw: Any) -> bool | None:
    """Return a boolean. Every string except ``true`` is false, as in the platform's Boolean."""
    value = _unquoted_or_none(raw)
    return value if value is None else value.lower() == "true" if isinstance(value, str) else bool(value)


def _integer(raw: Any) -> int | None:
    value = _finite(raw)
    return value if value is None else int(value)


def _number(raw: Any) -> float | None:
    value = _finite(raw)
    return value if value is None else float(value)


def _finite(raw: Any) -> int | float | None:
    """Return a finite number.

    An integer outside the range of floats is invalid too, because MySQL cannot store it in JSON.
    """
    value = _unquoted_or_none(raw)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidValue(f"{short_repr(raw)} is not a number") from None
    if not math.isfinite(number):
        raise InvalidValue(f"{short_repr(raw)} is not a number")
    return value if isinstance(value, int) else number


def _date(raw: Any) -> str | None:
    """Return a date in UTC, by the rules of the platform's Date.

    A number means milliseconds since 1970. A date without a time zone counts as UTC.
    """
    value = _unquoted_or_none(raw)
    if value is None:
        return None
    if isinstance(value, str):
        return _parsed_date(value)[0]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return utc_text(datetime.fromtimestamp(value / 1000, UTC))
    if isinstance(value, datetime):
        return utc_text(value)
    raise InvalidValue(f"{short_repr(raw)} is not a date")


def _doubtful_time_zone(kind: str, raw: Any) -> str:
    """Return a warning if the time zone of a date is unknown, else an empty string."""
    value = _unquoted_or_none(raw) if kind == "date" else None
    zone = _parsed_date(value)[1] if isinstance(value, str) else ""
    return f"counts as UTC: its time zone {short_repr(zone)} is unknown" if zone else ""


@attrs.define
class _Zones:
    """Resolves the name of a time zone for dateutil, by dateutil's own rules, and stores the name if it is unknown.

    Without it, dateutil prints a warning on the terminal for an unknown name.
    """

    unknown: str = ""

    def __call__(self, name: str | None, offset: int | None) -> tzinfo | None:
        if name in dateutil_parser.parserinfo.UTCZONE:
            return tz.UTC
        if name and name in time.tzname:
            return tz.tzlocal()
        if offset is None:
            self.unknown = name or ""
            return None
        return tz.tzoffset(name, offset)


@lru_cache(maxsize=1024)
def _parsed_date(text: str) -> tuple[str, str]:
    """Return a date in UTC, and the name of its time zone if that is unknown, else an empty string.

    A date with an unknown time zone counts as UTC, as in the platform. A date without a year, month or day is invalid:
    the platform takes the missing part from today's date, so the value would change by itself.
    """
    zones = _Zones()
    try:
        date, other = (dateutil_parser.parse(text, default=day, tzinfos=zones) for day in (_ONE_DAY, _OTHER_DAY))
    except (ValueError, OverflowError):
        raise InvalidValue(f"{short_repr(text)} is not a date") from None
    if (written := utc_text(date)) != utc_text(other):
        raise InvalidValue(f"{short_repr(text)} lacks a day, a month or a year")
    return written, zones.unknown


def _duration(raw: Any) -> str | None:
    """Return a duration in days and seconds, the form in which the platform's Timedelta stores it."""
    value = _unquoted_or_none(raw)
    if value is None:
        return None
    span = value if isinstance(value, timedelta) else _parsed_duration(value)
    parts = [f"{number} {unit}" for number, unit in ((span.days, "days"), (span.seconds, "seconds")) if number]
    return " ".join(parts) or "0 seconds"


def _parsed_duration(value: Any) -> timedelta:
    parts = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        raise InvalidValue(f"{short_repr(value)} is not a duration")
    return timedelta(**{unit: int(number) for unit, number in parts.groupdict().items() if number})


def _object(raw: Any) -> Any:
    value = raw
    if isinstance(raw, str):
        try:
            value = json.loads(raw)
        except ValueError:
            raise InvalidValue(f"{short_repr(raw)} is not JSON") from None
    if value is None:
        return None
    if not isinstance(value, (dict, list, tuple)):
        raise InvalidValue(f"{short_repr(raw)} is neither an object nor a list")
    return _within_size_limit(_canonical(value))


def _within_size_limit(value: Value) -> Value:
    if isinstance(value, str) and len(value) <= LARGEST // 6:  # no character has more than six bytes in JSON
        return value
    size = len(canonical(value))
    if size > LARGEST:
        raise InvalidValue(f"{short_repr(value)} has {size} bytes, and a value may have {LARGEST}")
    return value


def _canonical(value: Any, level: int = 1) -> Any:
    """Return a JSON value whose objects have sorted text keys, so that equal values give equal bytes."""
    if level > DEEPEST and isinstance(value, (dict, list, tuple)):
        raise InvalidValue(f"the value is nested deeper than {DEEPEST} levels")
    if isinstance(value, dict):
        named = {_text(key) if isinstance(key, str) else _key(key): child for key, child in value.items()}
        return {key: _canonical(named[key], level + 1) for key in sorted(named)}
    if isinstance(value, (list, tuple)):
        return [_canonical(child, level + 1) for child in value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if value is None or (isinstance(value, (int, float)) and math.isfinite(value)):
        return value
    raise InvalidValue(f"{short_repr(value)} cannot be written as JSON")


def _key(key: Any) -> str:
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise InvalidValue(f"{short_repr(key)} cannot be a key of a JSON object")


_KINDS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "duration": _duration,
    "object": _object,
}
