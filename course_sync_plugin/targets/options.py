"""Options of targets: what differs from one target to the next, written ``NAME=VALUE``, stored as JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import attrs

from course_sync_plugin.cleaning import shown
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.limits import RETRY_WAIT, RETRY_WAITS


@attrs.frozen
class Option:
    """An option: what it is for, and what reads it.

    ``parse`` takes the text after ``NAME=``, or what it once returned, which must be JSON. It raises ValueError, the
    message of which says what is expected.
    """

    description: str
    parse: Callable[[Any], Any]


def seconds_list(value: Any) -> list[float]:
    """Read waits in seconds, ``1,1.5,5``."""
    items = _items(value)
    try:
        seconds = [RETRY_WAIT.read(item) if isinstance(item, str) else item for item in items]
    except ValueError:
        seconds = [None]
    if not RETRY_WAITS.holds(len(seconds)) or not all(map(RETRY_WAIT.holds, seconds)):
        raise ValueError(f"{RETRY_WAIT}, {RETRY_WAITS.most} at most, separated by commas")
    return [int(second) if second == int(second) else second for second in seconds]


def names(value: Any) -> list[str]:
    """Read names, ``level,class``."""
    items = _items(value)
    if not all(isinstance(item, str) and re.fullmatch(r"[\w.-]+", item) for item in items):
        raise ValueError("names of letters, digits, '_', '.' and '-', separated by commas")
    return items


def one_of(*choices: str) -> Callable[[Any], str]:
    """Return what reads one of some words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return parse


def parse_options(known: Mapping[str, Option], assignments: Iterable[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` texts into what is stored.

    Raises ConfigurationError for what is not known, with the name that was probably meant, and for a wrong value.
    """
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigurationError(f"{shown(assignment)} is no option; write NAME=VALUE.")
        values[name.strip()] = value.strip()
    return checked_options(known, values)


def checked_options(known: Mapping[str, Option], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as they are stored. Raises ConfigurationError as :func:`parse_options` does."""
    return {name: _checked(known, name, value) for name, value in values.items()}


def _checked(known: Mapping[str, Option], name: str, value: Any) -> Any:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(sorted(known))}."
        raise ConfigurationError(f"There is no option {shown(name)}. {hint}")
    try:
        return known[name].parse(value)
    except ValueError as expected:
        raise ConfigurationError(f"The option '{name}' is not valid; it takes {expected}.") from None


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")] if value.strip() else []
    return list(value) if isinstance(value, list | tuple) else [None]
