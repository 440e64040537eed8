"""Reads exports: blocks, their names and places, their fields."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.structure.olx.reader import read_olx, read_with_html
from tests.unit.structure.olx.files import COURSE_XML, STUDIO, archive, folder

PREFIX = "block-v1:O+C+R+type@"

INLINE = {
    "course.xml": """
        <course url_name="R" org="O" course="C" display_name="Course">
          <chapter url_name="c" display_name="Section">
            <sequential url_name="s" display_name="Subsection">
              <vertical url_name="v" display_name="Unit">
                <html url_name="h" display_name="Text"><p>Hello</p></html>
                <problem url_name="p" weight="1.0" display_name="Question"><p>How many?</p></problem>
              </vertical>
            </sequential>
          </chapter>
        </course>"""
}

IN_POLICY = {
    "course.xml": COURSE_XML,
    "course/R.xml": '<course><chapter url_name="c"/></course>',
    "chapter/c.xml": '<chapter><sequential url_name="s"><vertical url_name="v"/></sequential></chapter>',
    "vertical/v.xml": '<vertical><html url_name="h" filename="h"/><problem url_name="p"/></vertical>',
    "html/h.html": "<p>Hello</p>\n",
    "problem/p.xml": "<problem>\n  <p>How\n  many?</p>\n</problem>",
    "policies/R/policy.json": json.dumps(
        {
            "course/R": {"display_name": "Course"},
            "chapter/c": {"display_name": "Section"},
            "sequential/s": {"display_name": "Subsection"},
            "vertical/v": {"display_name": "Unit"},
            "html/h": {"display_name": "Text"},
            "problem/p": {"display_name": "Question", "weight": 1},
        }
    ),
}


def units(tmp_path: Path, xml: str, files: dict[str, str] | None = None, policy: dict | None = None) -> Structure:
    """Read a course whose only vertical ``v`` contains ``xml``."""
    return read_olx(
        folder(
            tmp_path / "course",
            {
                "course.xml": COURSE_XML,
                "course/R.xml": '<course><chapter url_name="c"><sequential url_name="s"><vertical url_name="v"/>'
                "</sequential></chapter></course>",
                "vertical/v.xml": f"<vertical>{xml}</vertical>",
                "policies/R/policy.json": json.dumps(policy or {}),
                **(files or {}),
            },
        )
    )


def below(structure: Structure, entity_id: str) -> list:
    """Return the names of the descendants of an entity, nested: ``["type@name", ["type@name", ...], ...]``."""
    names: list = []
    for child in structure.children.get(entity_id, ()):
        names.append(child.removeprefix(PREFIX).replace("+block", ""))
        if child in structure.children:
            names.append(below(structure, child))
    return names


def test_a_studio_export(tmp_path: Path):
    structure = read_olx(archive(tmp_path / "course.tar.gz", STUDIO), published_version="v1")
    assert (structure.course_id, structure.published_version) == ("course-v1:O+C+R", "v1")
    assert below(structure, structure.course_id) == [
        "chapter@c", ["sequential@s", ["vertical@v", ["html@h", "problem@p"]]]
    ]  # fmt: skip
    titles = [entity.fields["display_name"] for entity in structure.entities.values()]
    assert titles == ["Course", "Section", "Subsection", "Unit", "Text", "Question"]
    types = [entity.entity_type for entity in structure.entities.values()]
    assert types == ["course", "section", "subsection", "unit", "component", "component"]
    assert structure.warnings == ()
    assert structure.unreadable == frozenset()


@pytest.mark.parametrize("files", [INLINE, IN_POLICY], ids=["inline", "policy"])
@pytest.mark.parametrize("pack", [archive, folder])
def test_one_course_however_it_is_written(tmp_path: Path, files: dict[str, str], pack):
    studio = read_olx(folder(tmp_path / "studio", STUDIO))
    other = read_olx(pack(tmp_path / "other.tar.gz", files))
    assert other.same_course_as(studio)
    assert list(other.entities) == list(studio.entities)
    assert other.published_version == studio.published_version
    assert diff(studio, other) == []


@pytest.mark.parametrize(
    ("xml", "names"),
    [
        ('<html url_name="a"/><html url_name="b" slug="c" name="d"/>', ["html@a", "html@b"]),
        ('<html slug="s">x</html>', ["html@s"]),
        ('<html name="S0V1: Video Resources" display_name="Other">x</html>', ["html@S0V1_Video_Resources"]),
        ('<html display_name="Grün &amp; Blau (1)">x</html>', ["html@Grün_Blau_1_"]),
        ('<html name="" display_name="Other">x</html>', ["html@html_3981d94a6ac2"]),
        ("<html>Ünïcode body</html><html><p>x</p></html>", ["html@html_23f246f59955", "html@html_cc766ae2029b"]),
        ('<html url_name=""><b>empty name</b></html>', ["html@html_7aa1b43d0c5d"]),
        (
            '<problem url_name="dup"><p>one</p></problem><problem url_name="dup"><p>two</p></problem>',
            ["problem@dup", "problem@problem_dup_b98cbab7e3bb"],
        ),
        (
            '<problem url_name="problem_foo_123456789abc"><p>one</p></problem>'
            '<problem url_name="problem_foo_123456789abc"><p>two</p></problem>',
            ["problem@problem_foo_123456789abc", "problem@problem_foo__20665298123a"],
        ),
        ('<html url_name="twice">first</html><html url_name="twice">second</html>', ["html@twice"]),
        (
            '<split_test url_name="st"><vertical><html>Ünïcode within</html></vertical>'
            "<html>Ünïcode</html></split_test>",
            [
                "split_test@st",
                ["vertical@vertical_8f873de024db", ["html@html_47a2be6ccd04"], "html@html_8d9def208787"],
            ],
        ),
        (
            '<library_content url_name="lc"><problem>Ünï</problem></library_content>',
            ["library_content@lc", ["problem@problem_b199aa89e184"]],
        ),
        (
            "<wrapper><html>Ünï in wrapper</html></wrapper>",
            ["wrapper@wrapper_53be33df99d0", ["html@html_12593a0cd5b8"]],
        ),
        (
            "<randomize><html>Ünï random</html></randomize>",
            ["randomize@randomize_7bac03aea9cc", ["html@html_18c54756df28"]],
        ),
        ('<unit url_name="un"><html>Ünï in unit</html></unit>', ["unit@un", ["html@html_566ed80d7da5"]]),
        (
            '<book page="3">See</book><discuss url_name="d"/><customtag impl="x"/>',
            ["customtag@book_6c9fd04ea9dc", "customtag@d", "customtag@customtag_fd1ecbdb4cb4"],
        ),
        ('<videoalpha url_name="va" youtube="1:abc"/>', ["video@va"]),
        ("<word_cloud><i/></word_cloud>", ["word_cloud@word_cloud_2fa684964f4e"]),
    ],
)
def test_blocks_are_named_as_the_platform_names_them(tmp_path: Path, xml: str, names: list):
    """The expected names were made by the platform's own importer (edx-platform of 2025-08, lxml 5.3)."""
    assert below(units(tmp_path, xml), f"{PREFIX}vertical+block@v") == names


@pytest.mark.parametrize(
    ("xml", "names"),
    [
        ("<!-- a comment --><?php?><html url_name='h'>x</html>", ["html@h"]),
        ('<aside_x xblock-family="xblock_asides.v1"/><html url_name="h">x</html>', ["html@h"]),
        ('<html url_name="h"><aside_x url_name="a" xblock-family="xblock_asides.v1"/></html>', ["html@h"]),
        ('<meta name="x"/><html url_name="h">x</html>', ["html@h"]),
        ('<html url_name="h"><p url_name="no block">x</p></html>', ["html@h"]),
        ('<problem url_name="p"><problem url_name="q"/></problem>', ["problem@p"]),
        ('<video url_name="w"><source src="a.mp4"/><transcript language="de" src="a.srt"/></video>', ["video@w"]),
        ('<openassessment url_name="o"><title>T</title><rubric/></openassessment>', ["openassessment@o"]),
        (
            '<problem-builder url_name="pb" xblock-family="xblock.v1"><pb-mcq url_name="m" xblock-family="xblock.v1">'
            '<pb-choice url_name="one" xblock-family="xblock.v1">Yes</pb-choice></pb-mcq><pb-x url_name="x"/>'
            '<tip>no block</tip></problem-builder>',
            ["problem-builder@pb", ["pb-mcq@m", ["pb-choice@one"], "pb-x@x"]],
        ),
        ('<abtest url_name="ab"><group name="one"><problem url_name="p"/></group></abtest>', ["abtest@ab"]),
        (
            '<poll xmlns:option="http://code.edx.org/xblock/option" url_name="p" xblock-family="xblock.v1">'
            '<option:display_name none="true"/></poll>',
            ["poll@p"],
        ),
    ],
)  # fmt: skip
def test_which_elements_are_blocks(tmp_path: Path, xml: str, names: list):
    assert below(units(tmp_path, xml), f"{PREFIX}vertical+block@v") == names


def test_textbook_and_wiki_are_no_sections(tmp_path: Path):
    files = {
        "course.xml": COURSE_XML,
        "course/R.xml": '<course><textbook title="T"/><chapter name="C"/><wiki/></course>',
    }
    structure = read_olx(folder(tmp_path, files))
    assert below(structure, structure.course_id) == ["chapter@C"]


def test_drafts_are_not_published(tmp_path: Path):
    draft = {"drafts/vertical/draft.xml": '<vertical parent_url="x" index_in_children_list="0"><html/></vertical>'}
    assert read_olx(folder(tmp_path / "a", {**STUDIO, **draft})).same_course_as(
        read_olx(folder(tmp_path / "b", STUDIO))
    )


def test_a_file_may_have_the_tag_of_another_block(tmp_path: Path):
    """The tag of the pointer gives the type of the block."""
    files = {
        "sequential/q.xml": "<sequential/>",
        "vertical/w.xml": '<sequential display_name="W"><html url_name="h"/></sequential>',
    }
    structure = units(tmp_path, '<vertical url_name="w"/>', {**files, "html/h.xml": "<html>x</html>"})
    assert below(structure, f"{PREFIX}vertical+block@v") == ["vertical@w", ["html@h"]]


def test_a_colon_in_a_name_is_a_folder(tmp_path: Path):
    files = {"html/secret/lab.xml": '<html filename="lab" display_name="Lab"/>', "html/secret/lab.html": "<p>x</p>"}
    structure = units(tmp_path, '<html url_name="secret:lab"/>', files)
    entity = structure.entities[f"{PREFIX}html+block@secret:lab"]
    assert entity.fields["display_name"] == "Lab"
    assert structure.warnings == ()


@pytest.mark.parametrize("file", ["html/x.html", "html/x.html.html"])
def test_html_files_that_say_html_twice(tmp_path: Path, file: str):
    structure = units(tmp_path, '<html url_name="h" filename="x.html"/>', {file: "<p>x</p>"})
    other = units(tmp_path / "other", '<html url_name="h"><p>x</p></html>')
    assert (structure.warnings == ()) is (file == "html/x.html")
    assert structure.same_course_as(other) is (file == "html/x.html")


def test_xml_that_was_filed_before_2013(tmp_path: Path):
    files = {"problem/ps.xml": '<problem display_name="not counted"><p>one</p></problem>'}
    old = units(tmp_path / "old", '<problem url_name="p" filename="ps"/>', files)
    new = units(tmp_path / "new", '<problem url_name="p"><p>one</p></problem>')
    assert old.same_course_as(new)


def test_names_in_any_script(tmp_path: Path):
    structure = units(tmp_path, '<html url_name="sîmple"/>', {"html/sîmple.xml": '<html display_name="🐝 蜂">x</html>'})
    assert structure.entities[f"{PREFIX}html+block@sîmple"].fields["display_name"] == "🐝 蜂"


@pytest.mark.parametrize("name", ["a", "secret:lab", "sîmple", "x" * 121, "a.b-c~d_e"])
def test_ids_are_those_of_the_platforms_keys(tmp_path: Path, name: str):
    structure = units(tmp_path, f'<problem url_name="{name}">x</problem>')
    key = CourseKey.from_string("course-v1:O+C+R").make_usage_key("problem", name)
    assert list(structure.entities)[-1] == str(key)


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ('display_name="Plain"', "Plain"),
        ("display_name='\"Quoted\"'", "Quoted"),
        ('display_name="null"', None),
        ('display_name="3.5"', "3.5"),
        ('display_name=""', ""),
        ('xblock-family="xblock.v1" display_name="null"', "null"),
        ("xblock-family='xblock.v1' display_name='\"Quoted\"'", '"Quoted"'),
        ("", None),
    ],
)
def test_how_titles_are_written(tmp_path: Path, kind: str, title: str | None):
    structure = units(tmp_path, f'<done url_name="d" {kind}>x</done>')
    assert structure.entities[f"{PREFIX}done+block@d"].fields.get("display_name") == title


def test_fields_that_are_elements(tmp_path: Path):
    xml = (
        '<poll xmlns:option="http://code.edx.org/xblock/option" url_name="p" xblock-family="xblock.v1" weight="2">'
        '<option:display_name>Two\nlines</option:display_name><option:weight none="true"/></poll>'
    )
    fields = units(tmp_path, xml).entities[f"{PREFIX}poll+block@p"].fields
    assert fields["display_name"] == "Two\nlines"
    assert "weight" not in fields


def test_dates_and_visibility_are_inherited(tmp_path: Path):
    files = {
        **STUDIO,
        "course/R.xml": '<course start="&quot;2026-03-02T06:00:00+00:00&quot;"><chapter url_name="c"/></course>',
        "chapter/c.xml": '<chapter visible_to_staff_only="true"><sequential url_name="s" start="null" graded="true"'
        ' due="2026-05-03T22:00" format="Homework"><vertical url_name="v"/></sequential></chapter>',
    }
    structure = read_olx(folder(tmp_path, files))
    section, subsection, unit, html, _ = list(structure.entities.values())[1:]
    assert section.fields == {"start": "2026-03-02T06:00:00Z", "visible_to_staff_only": True}
    assert subsection.fields == {
        "due": "2026-05-03T22:00:00Z", "graded": True, "format": "Homework", "visible_to_staff_only": True
    }  # fmt: skip
    assert unit.fields == {"display_name": "Unit", "visible_to_staff_only": True}
    assert set(html.fields) == {"display_name", "content_digest"}


def test_one_date_of_a_course_is_a_handful_of_operations(tmp_path: Path):
    later = {**STUDIO, "policies/R/policy.json": '{"course/R": {"start": "2026-04-06T06:00:00Z"}}'}
    operations = diff(read_olx(folder(tmp_path / "a", STUDIO)), read_olx(folder(tmp_path / "b", later)))
    assert [(operation.entity_type, dict(operation.fields)) for operation in operations] == [
        ("course", {"start": "2026-04-06T06:00:00Z"}),
        ("section", {"start": "2026-04-06T06:00:00Z"}),
        ("subsection", {"start": "2026-04-06T06:00:00Z"}),
    ]


def test_a_policy_overrides_the_xml(tmp_path: Path):
    policy = {
        "problem/p": {"display_name": "From policy", "max_attempts": None},
        "problem/other": {"display_name": "x"},
    }
    structure = units(
        tmp_path, '<problem url_name="p" display_name="From XML" max_attempts="3" weight="2">x</problem>', policy=policy
    )
    fields = structure.entities[f"{PREFIX}problem+block@p"].fields
    assert {**fields, "content_digest": ""} == {"display_name": "From policy", "weight": 2.0, "content_digest": ""}


@pytest.mark.parametrize("place", ["policies/R/policy.json", "policies/R.json"])
def test_both_places_of_a_policy(tmp_path: Path, place: str):
    structure = read_olx(folder(tmp_path, {**STUDIO, place: '{"course/R": {"display_name": "Policy"}}'}))
    assert structure.entities[structure.course_id].fields["display_name"] == "Policy"


def test_only_the_policy_of_the_run_counts(tmp_path: Path):
    structure = read_olx(folder(tmp_path, {**STUDIO, "policies/S/policy.json": '{"course/R": {"display_name": "S"}}'}))
    assert structure.entities[structure.course_id].fields["display_name"] == "Course"


@pytest.mark.parametrize("policy", ["{", "[]", "\x00", '{"course/R": []}', "[" * 100_000])
def test_a_broken_policy_is_passed_over(tmp_path: Path, policy: str):
    structure = read_olx(folder(tmp_path, {**STUDIO, "policies/R/policy.json": policy}))
    assert structure.entities[structure.course_id].fields["display_name"] == "Course"
    assert structure.warnings[0].startswith("policies/R/policy.json")
    assert "is ignored" in structure.warnings[0]


@pytest.mark.parametrize("entry", [[], ["a"], None, 5, True, "text", "x" * 1000])
def test_an_entry_of_a_policy_that_is_no_object_is_passed_over_with_a_warning(tmp_path: Path, entry: object):
    structure = units(tmp_path, '<problem url_name="p">x</problem>', policy={"problem/p": entry, "course/R": {}})
    (warning,) = structure.warnings
    assert warning.startswith("policies/R/policy.json: 'problem/p' is ignored: ")
    assert warning.endswith(" is not a JSON object")
    assert len(warning) < 200


def test_a_value_its_field_refuses_is_left_out_with_a_warning(tmp_path: Path):
    structure = units(tmp_path, '<problem url_name="p" weight="heavy" display_name="P">x</problem>')
    assert "weight" not in structure.entities[f"{PREFIX}problem+block@p"].fields
    (warning,) = structure.warnings
    assert "problem+block@p: weight is left out" in warning


@pytest.mark.parametrize(
    ("name", "value"), [("start", "NaN"), ("start", "99999999999999999"), ("graceperiod", f'"{"9" * 5000} days"')]
)
def test_a_value_of_a_policy_that_is_out_of_range_is_left_out_with_a_warning(tmp_path: Path, name: str, value: str):
    policy = f'{{"course/R": {{"{name}": {value}}}}}'
    structure = read_olx(folder(tmp_path, {**STUDIO, "policies/R/policy.json": policy}))
    assert all(name not in entity.fields for entity in structure.entities.values())
    assert f"{structure.course_id}: {name} is left out" in structure.warnings[0]


def test_a_conditional_shows_blocks_from_elsewhere(tmp_path: Path):
    """A block with two parents belongs to the first in document order."""
    show = (
        '<show sources="i4x://O/C/html/before; block-v1:O+C+R+type@html+block@after;i4x://O/C/html/nowhere;nonsense"/>'
    )
    before, after = '<html url_name="before">b</html>', '<html url_name="after">a</html>'
    structure = units(tmp_path, f'{before}<conditional url_name="if">{show}</conditional>{after}')
    assert below(structure, f"{PREFIX}vertical+block@v") == ["html@before", "conditional@if", ["html@after"]]
    assert structure.unreadable == frozenset()
    nonsense, nowhere = structure.warnings
    assert "'nonsense'" in nonsense
    assert nowhere == f"{PREFIX}conditional+block@if shows {PREFIX}html+block@nowhere, which is missing in the export"


def test_two_pointers_to_one_unit(tmp_path: Path):
    pointer = '<vertical url_name="v"/>'
    files = {
        **STUDIO,
        "sequential/s.xml": f"<sequential>{pointer}{pointer}</sequential>",
        "chapter/c.xml": '<chapter><sequential url_name="s"/><sequential url_name="t"/></chapter>',
        "sequential/t.xml": f"<sequential>{pointer}</sequential>",
    }
    structure = read_olx(folder(tmp_path, files))
    assert below(structure, f"{PREFIX}chapter+block@c") == [
        "sequential@s", ["vertical@v", ["html@h", "problem@p"]], "sequential@t"
    ]  # fmt: skip


def test_pointers_in_a_circle(tmp_path: Path):
    files = {
        "wrapper/w.xml": '<wrapper><vertical url_name="v"/><wrapper url_name="w"/><html url_name="h">x</html></wrapper>'
    }
    structure = units(tmp_path, '<wrapper url_name="w"/>', files)
    assert below(structure, f"{PREFIX}vertical+block@v") == ["wrapper@w", ["html@h"]]


@pytest.mark.parametrize("course_id", ["course-v1:Other+Key+2026", "course-v1:O+C+Année"])
def test_an_export_read_under_another_key(tmp_path: Path, course_id: str):
    structure = read_olx(folder(tmp_path, STUDIO), course_id)
    assert structure.course_id == course_id
    key = CourseKey.from_string(course_id)
    assert list(structure.entities)[1] == str(key.make_usage_key("chapter", "c"))
    assert structure.entities[course_id].fields["display_name"] == "Course"


def test_a_version_of_its_own(tmp_path: Path):
    """Without a given version, equal content gets an equal version."""
    same, other = read_olx(folder(tmp_path / "a", STUDIO)), read_olx(folder(tmp_path / "b", INLINE))
    changed = read_olx(folder(tmp_path / "c", {**STUDIO, "html/h.html": "<p>Bye</p>"}))
    assert same.published_version == other.published_version != changed.published_version


def big_course(sections: int) -> dict[str, str]:
    """Return a course with 25 * 20 blocks below each section, each with a pointer and a file."""
    files = {"course.xml": COURSE_XML}
    sections_of_course = "".join(f'<chapter url_name="c{at}"/>' for at in range(sections))
    files["course/R.xml"] = f"<course>{sections_of_course}</course>"
    for section in range(sections):
        files[f"chapter/c{section}.xml"] = f'<chapter><sequential url_name="s{section}"/></chapter>'
        units = [f"{section}_{at}" for at in range(25)]
        pointers = "".join(f'<vertical url_name="v{unit}"/>' for unit in units)
        files[f"sequential/s{section}.xml"] = f'<sequential due="2026-05-03T22:00:00Z">{pointers}</sequential>'
        for unit in units:
            names = [f"{unit}_{at}" for at in range(19)]
            components = "".join(f'<html url_name="h{name}"/>' for name in names)
            files[f"vertical/v{unit}.xml"] = f'<vertical display_name="Unit {unit}">{components}</vertical>'
            for name in names:
                files[f"html/h{name}.xml"] = f'<html filename="h{name}" display_name="Text {name}"/>'
                files[f"html/h{name}.html"] = f"<p>Text {name}</p>"
    return files


def test_twenty_thousand_blocks(tmp_path: Path):
    path = archive(tmp_path / "big.tar.gz", big_course(sections=40))
    started = time.process_time()
    structure = read_olx(path)
    assert time.process_time() - started < 10  # CPU time of this process, so other load on the machine does not count
    assert len(structure) == 1 + 40 * (2 + 25 * 20)


def test_a_very_deep_course(tmp_path: Path):
    """Pointers nested far deeper than Python's stack."""
    depth = 3000
    files = {f"wrapper/w{at}.xml": f'<wrapper><wrapper url_name="w{at + 1}"/></wrapper>' for at in range(depth)}
    files[f"wrapper/w{depth}.xml"] = '<wrapper><html url_name="h">x</html></wrapper>'
    assert len(units(tmp_path, '<wrapper url_name="w0"/>', files)) == depth + 6


@pytest.mark.parametrize("files", [INLINE, IN_POLICY])
def test_the_html_of_html_components(tmp_path, files):
    path = folder(tmp_path / "course", files)
    assert {one: html.strip() for one, html in read_with_html(path)[1].items()} == {
        "block-v1:O+C+R+type@html+block@h": "<p>Hello</p>"
    }
