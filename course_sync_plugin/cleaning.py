"""Text that others wrote, fit to be printed and logged: titles, names in exports, errors of receivers and sources.

A terminal obeys control characters (ESC, U+009B), a log is read line by line, and characters that turn the direction of
writing show another text than the one that is there.
"""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any

#: They join letters (Persian, Hindi) and emoji, and do nothing else.
_JOINERS = "\u200c\u200d"
#: What others wrote may be long and deep.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
#: NUL, which PostgreSQL does not store, and halves of surrogate pairs: what Python makes of bytes that are not UTF-8.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7e]")


def cleaned(text: str) -> str:
    """Return a text on one line and as long as before, in which no character does anything.

    White space becomes a space; control characters, halves of surrogate pairs and marks of direction become U+FFFD.
    """
    return text if text.isprintable() else "".join(map(_cleaned, text))


def tidied(text: Any, longest: int) -> str:
    """Return a text cleaned, with single spaces, so many characters at most; empty where it is no text."""
    return " ".join(cleaned(text).split())[:longest] if isinstance(text, str) else ""


def is_text(text: str) -> bool:
    """Tell whether a text can be stored and sent as UTF-8."""
    return not _NO_TEXT.search(text)


def shown(value: Any, longest: int = 60) -> str:
    """Return a value as a message shows it: as in Python, on one line, so many characters at most."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # Python writes no whole number of more than 4300 digits
        is_number = isinstance(value, int)
        return "a whole number of more than 4300 digits" if is_number else f"a value of type {type(value).__name__}"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def as_json(value: Any, indent: int | None = 2) -> str:
    """Write JSON for programs. Letters of all languages stay as they are; what does something is escaped."""
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    return _BEYOND_ASCII.sub(lambda found: _escaped(found[0]), written)


def _cleaned(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else "\ufffd"


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
