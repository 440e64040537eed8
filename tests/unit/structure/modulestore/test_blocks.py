"""Documents of split modulestore become raw blocks. tests/platform tests the same inside edx-platform."""

import attrs
import pytest
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.diff.handlers import COMPONENT, Field
from course_sync_plugin.exceptions import SourceError
from course_sync_plugin.structure.builder import StructureBuilder
from course_sync_plugin.structure.modulestore import blocks as split_blocks
from course_sync_plugin.structure.modulestore import source
from course_sync_plugin.structure.modulestore.blocks import SplitCourse, digest_of_stored, html_of, raw_blocks

KEY = CourseKey.from_string("course-v1:Org+Bees+run")
ROOT, UNIT, TEXT, ERROR = ("course", "course"), ("vertical", "unit"), ("html", "text"), ("error", "5f2d")


@attrs.define
class Stored:
    """A block as it is in a structure document."""

    block_type: str
    fields: dict = attrs.field(factory=dict)
    definition: str | None = ""
    defaults: dict = attrs.field(factory=dict)


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(split_blocks, "_installed_block_types", lambda: {"course", "vertical", "html"})


def read(*blocks: tuple[tuple[str, str], dict], definitions: dict | None = None, **defaults):
    """Return raw blocks; each definition has the id of its block."""
    stored = {key: Stored(key[0], fields, key[1], defaults if key == TEXT else {}) for key, fields in blocks}
    return raw_blocks(SplitCourse(KEY, "1", ROOT, stored, definitions or {}))


def entity_id(block: tuple[str, str]) -> str:
    return str(KEY.make_usage_key(*block))


def test_the_course_goes_by_its_key():
    blocks = read((ROOT, {"children": [UNIT], "display_name": "Bees"}), (UNIT, {}))
    assert list(blocks) == [str(KEY), entity_id(UNIT)]
    assert blocks[str(KEY)].children == (entity_id(UNIT),)
    assert blocks[str(KEY)].fields["display_name"] == "Bees"


def test_an_error_block_is_no_entity_and_its_parent_unreadable():
    blocks = read((ROOT, {"children": [UNIT]}), (UNIT, {"children": [TEXT, ERROR]}), (TEXT, {}), (ERROR, {}))
    assert entity_id(ERROR) not in blocks
    assert (blocks[entity_id(UNIT)].unreadable, blocks[entity_id(UNIT)].children) == (True, (entity_id(TEXT),))
    assert not blocks[str(KEY)].unreadable


def test_a_child_that_is_not_stored_leaves_its_parent_unreadable():
    blocks = read((ROOT, {"children": [UNIT]}), (UNIT, {"children": [TEXT]}))
    assert StructureBuilder(str(KEY), "1", blocks).build().unreadable == {entity_id(UNIT)}


def test_own_settings_win_over_defaults_of_a_library_and_these_over_content():
    own = {"display_name": None, "weight": 2}
    content = {"text": {"weight": 5, "max_attempts": 5, "display_name": "Content"}}
    blocks = read((ROOT, {}), (TEXT, own), definitions=content, weight=3, max_attempts=3)
    fields = blocks[entity_id(TEXT)].fields
    assert (fields["display_name"], fields["weight"], fields["max_attempts"]) == (None, 2, 3)


@pytest.mark.parametrize(
    ("data", "unreadable"),
    [
        ("<strange><inner/></strange>", True),
        ("<strange>text</strange>", False),
        ("<strange><!-- nothing --></strange>", False),
        ("<p><b>HTML of a component that was installed once</b></p>", False),
        ("<strange><inner></strange>", False),
        ("", False),
        (None, False),
        (1, False),
    ],
)
def test_only_an_xblock_whose_children_stand_in_its_xml_hides_some(data, unreadable):
    strange = ("strange", "x")
    blocks = read((ROOT, {"children": [strange]}), (strange, {}), definitions={"x": {"data": data}})
    assert blocks[entity_id(strange)].unreadable is unreadable


def test_one_that_names_its_children_hides_none():
    strange = ("strange", "x")
    fields = {"children": [TEXT]}
    data = {"x": {"data": "<strange><html/></strange>"}}
    blocks = read((ROOT, {"children": [strange]}), (strange, fields), (TEXT, {}), definitions=data)
    assert not blocks[entity_id(strange)].unreadable
    assert blocks[entity_id(strange)].children == (entity_id(TEXT),)


class Definitions:
    """A store that has only these definitions."""

    def __init__(self, **held: dict | None):
        self.held = held

    def get_definitions(self, _key, ids):
        return [{"_id": one, "fields": fields} for one, fields in self.held.items() if one in ids]


def test_a_definition_that_does_not_come_is_no_empty_content():
    """A secondary may lag behind, or a backup may be restored in part. Read as empty, it would look like an edit."""
    blocks = [Stored("html", definition=name) for name in ("a", "b", "c")] + [Stored("strange", definition="d")]
    with pytest.raises(SourceError, match=r"definitions of course-v1:Org.*: it lacks 2 of 4\.") as error:
        source._definitions(Definitions(a={"data": "x"}, b={}), KEY, blocks)
    assert type(error.value) is SourceError  # it is tried again
    assert error.value.context["course"] == str(KEY)


@pytest.mark.parametrize(
    ("block", "held"),
    [
        (Stored("html", definition=None), {}),
        (Stored("html", definition="a"), {"a": {}}),
        (Stored("html", definition="a"), {"a": None}),
        (Stored("vertical", definition="of no interest"), {}),
    ],
)
def test_a_block_may_have_no_content_at_all(block, held):
    assert source._definitions(Definitions(**held), KEY, [block, block]) == held


@pytest.mark.parametrize("name", ["display_name", "xml_attributes", "children", "markdown", "upstream_version"])
def test_what_no_learner_sees_or_what_travels_by_itself_is_not_in_the_digest(name):
    assert digest_of_stored("html", {"data": "a"}) == digest_of_stored("html", {"data": "a", name: "b"})


def test_a_field_of_a_later_version_changes_no_digest(monkeypatch):
    """An upgrade that allow-lists another field sends no update for each component that has the field."""
    fields = {"data": "a", "showanswer": "never"}
    before = digest_of_stored("problem", fields)
    monkeypatch.setitem(COMPONENT.fields, "showanswer", Field("text", since=2))
    assert digest_of_stored("problem", fields) == before


def test_content_is_in_the_digest_whatever_its_order():
    assert digest_of_stored("html", {"data": "a"}) != digest_of_stored("html", {"data": "b"})
    assert digest_of_stored("html", {"a": {"x": 1, "y": 2}, "b": 1}) == digest_of_stored(
        "html", {"b": 1, "a": {"y": 2, "x": 1}}
    )


def test_the_html_of_html_components():
    stored = {
        TEXT: Stored("html", {}, "text"),
        ("html", "own"): Stored("html", {"data": "<p>own</p>"}, "own"),
        ("html", "odd"): Stored("html", {}, "odd"),
        ("html", "unread"): Stored("html", {}, "unread"),
        ("problem", "quiz"): Stored("problem", {}, "quiz"),
    }
    definitions = {"text": {"data": "<p>bees</p>"}, "own": {}, "odd": {"data": None}, "quiz": {"data": "<answer/>"}}
    found = dict(html_of(SplitCourse(KEY, "1", ROOT, stored, definitions)))
    assert found == {TEXT: "<p>bees</p>", ("html", "own"): "<p>own</p>", ("html", "odd"): ""}


def test_the_html_of_some_components_is_read(monkeypatch):
    asked = []

    def split_course(key, only):
        stored = {TEXT: Stored("html", {}, "text"), ("html", "other"): Stored("html", {}, "other")}
        asked.extend(only)
        return SplitCourse(key, "1", ROOT, stored, {"text": {"data": "<p>bees</p>"}})

    monkeypatch.setattr(source, "_split_course", split_course)
    reader = source.ModulestoreSource()
    assert reader.html(str(KEY), []) == {}
    assert reader.html(str(KEY), [entity_id(TEXT)]) == {entity_id(TEXT): "<p>bees</p>"}
    assert asked == [TEXT]
