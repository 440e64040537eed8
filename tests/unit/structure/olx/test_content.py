"""The digest of a component changes with the content, not with the way in which the content is written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from course_sync_plugin.diff.handlers import COMPONENT, Field
from course_sync_plugin.structure.olx.reader import read_olx
from tests.unit.structure.olx.files import COURSE_XML, folder


def component(tmp_path: Path, xml: str, files: dict[str, str] | None = None) -> dict:
    """Return the fields of the only component of a course."""
    course = {
        "course.xml": COURSE_XML,
        "course/R.xml": f"<course><chapter><sequential><vertical>{xml}</vertical></sequential></chapter></course>",
        **(files or {}),
    }
    structure = read_olx(folder(tmp_path, course))
    return dict(next(entity.fields for entity in structure.entities.values() if "content_digest" in entity.fields))


def digests(tmp_path: Path, one: tuple, other: tuple) -> tuple[str, str]:
    return tuple(component(tmp_path / name, *args)["content_digest"] for name, args in (("1", one), ("2", other)))


def problem(body: str, attributes: str = "") -> tuple[str]:
    return (f'<problem url_name="p" {attributes}>{body}</problem>',)


def html(body: str, attributes: str = 'filename="h"') -> tuple[str, dict[str, str]]:
    return '<html url_name="h"/>', {"html/h.xml": f"<html {attributes}/>", "html/h.html": body}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (problem("<p>a</p>", 'x="1" showanswer="never"'), problem("<p>a</p>", 'showanswer="never" x="1"')),
        (problem('<p b="1" a="2">x</p>'), problem('<p a="2" b="1">x</p>')),
        (problem("<p>a</p><p>b</p>"), problem("\n  <p>a</p>\n\n  <p>b</p>\n")),
        (problem("<p>How many\n   bees?</p>"), problem("<p>How many bees?</p>")),
        (problem("<p>a &amp; b</p>"), problem("<p><![CDATA[a & b]]></p>")),
        (problem("<p>a</p>"), ('<problem url_name="p"/>', {"problem/p.xml": "<problem><p>a</p></problem>"})),
        (problem("<p>a</p>", 'markdown="&gt;&gt;a"'), problem("<p>a</p>", 'markdown="null"')),
        (problem("<p>a</p>", "xml_attributes='{\"x\": 1}'"), problem("<p>a</p>")),
        (problem("<p>a</p>", 'display_name="One" weight="1" max_attempts="2"'), problem("<p>a</p>")),
        (problem("<p>a</p>", 'due="2026-05-03T22:00Z"'), problem("<p>a</p>", 'due="2026-05-03T22:00:00+00:00"')),
        (problem("<p>a</p>", 'graceperiod="1 day 2 hours"'), problem("<p>a</p>", 'graceperiod="1 days 7200 seconds"')),
        (problem("<p>a</p>", 'attempts=""'), problem("<p>a</p>", 'attempts="null"')),
        (problem("<p>a</p>", "x='{\"a\": 1, \"b\": 2}'"), problem("<p>a</p>", "x='{\"b\": 2,\n \"a\": 1}'")),
        (problem("<p>a</p><!-- note -->"), problem("<p>a</p>")),
        (html("<p>a</p>\n<p>b</p>\n"), html("<p>a</p>  <p>b</p>")),
        (html("<p>a</p>"), ('<html url_name="h"><p>a</p></html>',)),
        (html('<p>ü</p><img alt="ü"/>'), ('<html url_name="h"><p>ü</p><img alt="ü"/></html>',)),
        (html("<pre>\n  a\n</pre>\r\n"), html("<pre>\n  a\n</pre>\n")),
        (html("<p>a</p>", 'filename="h" editor="raw" display_name="A"'), html("<p>a</p>")),
        (
            ('<discussion url_name="d"/>', {"discussion/d.xml": '<discussion discussion_id="i" display_name="D"/>'}),
            ('<discussion url_name="d" xblock-family="xblock.v1" discussion_id="i" xml_attributes="{}"/>',),
        ),
        (
            ('<library_content url_name="l" source_library_version="1"><html>x</html></library_content>',),
            ('<library_content url_name="l" source_library_version="2"/>',),
        ),
        (
            ('<conditional url_name="c" sources="i4x://O/C/html/a;i4x://O/C/poll/ü"><show sources="i4x://O/C/html/b"/></conditional>',),
            ('<conditional url_name="c" sources="block-v1:O+C+R+type@html+block@a;block-v1:O+C+R+type@poll+block@ü">'
            '<show sources="block-v1:O+C+R+type@html+block@b"/></conditional>',),
        ),
        (
            ('<poll url_name="p" xblock-family="xblock.v1"><note xblock-family="xblock_asides.v1"/></poll>',),
            ('<poll url_name="p" xblock-family="xblock.v1"/>',),
        ),
    ],
)  # fmt: skip
def test_equal_content(tmp_path: Path, one: tuple, other: tuple):
    first, second = digests(tmp_path, one, other)
    assert first == second
    assert len(first) == 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (problem("<p>a</p>"), problem("<p>b</p>")),
        (problem("<p>a</p>"), problem("<h3>a</h3>")),
        (problem("<p>a</p><p>b</p>"), problem("<p>b</p><p>a</p>")),
        (problem("<p>a<b/>c</p>"), problem("<p>a<b>c</b></p>")),
        (problem("<p>ab</p>"), problem("<p>a b</p>")),
        (problem("<p>a <b>c</b></p>"), problem("<p>a<b>c</b></p>")),
        (problem('<choice correct="true">a</choice>'), problem('<choice correct="false">a</choice>')),
        (problem("<p>a</p>", 'showanswer="never"'), problem("<p>a</p>", 'showanswer="always"')),
        (problem("<p>a</p>", 'due="2026-05-03T22:00Z"'), problem("<p>a</p>", 'due="2026-05-03T23:00Z"')),
        (problem("<script>\nif a:\n  b</script>"), problem("<script>\nif a:\n    b</script>")),
        (problem("<pre>a\n b</pre>"), problem("<pre>a\nb</pre>")),
        (problem("<pre><b>a  b</b></pre>"), problem("<pre><b>a b</b></pre>")),
        (html("<p>a</p>"), html("<p>b</p>")),
        (html("<pre>a  b</pre>"), html("<pre>a b</pre>")),
        (
            ('<conditional url_name="c" sources="i4x://O/C/html/a"><show sources="i4x://O/C/html/b"/></conditional>',),
            ('<conditional url_name="c" sources="i4x://O/C/html/a"><show sources="i4x://O/C/html/c"/></conditional>',),
        ),
        (
            ('<video url_name="v" html5_sources="[&quot;a.mp4&quot;]"/>',),
            ('<video url_name="v" html5_sources="[&quot;b.mp4&quot;]"/>',),
        ),
    ],
)
def test_another_content(tmp_path: Path, one: tuple, other: tuple):
    first, second = digests(tmp_path, one, other)
    assert first != second


def test_a_title_is_no_content(tmp_path: Path):
    one = component(tmp_path / "1", *problem("<p>a</p>", 'display_name="One" weight="1"'))
    other = component(tmp_path / "2", *problem("<p>a</p>", 'display_name="Two" weight="2"'))
    assert {name for name in one if one[name] != other[name]} == {"display_name", "weight"}


def test_content_that_is_deep_or_strange(tmp_path: Path):
    """The digest uses no recursion, and accepts characters that JSON allows and text does not."""
    body = "<p>" * 200 + "x" + "</p>" * 200
    assert len(component(tmp_path / "1", *problem(body, 'x="&quot;\\ud800&quot;"'))["content_digest"]) == 32
    assert len(component(tmp_path / "2", *problem("a", f'x="{"[" * 50_000}"'))["content_digest"]) == 32


@pytest.mark.parametrize("beginning", ["block-v1:", "i4x://", "block-v1:O+", "i4x://O/", "&#xA"])
def test_content_that_only_begins_to_refer_to_blocks(tmp_path: Path, beginning: str):
    """The time grows with the length of the content, not with its square."""
    began = time.process_time()
    component(tmp_path, *html(beginning * 10_000))
    assert time.process_time() - began < 1


def test_a_field_of_a_later_version_changes_no_digest(tmp_path: Path, monkeypatch):
    shown = problem("<p>a</p>", 'showanswer="never"')
    before = component(tmp_path / "1", *shown)
    monkeypatch.setitem(COMPONENT.fields, "showanswer", Field("text", since=2))
    after = component(tmp_path / "2", *shown)
    assert after == {**before, "showanswer": "never"}
