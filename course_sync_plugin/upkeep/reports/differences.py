"""Says how one value became another, word by word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import chain
from typing import Any

from course_sync_plugin.sanitize.text import cleaned

#: The most words and signs of a text that are compared, and the most characters that are shown. Longer texts are cut:
#: the time that a comparison takes grows with the square of their length, and other systems write them.
COMPARED, SHOWN = 400, 2000

#: The kinds of parts: in both texts, only in the first one, only in the second one.
SAME, REMOVED, ADDED = "same", "del", "ins"

#: A part of two compared texts: its kind, and its text.
Part = tuple[str, str]

_WORD = re.compile(r"\w+|\s+|[^\w\s]")


def as_text(value: Any) -> str:
    """Return a value as it is shown: a text as it is, others as JSON, and an empty text for no value."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return cleaned(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def differences(before: Any, after: Any) -> list[Part]:
    """Return the parts of two values in their order, with those that differ marked as removed or added."""
    old, new = _WORD.findall(as_text(before)), _WORD.findall(as_text(after))
    parts = [*_compared(old[:COMPARED], new[:COMPARED]), *_rest(old[COMPARED:], new[COMPARED:])]
    return [(kind, text) for kind, text in parts if text]


def _compared(old: list[str], new: list[str]) -> Iterator[Part]:
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new).get_opcodes():
        before, after = "".join(old[old_from:old_to]), "".join(new[new_from:new_to])
        yield from [(SAME, before)] if kind == "equal" else [(REMOVED, before), (ADDED, after)]


def _rest(old: list[str], new: list[str]) -> Iterator[Part]:
    if old == new:
        return iter([(SAME, "".join(old))])
    return chain([(REMOVED, "".join(old))], [(ADDED, "".join(new))])
