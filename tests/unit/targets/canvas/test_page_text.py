"""The HTML of pages: what is let through, that cleaning twice changes nothing, and addresses there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Entity
from course_sync_plugin.targets.canvas.page_links import Links
from course_sync_plugin.targets.canvas.page_text import cleaned, has_link, text_in
from course_sync_plugin.targets.canvas.site.mapping import Texts
from course_sync_plugin.testing.canvas import fragments, sanitizer
from tests.integration.courses import COURSE, block

LINKS = Links("https://lms.example.org", COURSE)

#: Tags in any order, closed or not, with attributes that may be harmful, and text between them.
PIECES = st.one_of(
    st.text(max_size=8),
    st.builds(
        "<{}{}>".format,
        st.sampled_from("p b a div table tr td ul li section pre script style svg math img span /p /b /a /div /td /ul "
                        "/pre /svg /math /table !-- br h1".split()),
        st.sampled_from(["", ' href="/static/a.png"', ' src="x"', " onclick=x", ' style="color:red;position:fixed"',
                         ' data-method="delete"', ' href="javascript:x"', ' class="a b" id=\'c\'', ' title="<b>"']),
    ),
)  # fmt: skip
HTML = st.lists(PIECES, max_size=12).map("".join)


@given(HTML)
def test_cleaning_again_changes_nothing(html):
    once = cleaned(html, LINKS.absolute)
    assert cleaned(once, LINKS.absolute) == once
    assert cleaned(once) == once


@given(HTML)
def test_canvas_has_nothing_to_take_away(html):
    once = cleaned(html, LINKS.absolute)
    parts = _parts(once)
    assert _parts(sanitizer.sanitize(once)) == parts
    assert not any(name.startswith(("on", "data-")) for _tag, names in parts for name in names)
    assert {tag for tag, _names in parts}.isdisjoint({"script", "style", "svg", "math"})


def _parts(html: str) -> list[tuple[str, list[str]]]:
    """Return each element with the names of its attributes."""
    root = fragments.parse(html)
    return [(one.tag, sorted(one.attrib)) for one in root.iter() if one is not root]


@pytest.mark.parametrize(
    ("address", "absolute"),
    [
        ("/static/a b/c.png", "https://lms.example.org/asset-v1:Org+Course+Run+type@asset+block@a_b_c.png"),
        ("/static/c.png?x=1", "https://lms.example.org/asset-v1:Org+Course+Run+type@asset+block@c.png?x=1"),
        ("/jump_to_id/abc", f"https://lms.example.org/courses/{COURSE}/jump_to_id/abc"),
        ("/course/about", f"https://lms.example.org/courses/{COURSE}/about"),
        ("/asset-v1:x", "https://lms.example.org/asset-v1:x"),
        ("//cdn.example.org/x", "//cdn.example.org/x"),
        ("https://example.org/x", "https://example.org/x"),
        ("#part", "#part"),
        ("part", None),
        ("http://[x", None),
    ],
)
def test_addresses(address, absolute):
    assert LINKS.absolute(address) == absolute


def test_without_an_address_of_the_lms_links_to_it_are_left_out():
    assert Links("", COURSE).absolute("/static/c.png") is None


def test_the_text_of_a_page_is_what_is_not_our_link():
    unit = Entity(block("vertical", "a"), "unit", "vertical", None, {})
    link = Texts("https://lms.example.org", COURSE).text_of(unit, "abc")
    assert (text_in(f"{link}<p>a</p>"), has_link(link)) == ("<p>a</p>", True)
    assert text_in(f"<p>before</p>{link}") == "<p>before</p>"
    assert "mine" in text_in(link.replace("</a>", "</a> mine"))
    assert text_in('<p data-course-sync="abc"></p>') == ""
    assert (text_in(None), has_link(None), has_link("<p>a</p>")) == ("", False, False)
