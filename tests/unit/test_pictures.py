"""Each picture of the documentation shows the text of its source: a picture that was not drawn again is noticed."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "docs" / "images").glob("*.dot"))

#: A label is the last attribute of its node; one with lines of two styles is written in ``<…>``.
LABEL = re.compile(r'\blabel=(?:<(?P<html>.*)>|"(?P<text>(?:[^"\\]|\\.)*)")\]')


def lines_of_source(text: str) -> Counter[str]:
    """Return the lines of all labels. White space does not count, as in a picture."""
    text = re.sub(r"^ *//.*$", "", text, flags=re.MULTILINE)
    labels = list(LABEL.finditer(text))
    assert len(labels) == len(re.findall(r"\blabel=", text)), "a label is not the last attribute of its line"
    parts: list[str] = []
    for label in labels:
        if label["html"] is not None:
            parts += map(unescape, re.split(r"<[^>]*>", label["html"]))
        else:
            parts += re.split(r"\\[nlr]", label["text"])
    return Counter(line for part in parts if (line := spaced(part)))


def lines_of_picture(root: ElementTree.Element) -> Counter[str]:
    texts = root.iter("{http://www.w3.org/2000/svg}text")
    return Counter(spaced("".join(text.itertext())) for text in texts)


def spaced(text: str) -> str:
    return " ".join(text.split())


def picture_of(source: Path) -> str:
    return source.with_suffix(".svg").read_text("utf-8")


def test_there_are_pictures():
    assert [source.stem for source in SOURCES] == ["architecture", "flow"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_picture_shows_its_source(source):
    drawn = lines_of_picture(ElementTree.fromstring(picture_of(source)))
    assert drawn == lines_of_source(source.read_text("utf-8")), "run `make pictures`"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_picture_can_be_read_everywhere(source):
    """On a dark page too, by a screen reader, and with the fonts of any machine."""
    picture = picture_of(source)
    first = re.search(r"<polygon ([^>]*)/>", picture)
    assert 'fill="white"' in first[1]
    title = re.search(r'^digraph "(.+)" \{$', source.read_text("utf-8"), re.MULTILINE)[1]
    assert f"<title>{title}</title>" in picture
    assert set(re.findall(r'font-family="([^"]*)"', picture)) == {"Helvetica,Arial,sans-serif"}
