"""Broken exports: the error or warning names file and line, and unreadable entities do not count as deleted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.olx import bounds, definition
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.structure.olx.xml import parsed
from course_sync_plugin.structure.retain import retain_unreadable
from tests.unit.structure.olx.files import COURSE_XML, STUDIO, archive, folder

PREFIX = "block-v1:O+C+R+type@"

BILLION_LAUGHS = (
    '<!DOCTYPE html [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(9))
    + "]>"
)


def refusal(tmp_path: Path, files: dict[str, str], course_id: str | None = None) -> str:
    """Return the error message for an export; it is the same for a folder and for an archive."""
    messages = []
    for path in (folder(tmp_path / "folder", files), archive(tmp_path / "course.tar.gz", files)):
        with pytest.raises(InvalidCourse) as error:
            read_olx(path, course_id)
        messages.append(error.value.message)
    assert len(set(messages)) == 1 or str(tmp_path) in messages[0]
    return messages[0]


@pytest.mark.parametrize(
    ("file", "xml", "line"),
    [
        ("sequential/s.xml", '<sequential display_name="A &\n B"><vertical url_name="v"/></sequential>', 1),
        ("sequential/s.xml", '<sequential>\n\n<vertical url_name="v">\n</sequential>', 4),
        ("vertical/v.xml", "<vertical>\n<html>&nbsp;</html></vertical>", 2),
        ("problem/p.xml", "", 1),
        ("problem/p.xml", "no XML", 1),
        ("chapter/c.xml", "<chapter/><chapter/>", 1),
        ("course.xml", "<course", 1),
        ("html/h.xml", "<html>" * 300 + "</html>" * 300, 1),
    ],
)
def test_bad_xml_is_an_error_with_file_and_line(tmp_path: Path, file: str, xml: str, line: int):
    """An error means that nothing is synced, so nothing is deleted."""
    assert refusal(tmp_path, {**STUDIO, file: xml}).startswith(f"{file}, line {line}: ")


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]><html>&x;</html>',
        '<!DOCTYPE html [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]><html>&x;</html>',
        '<!DOCTYPE html [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><html/>',
        '<!DOCTYPE html [<!ENTITY x "harmless">]><html display_name="&x;"/>',
        f"{BILLION_LAUGHS}<html>&i;</html>",
        f'{BILLION_LAUGHS}<html display_name="&i;"/>',
    ],
)
@pytest.mark.parametrize("file", ["html/h.xml", "course.xml"])
def test_entities_are_refused(tmp_path: Path, file: str, xml: str):
    message = refusal(tmp_path, {**STUDIO, file: xml})
    assert file in message
    assert "Nothing was synced" in message or "entities" in message


@pytest.mark.parametrize("doctype", ["<!DOCTYPE html>", '<!DOCTYPE html SYSTEM "http://127.0.0.1:9/x.dtd">'])
def test_a_document_type_without_entities_is_harmless(tmp_path: Path, doctype: str):
    files = {**STUDIO, "html/h.xml": f'{doctype}<html filename="h" display_name="Text"/>'}
    assert read_olx(folder(tmp_path / "a", files)).same_course_as(read_olx(folder(tmp_path / "b", STUDIO)))


@pytest.mark.parametrize(
    ("gone", "missing", "left"),
    [
        ("course/R.xml", "course/R.xml", 1),
        ("chapter/c.xml", "chapter/c.xml", 2),
        ("sequential/s.xml", "sequential/s.xml", 3),
        ("vertical/v.xml", "vertical/v.xml", 4),
        ("html/h.xml", "html/h.xml", 6),
        ("html/h.html", "html/h.html", 6),
        ("problem/p.xml", "problem/p.xml", 6),
    ],
)
def test_a_pointer_to_a_missing_file_is_an_empty_entity(tmp_path: Path, gone: str, missing: str, left: int):
    structure = read_olx(folder(tmp_path, {name: content for name, content in STUDIO.items() if name != gone}))
    assert len(structure) == left
    (warning,) = structure.warnings
    assert f"there is no {missing}, so the block is empty" in warning
    assert ", line " in warning


def test_what_was_below_a_pointer_to_a_missing_file_is_not_gone(tmp_path: Path):
    old = read_olx(folder(tmp_path / "old", STUDIO))
    cut = {name: content for name, content in STUDIO.items() if name != "sequential/s.xml"}
    new = read_olx(folder(tmp_path / "new", cut))
    assert new.unreadable == {f"{PREFIX}sequential+block@s"}
    operations = diff(old, retain_unreadable(old, new))
    assert {operation.operation for operation in operations} <= {"update"}


def test_an_xblock_without_settings_has_no_file(tmp_path: Path):
    files = {**STUDIO, "vertical/v.xml": '<vertical><done url_name="d" xblock-family="xblock.v1"/></vertical>'}
    structure = read_olx(folder(tmp_path, files))
    assert f"{PREFIX}done+block@d" in structure.entities
    assert structure.warnings == ()


@pytest.mark.parametrize(
    "hidden",
    [
        '<sequential url_name="My Lesson"><vertical url_name="v"/></sequential>',
        '<sequential url_name="sîmple_√ideo"/>',
        '<sequential url_name="../../etc/passwd"/>',
        '<sequential url_name="50%"/>',
        '<error url_name="e"><error_msg>bad XML</error_msg></error>',
        '<x:thing xmlns:x="urn:x" url_name="t"/>',
    ],
)
def test_a_block_the_platform_refuses_hides_what_it_may_be(tmp_path: Path, hidden: str):
    """The old subsection stays, with everything below it."""
    old = read_olx(folder(tmp_path / "old", STUDIO))
    new = read_olx(folder(tmp_path / "new", {**STUDIO, "chapter/c.xml": f"<chapter>\n{hidden}</chapter>"}))
    assert new.unreadable == {f"{PREFIX}chapter+block@c"}
    assert len(new) == 2
    assert new.warnings[0].startswith("chapter/c.xml, line 2: <")
    operations = diff(old, retain_unreadable(old, new))
    assert [(operation.operation, operation.entity_type) for operation in operations] == [("update", "section")]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch):
    """End a test that would read forever."""
    reads = []

    def counted(files, path):
        reads.append(path)
        assert len(reads) < 1000, "the course is read forever"
        return parsed(files, path)

    monkeypatch.setattr(definition, "parsed", counted)


CIRCLES = {
    "sequential/s.xml": '<sequential>\n<sequential url_name="s" filename="s"/></sequential>',
    "wrapper/a.xml": '<wrapper><wrapper url_name="w" filename="b"/></wrapper>',
    "wrapper/b.xml": '<wrapper><html url_name="h"/>\n<wrapper filename="a"/></wrapper>',
}


@pytest.mark.parametrize(
    ("vertical", "circle"),
    [
        ('<wrapper filename="a"/>', "wrapper/b.xml, line 2: <wrapper> is read from wrapper/a.xml"),
        ('<sequential filename="s"/>', "sequential/s.xml, line 2: <sequential> is read from sequential/s.xml"),
    ],
)
@pytest.mark.usefixtures("patience")
def test_a_file_that_holds_itself_is_refused(tmp_path: Path, vertical: str, circle: str):
    files = {**STUDIO, **CIRCLES, "chapter/c.xml": f"<chapter><vertical>{vertical}</vertical></chapter>"}
    message = refusal(tmp_path, files)
    assert circle in message
    assert "contains itself" in message


def test_a_file_may_be_read_in_several_places(tmp_path: Path):
    twice = '<wrapper url_name="x" filename="a"/><wrapper url_name="y" filename="a"/>'
    files = {**STUDIO, "vertical/v.xml": f"<vertical>{twice}</vertical>", "wrapper/a.xml": "<wrapper><html/></wrapper>"}
    assert len(read_olx(folder(tmp_path, files))) == 4 + 2 + 1


def doubling(generations: int) -> dict[str, str]:
    """Return files of which each contains the next one twice."""
    wrappers = [f'<wrapper filename="w{at + 1}"/>' for at in range(generations)]
    files = {f"wrapper/w{at}.xml": f"<wrapper>{wrapper * 2}</wrapper>" for at, wrapper in enumerate(wrappers)}
    return {**STUDIO, **files, "vertical/v.xml": '<vertical><wrapper filename="w0"/></vertical>'}


@pytest.mark.parametrize(
    ("limit", "value", "reason"), [("MAX_BLOCKS", 100, "100 blocks"), ("MAX_READ_BYTES", 5000, "5000 bytes")]
)
@pytest.mark.usefixtures("patience")
def test_files_that_multiply_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, reason: str
):
    monkeypatch.setattr(bounds, limit, value)
    message = refusal(tmp_path, doubling(60))
    assert "wrapper/w" in message
    assert f"more than {reason}" in message or f"larger than {reason}" in message


def test_blocks_in_one_file_are_counted_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bounds, "MAX_BLOCKS", 100)
    assert "more than 100 blocks" in refusal(
        tmp_path, {**STUDIO, "vertical/v.xml": f"<vertical>{'<html/>' * 101}</vertical>"}
    )


def test_a_name_of_fifty_thousand_folders_is_looked_for_in_a_few(tmp_path: Path):
    files = {**STUDIO, "html/h.xml": f'<html filename="{"a/" * 50_000}h"/>'}
    started = time.process_time()
    assert "so the block is empty" in read_olx(archive(tmp_path / "course.tar.gz", files)).warnings[0]
    assert time.process_time() - started < 1


def test_an_empty_course(tmp_path: Path):
    structure = read_olx(folder(tmp_path, {"course.xml": COURSE_XML, "course/R.xml": "<course/>"}))
    assert list(structure.entities) == ["course-v1:O+C+R"]
    assert structure.children == {}
    assert structure.warnings == ()


@pytest.mark.parametrize(
    ("course_xml", "reason"),
    [
        ('<course url_name="R" org="O"/>', "does not name org, course and url_name"),
        ('<course course="C" url_name="R"/>', "does not name org, course and url_name"),
        ('<course course="C" org="O"/>', "does not name org, course and url_name"),
        ('<course course="C" org="O" url_name="2012 Fall"/>', "not the key of a course run"),
        ('<library org="O" library="L"/>', "has <library> as its root element, not <course>"),
    ],
)
def test_a_course_without_a_key(tmp_path: Path, course_xml: str, reason: str):
    assert reason in refusal(tmp_path, {"course.xml": course_xml})


@pytest.mark.parametrize("course_id", ["O/C/R", "library-v1:O+L", "ccx-v1:O+C+R+ccx@1", "course-v1:O+C", "nonsense"])
def test_a_key_that_is_none_of_a_course_run(tmp_path: Path, course_id: str):
    assert "not the key of a course run" in refusal(tmp_path, STUDIO, course_id)


def test_a_run_with_any_name_under_a_key_that_is_given(tmp_path: Path):
    files = {"course.xml": '<course url_name="2012 Fall"/>', "course/2012 Fall.xml": "<course/>"}
    assert list(read_olx(folder(tmp_path, files), "course-v1:O+C+R").entities) == ["course-v1:O+C+R"]


@pytest.mark.parametrize(("length", "fits"), [(121, True), (255 - len(f"{PREFIX}html+block@"), True), (250, False)])
def test_long_ids(tmp_path: Path, length: int, fits: bool):
    name = "x" * length
    files = {**STUDIO, "vertical/v.xml": f'<vertical><html url_name="{name}">x</html></vertical>'}
    if fits:
        assert len(list(read_olx(folder(tmp_path, files)).entities)[-1]) == len(f"{PREFIX}html+block@{name}")
    else:
        message = refusal(tmp_path, files)
        assert name in message
        assert "255" in message


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_an_archive_that_is_cut_off_is_no_course(tmp_path: Path, share: float):
    path = archive(tmp_path / "course.tar.gz", STUDIO)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InvalidCourse, match="cut off"):
        read_olx(path)
