"""Reads JSON of other systems without an error: what cannot be read is empty."""

from __future__ import annotations

import json
from typing import Any

#: Digits of the largest number of 64 bits.
LONGEST_ID = 20


def read_json(body: bytes) -> Any:
    """Return the value of a JSON body in any Unicode encoding, or None if it is no JSON.

    Wrong bytes become U+FFFD: a body in Latin-1 still has its ids.
    """
    try:
        return json.loads(body.decode(json.detect_encoding(body), "replace"))
    except (ValueError, RecursionError):  # ValueError: also a number with too many digits
        return None


def member(value: Any, name: str) -> dict[str, Any]:
    """Return a member of an object if both are objects, else an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def id_of(value: Any) -> str:
    """Return an id as text. It is a positive whole number, or a text of digits; for anything else the text is empty."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() and len(text) <= LONGEST_ID else ""
