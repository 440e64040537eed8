"""The HTML of real courses on its way to Canvas."""

from __future__ import annotations

import tarfile

import pytest

from course_sync_plugin.targets.canvas.page_links import Links
from course_sync_plugin.targets.canvas.page_text import cleaned
from course_sync_plugin.testing.canvas import fragments, sanitizer
from tests.conftest import shared_data
from tests.integration.courses import COURSE

LINKS = Links("https://lms.example.org", COURSE)

#: The course of each family that has the most HTML.
COURSES = ["demox__verawood", "dnd__r2", "edxplatform__manual-testing-complete", "edxplatform__toy", "test101__r5"]


def pages_of(name: str) -> list[str]:
    """Return the HTML files of an export."""
    with tarfile.open(shared_data() / "courses" / f"{name}.tar.gz") as archive:
        files = [one for one in archive.getmembers() if one.isfile() and "/html/" in one.name]
        read = [archive.extractfile(one) for one in files if one.name.endswith(".html")]
        return [one.read().decode() for one in read if one]


@pytest.mark.parametrize("name", COURSES)
def test_a_real_course(name):
    pages = pages_of(name)
    assert pages
    for page in pages:
        once = cleaned(page, LINKS.absolute)
        assert cleaned(once, LINKS.absolute) == once
        assert elements(sanitizer.sanitize(once)) == elements(once)
        for _tag, attributes in elements(once):
            assert all(leads_somewhere(attributes[key]) for key in ("href", "src") if key in attributes)


def elements(html: str) -> list[tuple[str, dict[str, str]]]:
    """Return each element with its attributes. Canvas writes the text of a style in its own way."""
    root = fragments.parse(html)
    return [
        (one.tag, {**one.attrib, **dict.fromkeys({"style"} & set(one.attrib), "")})
        for one in root.iter()
        if one is not root
    ]


def leads_somewhere(address: str) -> bool:
    return address.startswith(("https://", "http://", "mailto:", "tel:", "//", "#"))
