"""Parses the options of targets, which are written as ``NAME=VALUE`` and stored as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import attrs

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.limits import BACKOFF, RETRY_WAIT, RETRY_WAITS, Limit
from course_sync_plugin.sanitize.text import short_repr


@attrs.frozen
class Option:
    """An option: its description and its parser.

    ``parse`` takes the text after ``NAME=``, or a value that it returned before. It returns a value that JSON can hold.
    It raises ValueError; the message says what the option takes.
    """

    description: str
    parse: Callable[[Any], Any]


def seconds_list(value: Any) -> list[float]:
    """Parse waits in seconds, such as ``1,1.5,5``."""
    items = _items(value)
    try:
        seconds = [RETRY_WAIT.read(item) if isinstance(item, str) else item for item in items]
    except ValueError:
        seconds = [None]
    if not RETRY_WAITS.holds(len(seconds)) or not all(map(RETRY_WAIT.holds, seconds)):
        raise ValueError(f"{RETRY_WAIT}, {RETRY_WAITS.most} at most, separated by commas")
    return [int(second) if second == int(second) else second for second in seconds]


def backoff(value: Any) -> list[float]:
    """Parse the first and the largest bound of an exponential backoff, in seconds, such as ``1,300``."""
    items = _items(value)
    try:
        bounds = [BACKOFF.read(item) if isinstance(item, str) else item for item in items]
    except ValueError:
        bounds = []
    if len(bounds) != 2 or not all(map(BACKOFF.holds, bounds)) or bounds[0] > bounds[1]:
        raise ValueError(f"FIRST,MOST: each {BACKOFF}, and MOST not below FIRST")
    return bounds


def number(limit: Limit) -> Callable[[Any], float]:
    """Return a parser of a number within these bounds."""

    def parse(value: Any) -> float:
        parsed = limit.read(value) if isinstance(value, str) else value
        if not limit.holds(parsed):
            raise ValueError(str(limit))
        return parsed

    return parse


def names(value: Any) -> list[str]:
    """Parse names, such as ``level,class``."""
    items = _items(value)
    if not all(isinstance(item, str) and re.fullmatch(r"[\w.-]+", item) for item in items):
        raise ValueError("names of letters, digits, '_', '.' and '-', separated by commas")
    return items


def one_of(*choices: str) -> Callable[[Any], str]:
    """Return a parser that accepts only these words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return str(value)

    return parse


def parse_options(known: Mapping[str, Option], assignments: Iterable[str]) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` texts; return the values to store, by name.

    Raises ConfigurationError for an unknown name, with the name that was probably meant, and for a wrong value.
    """
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigurationError(f"{short_repr(assignment)} is not an option; write NAME=VALUE.")
        values[name.strip()] = value.strip()
    return checked_options(known, values)


def checked_options(known: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values to store, by name. Raises ConfigurationError as :func:`parse_options` does."""
    return {name: _checked(known, name, value) for name, value in values.items()}


def _checked(known: Mapping[str, Option], name: str, value: Any) -> Any:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted(known))}."
        raise ConfigurationError(f"There is no option {short_repr(name)}. {hint}")
    try:
        return known[name].parse(value)
    except ValueError as expected:
        raise ConfigurationError(f"The option '{name}' is not valid; it takes {expected}.") from None


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")] if value.strip() else []
    return list(value) if isinstance(value, list | tuple) else [None]
