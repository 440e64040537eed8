"""How values are written down, so that one value looks the same whatever source it came from.

A source may hold a Python value (the modulestore), a JSON value (``policy.json``) or a string (an OLX attribute, where
the platform wrote some values as JSON and some not). The rules are those of the fields that read them in the
platform: ``xblock/fields.py``, ``xmodule/fields.py`` (Date, Timedelta) and ``deserialize_field`` of
``xmodule/xml_block.py``.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

import attrs
from dateutil import parser as dateutil_parser
from dateutil import tz

from course_sync_plugin.cleaning import shown
from course_sync_plugin.data import utc_text
from course_sync_plugin.structure.digest import canonical

#: Control characters and surrogates that XML forbids; the platform's String field drops them too.
FORBIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

#: "2 days 5 hours 59 minutes 59 seconds", every part optional, in this order.
DURATION = re.compile(
    r"(?:(?P<days>\d+) days?)?\s?(?:(?P<hours>\d+) hours?)?\s?"
    r"(?:(?P<minutes>\d+) minutes?)?\s?(?:(?P<seconds>\d+) seconds?)?"
)

#: Levels of objects and lists in one value. MariaDB takes JSON of 31 levels. In the body of an envelope, which a
#: receiver may store as it comes, five stand around a value: body, ``data``, ``operations``, the operation, ``fields``.
DEEPEST = 31 - 5

#: Bytes of one value, as JSON in UTF-8. An operation holds a handful of values twice, before and after, and must fit
#: into one statement of the database and one message.
LARGEST = 64 * 2**10

#: Two dates that differ in year, month and day: what a parser fills in from them was not in the text.
_ONE_DAY, _OTHER_DAY = datetime(2000, 1, 1), datetime(2004, 2, 2)


class InvalidValue(ValueError):
    """A value that its field does not accept; the message says why."""


def normalised(kind: str, raw: Any) -> Any:
    """Return ``raw`` as the JSON value that the contract writes, or None where it says nothing.

    ``kind``: text, boolean, integer, number, date (``2013-02-05T05:00:00Z``, UTC), duration (``2 days 5 seconds``) or
    object (a dict or list). Raises InvalidValue where the field of the platform would not accept the value.
    """
    if raw is None:
        return None
    try:
        return _KINDS[kind](raw)
    except InvalidValue:
        raise
    except (ValueError, OSError, OverflowError, RecursionError) as error:
        raise InvalidValue(f"{shown(raw)} is out of range") from error


@attrs.frozen(slots=True)
class Reading:
    """What a raw value says: None where it says nothing, or nothing that can be kept.

    ``warning`` says why it is left out, or what is not certain of it; empty for nearly all.
    """

    value: Any
    warning: str = ""


def read(kind: str, raw: Any) -> Reading:
    """Return what :func:`normalised` does, with a warning in place of its error."""
    try:
        return Reading(normalised(kind, raw), _doubt(kind, raw))
    except InvalidValue as error:
        return Reading(None, f"is left out: {error}")


def unquoted(text: str) -> str | None:
    """Return what a string of an OLX attribute stands for: ``null`` is None, ``"a"`` (with its quotes) is ``a``."""
    if text == "null":
        return None
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _plain(raw: Any) -> Any:
    """Strings as what they stand for; the empty string says nothing."""
    return (unquoted(raw) or None) if isinstance(raw, str) else raw


def _text(raw: Any) -> str:
    if isinstance(raw, (int, float)):
        return json.dumps(raw)
    if not isinstance(raw, str):
        raise InvalidValue(f"{shown(raw)} is no text")
    return _bounded(FORBIDDEN_CHARACTERS.sub("", raw))


def _boolean(raw: Any) -> bool | None:
    """Any string but ``true`` is false, as in the platform's Boolean."""
    value = _plain(raw)
    return value if value is None else value.lower() == "true" if isinstance(value, str) else bool(value)


def _integer(raw: Any) -> int | None:
    value = _finite(raw)
    return value if value is None else int(value)


def _number(raw: Any) -> float | None:
    value = _finite(raw)
    return value if value is None else float(value)


def _finite(raw: Any) -> int | float | None:
    """An integer beyond the range of floats is none either: MySQL stores no such number in JSON."""
    value = _plain(raw)
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidValue(f"{shown(raw)} is no number") from None
    if not math.isfinite(number):
        raise InvalidValue(f"{shown(raw)} is no number")
    return value if isinstance(value, int) else number


def _date(raw: Any) -> str | None:
    """A number is in milliseconds since 1970; a date without time zone is UTC, as in the platform's Date."""
    value = _plain(raw)
    if value is None:
        return None
    if isinstance(value, str):
        return _parsed_date(value)[0]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return utc_text(datetime.fromtimestamp(value / 1000, UTC))
    if isinstance(value, datetime):
        return utc_text(value)
    raise InvalidValue(f"{shown(raw)} is no date")


def _doubt(kind: str, raw: Any) -> str:
    """Return what is not certain of a value that is accepted."""
    value = _plain(raw) if kind == "date" else None
    zone = _parsed_date(value)[1] if isinstance(value, str) else ""
    return f"counts as UTC: its time zone {shown(zone)} is not known" if zone else ""


@attrs.define
class _Zones:
    """Tells dateutil what the name of a time zone stands for, as dateutil itself would have it; notes an unknown one.

    Left to itself, dateutil prints a warning to the terminal for an unknown name.
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
    """Return a date, and its time zone where that is not known: it counts as UTC then, as it does in the platform.

    The platform guesses a missing year from today's: a value that changes by itself is none here.
    """
    zones = _Zones()
    try:
        date, other = (dateutil_parser.parse(text, default=day, tzinfos=zones) for day in (_ONE_DAY, _OTHER_DAY))
    except (ValueError, OverflowError):
        raise InvalidValue(f"{shown(text)} is no date") from None
    if (written := utc_text(date)) != utc_text(other):
        raise InvalidValue(f"{shown(text)} lacks a day, a month or a year")
    return written, zones.unknown


def _duration(raw: Any) -> str | None:
    """Days and seconds, the form in which the platform's Timedelta stores every duration."""
    value = _plain(raw)
    if value is None:
        return None
    span = value if isinstance(value, timedelta) else _parsed_duration(value)
    parts = [f"{number} {unit}" for number, unit in ((span.days, "days"), (span.seconds, "seconds")) if number]
    return " ".join(parts) or "0 seconds"


def _parsed_duration(value: Any) -> timedelta:
    parts = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        raise InvalidValue(f"{shown(value)} is no duration")
    return timedelta(**{unit: int(number) for unit, number in parts.groupdict().items() if number})


def _object(raw: Any) -> dict | list | None:
    value = raw
    if isinstance(raw, str):
        try:
            value = json.loads(raw)
        except ValueError:
            raise InvalidValue(f"{shown(raw)} is no JSON") from None
    if value is None:
        return None
    if not isinstance(value, (dict, list, tuple)):
        raise InvalidValue(f"{shown(raw)} is neither an object nor a list")
    return _bounded(_canonical(value))


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) <= LARGEST // 6:  # no character has more than six bytes in JSON
        return value
    size = len(canonical(value))
    if size > LARGEST:
        raise InvalidValue(f"{shown(value)} has {size} bytes, and a value may have {LARGEST}")
    return value


def _canonical(value: Any, level: int = 1) -> Any:
    """JSON with text keys in their order, so that equal values are written with equal bytes."""
    if level > DEEPEST and isinstance(value, (dict, list, tuple)):
        raise InvalidValue(f"it is nested deeper than {DEEPEST} levels")
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
    raise InvalidValue(f"{shown(value)} has no form in JSON")


def _key(key: Any) -> str:
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise InvalidValue(f"{shown(key)} is no key of a JSON object")


_KINDS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "date": _date,
    "duration": _duration,
    "object": _object,
}
