"""The url of a page, from its title.

Source: rsl/stringex, ``String#to_url`` (lib/stringex/string_extensions.rb, localization/conversion_expressions.rb and
default_conversions.rb), which canvas-lms uses (app/models/wiki_page.rb, ``acts_as_url``). Letters outside ASCII lose
their accents. Other scripts: stringex has tables, the fake writes the code points instead (assumed). Titles with
Katakana keep their letters in Canvas; the fake does not do that.
"""

from __future__ import annotations

import re
import unicodedata

_SIGNS = {
    r"\s*\.{3,}\s*": " dot dot dot ",
    r"(?:\s|^)\$(\d+)\.(\d+)(?:\s|$)": r" \1 dollars \2 cents ",
    r"(?:\s|^)€(\d+)\.(\d+)(?:\s|$)": r" \1 euros \2 cents ",
    r"(?:\s|^)\$(\d*)(?:\s|$)": r" \1 dollars ",
    r"(?:\s|^)€(\d*)(?:\s|$)": r" \1 euros ",
    r"(?:\s|^)£(\d*)(?:\s|$)": r" \1 pounds ",
    r"(?:\s|^)¥(\d*)(?:\s|$)": r" \1 yen ",
}

_WORDS = {
    r"\s*&\s*": " and ",
    r"\s*@\s*": " at ",
    r"\s*°\s*": " degrees ",
    r"\s*÷\s*": " divide ",
    r"(\S|^)\.(\S)": r"\1 dot \2",
    r"\s*=\s*": " equals ",
    r"\s*#": " number ",
    r"\s*%\s*": " percent ",
    r"\s*\+\s*": " plus ",
    r"\s*[\\/／]\s*": " slash ",
    r"\s*\*\s*": " star ",
}

_LETTERS = str.maketrans({
    "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "ð": "d", "þ": "th", "ı": "i", "–": "-", "—": "--", "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...",
    "½": "half", "¼": "one fourth", "¾": "three fourths",
})  # fmt: skip


def to_url(text: str) -> str:
    """Return the url for a title: ``Bees & Honey 1.2`` is ``bees-and-honey-1-dot-2``. It may be empty."""
    text = re.sub(r"<[!/?\[]?[\w:-][^<>]*>", "", text)
    text = _words(_ascii(_words(text.translate(_LETTERS))))
    return re.sub(r"-+", "-", re.sub(r"\s+", "-", text.strip())).strip("-").lower()


def titleize(url: str) -> str:
    """Return the title that Canvas gives a page that is created by its url only (Rails' ``titleize``)."""
    words = re.sub(r"[_\-\s]+", " ", url).strip()
    return re.sub(r"\b(?<!['’])[a-z]", lambda letter: letter[0].upper(), words)


def _words(text: str) -> str:
    text = re.sub(r"(\d+),(\d+)", r"\1\2", text)
    for pattern, words in _SIGNS.items():
        text = re.sub(pattern, words, text)
    text = re.sub(
        r"(?:(?<=\s)|^)[^\W\d_](?:\.[^\W\d_])+\.?[^\W\d_]*(?=\s|$)", lambda found: found[0].replace(".", ""), text
    )
    for pattern, words in _WORDS.items():
        text = re.sub(pattern, words, text)
    text = re.sub(r"(^|[^\W\d_])'|`([^\W\d_]|$)", r"\1\2", text)
    return re.sub(r"""[.,:;(){}\[\]?!^'"_|<>]""", " ", text)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    kept = (letter for letter in plain if not unicodedata.combining(letter))
    return "".join(letter if letter.isascii() else f"{ord(letter):x}" for letter in kept)
