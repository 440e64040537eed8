"""Cleans text of other people and systems, so that it is safe to print and log.

Such text is titles, names in exports, and errors of receivers and sources. A terminal obeys control characters (ESC,
U+009B). A line break in a log looks like the beginning of a new record. Characters that change the direction of writing
(bidirectional controls) make a reader see another text than the one that is there.
"""

from __future__ import annotations

import json
import re
import reprlib
from typing import Any
from urllib.parse import urlsplit

#: Characters that join letters (Persian, Hindi) and emoji, and have no other effect.
_JOINERS = "\u200c\u200d"
#: Values from outside may be long and deeply nested.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
#: NUL, which PostgreSQL does not store, and single surrogates, which Python makes of bytes that are not UTF-8.
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7e]")


def cleaned(text: str) -> str:
    """Return a text on one line, without characters that have an effect. Its length stays the same.

    White space becomes a space. Control characters, single surrogates and direction marks become U+FFFD.
    """
    return text if text.isprintable() else "".join(map(_cleaned, text))


def single_line(text: Any, longest: int) -> str:
    """Return a text cleaned, with single spaces and at most ``longest`` characters; for other types, an empty text."""
    return " ".join(cleaned(text).split())[:longest] if isinstance(text, str) else ""


def is_text(text: str) -> bool:
    """Tell whether a text can be stored and sent as UTF-8."""
    return not _NO_TEXT.search(text)


def host_of(url: str) -> str:
    """Return host and port of a URL; an empty text if it cannot be parsed.

    Its other parts are left out: user, path and query may hold a token.
    """
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def short_repr(value: Any, longest: int = 60) -> str:
    """Return a value for a message: its Python form on one line, with at most ``longest`` characters."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # Python refuses to write whole numbers of more than 4300 digits
        is_number = isinstance(value, int)
        return "a whole number of more than 4300 digits" if is_number else f"a value of type {type(value).__name__}"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def as_json(value: Any, indent: int | None = 2) -> str:
    """Return JSON for programs. Letters of all languages stay as they are; characters with an effect are escaped."""
    written = json.dumps(value, indent=indent, ensure_ascii=False)
    return _BEYOND_ASCII.sub(lambda found: _escaped(found[0]), written)


def _cleaned(character: str) -> str:
    if character.isprintable() or character in _JOINERS:
        return character
    return " " if character.isspace() else "\ufffd"


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
