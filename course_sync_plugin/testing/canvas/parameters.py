"""The parameters of a request, read as Ruby on Rails reads them: from the query, a form, or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

Parameters = dict[str, Any]

_TRUE = {"yes", "y", "true", "t", "on", "1"}


def read_parameters(query: str, content_type: str, body: bytes) -> Parameters:
    """Return the parameters of a request as nested dicts and lists. A body that is not valid JSON counts as empty."""
    found = nest(parse_qsl(query, keep_blank_values=True))
    if content_type.startswith("application/json"):
        return {**found, **_read_json(body)}
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {**found, **nest(parse_qsl(body.decode(), keep_blank_values=True))}
    return found


def nest(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Return ``module[name]=Bees`` and ``include[]=items`` as nested values."""
    found: Parameters = {}
    for name, value in pairs:
        first, rest = name.partition("[")[0], re.findall(r"\[([^\]]*)\]", name)
        _put(found, [first, *rest], value)
    return found


def flat_names(parameters: Parameters) -> set[str]:
    """Return the names of nested parameters: ``module[name]`` is ``module.name``, a list has the name of its field."""
    names = set()
    for name, value in parameters.items():
        inner = flat_names(value) if isinstance(value, dict) else set()
        names |= {f"{name}.{one}" for one in inner} or {name}
    return names


def to_boolean(value: Any) -> bool:
    """Return whether Canvas takes a parameter as true (lib/canvas/plugin.rb, ``value_to_boolean``)."""
    return value.lower() in _TRUE if isinstance(value, str) else bool(value)


def to_integer(value: Any) -> int:
    """Return the number at the start of a text, else 0, as Ruby's ``to_i`` does."""
    digits = re.match(r"\s*([+-]?\d+)", str(value))
    return int(digits[1]) if digits else 0


def _read_json(body: bytes) -> Parameters:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _put(found: Parameters, path: list[str], value: str) -> None:
    name, *rest = path
    if not rest:
        found[name] = value
    elif rest == [""]:
        found.setdefault(name, []).append(value)
    else:
        inner = found.setdefault(name, {})
        if isinstance(inner, dict):
            _put(inner, rest, value)
