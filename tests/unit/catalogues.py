"""Reads catalogues of translations: the sources (.po) with a small parser, and what was compiled with gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import attrs

LOCALE = Path(__file__).resolve().parents[2] / "course_sync_plugin" / "conf" / "locale"
LANGUAGES = sorted(path.name for path in LOCALE.iterdir() if path.name != "en")

_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{[^{}]*\}|</?\w+>")


@attrs.frozen
class Entry:
    """One message. ``forms``: its translations, more than one if it has a plural."""

    context: str
    text: str
    plural: str
    forms: tuple[str, ...]
    is_fuzzy: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells the message from others."""
        return self.context, self.text, self.plural

    @property
    def compiled_keys(self) -> list[str | tuple[str, int]]:
        """Return the keys of the forms in a compiled catalogue."""
        text = f"{self.context}\x04{self.text}" if self.context else self.text
        return [(text, number) for number in range(len(self.forms))] if self.plural else [text]


def read(path: Path) -> list[Entry]:
    """Return the messages of a source, the header first. Messages that are no longer used are left out."""
    return list(_entries(path.read_text("utf-8")))


def _entries(text: str) -> Iterator[Entry]:
    for block in text.split("\n\n"):
        found: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#"):
                continue
            if not line.startswith('"'):
                name, _space, line = line.partition(" ")
                found[name] = ""
            found[name] += ast.literal_eval(line)
        if found:
            forms = tuple(value for key, value in found.items() if key.startswith("msgstr"))
            names = ("msgctxt", "msgid", "msgid_plural")
            yield Entry(*(found.get(one, "") for one in names), forms, is_fuzzy="#, fuzzy" in block)


def source(language: str) -> Path:
    """Return the path of the source of a language."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def compiled(language: str) -> GNUTranslations:
    """Return what was compiled for a language."""
    with open(source(language).with_suffix(".mo"), "rb") as file:
        return GNUTranslations(file)


def placeholders(text: str) -> list[str]:
    """Return what a text leaves open, and its HTML tags."""
    return sorted(_PLACEHOLDER.findall(text))
