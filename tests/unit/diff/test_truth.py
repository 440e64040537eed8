"""The diff of real courses agrees with differences that two independent programs counted."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.apply import apply
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.olx.reader import read_olx
from tests.conftest import shared_data, shared_names

COURSE = ("course", "*")

#: Differences between the manifest's and the platform's number of blocks: the platform has more (+) or fewer (-).
#: Each ``pb-choice`` is a block (Studio names and marks it); an aside is not a block; the platform refuses a name with
#: "√" in it.
COUNTED_OTHERWISE = {
    "problembuilder__r1.tar.gz": {"pb-choice": +13},
    "problembuilder__r2.tar.gz": {"pb-choice": +13},
    "edxplatform__aside.tar.gz": {"test_aside": -3},
    "edxplatform__test_unicode.tar.gz": {"chapter": -1},
}


@cache
def course(archive: str, course_id: str | None = None) -> Structure:
    return read_olx(shared_data() / "courses" / archive, course_id)


def platform_name(block: list[str]) -> tuple[str, str]:
    """Return the type and name in the platform: the truth has the tag ``videoalpha``, which is loaded as ``video``."""
    tag, name = block
    return ("video" if tag == "videoalpha" else tag), name


def identity(structure: Structure, entity_id: str) -> tuple[str, str]:
    entity = structure.entities[entity_id]
    return COURSE if entity.parent_id is None else (entity.block_type, entity_id.partition("+block@")[2])


class Difference:
    """A pair of exports: the truth and our operations, both in the terms of the truth."""

    def __init__(self, name: str):
        truth = json.loads((shared_data() / "courses" / "truth" / name).read_text("utf-8"))
        archives = truth["archives"]
        self.ids = truth["ids"]
        self.counts = truth["counts"]
        self.new = course(archives[1])
        self.old = course(archives[0], self.new.course_id)
        self.operations = diff(self.old, self.new)

    def true(self, kind: str) -> set[tuple[str, str]]:
        return {platform_name(block) for block in self.ids[kind]}

    def of(self, *kinds: str) -> list[Operation]:
        return [operation for operation in self.operations if operation.operation in kinds]

    def name(self, operation: Operation) -> tuple[str, str]:
        return identity(self.old if operation.operation == "delete" else self.new, operation.entity_id)

    def named(self, kind: str) -> set[tuple[str, str]]:
        return {self.name(operation) for operation in self.of(kind)}


@pytest.fixture(params=shared_names("courses/truth/*.json"))
def difference(request: pytest.FixtureRequest) -> Difference:
    shared_data()
    return Difference(request.param)


def test_added_and_removed(difference: Difference):
    """A ``videoalpha`` that became a ``video`` is neither added nor removed."""
    both = difference.true("added") & difference.true("removed")
    assert difference.named("create") == difference.true("added") - both
    assert difference.named("delete") == difference.true("removed") - both


def test_moved(difference: Difference):
    ours = {
        (
            difference.name(operation),
            identity(difference.old, operation.previous["parent_id"]),
            identity(difference.new, operation.parent_id),
        )
        for operation in difference.of("move")
        if operation.previous["parent_id"] != operation.parent_id
    }
    assert ours == {tuple(platform_name(block) for block in move) for move in difference.ids["moved"]}


def test_reordered(difference: Difference):
    within = [move for move in difference.of("move") if move.previous["parent_id"] == move.parent_id]
    ours = Counter(identity(difference.new, move.parent_id) for move in within)
    assert ours == {platform_name(parent): moves for parent, moves in difference.ids["reordered"]}
    assert len(within) == difference.counts["reordered"].get("children_out_of_place", 0)
    assert len(ours) == difference.counts["reordered"].get("parents", 0)


def test_renamed(difference: Difference):
    ours = {
        (difference.name(operation), operation.previous["display_name"], operation.fields["display_name"])
        for operation in difference.of("update")
        if "display_name" in operation.fields
    }
    assert ours == {(platform_name(block), old, new) for block, old, new in difference.ids["renamed"]}


def test_content(difference: Difference):
    """Exactly the components with changed content have another digest, apart from changed settings and code."""
    ours = {difference.name(operation) for operation in difference.of("update") if "content_digest" in operation.fields}
    renamed_tags = difference.true("added") & difference.true("removed")
    assert difference.true("content") <= ours
    assert ours <= set().union(*map(difference.true, ("content", "settings", "whitespace_only")), renamed_tags)


def test_applying_the_operations_gives_the_new_course(difference: Difference):
    assert apply(difference.operations, difference.old).same_course_as(difference.new)


def test_a_re_export_that_only_looks_like_a_change():
    """From maple to nutmeg the export writes 30 discussions differently; one of them has lost attributes."""
    shared_data()
    difference = Difference("demox__maple__to__nutmeg.json")
    settings = [block for block in difference.true("settings") if block[0] == "discussion"]
    updated = [name for name in difference.named("update") if name[0] == "discussion"]
    assert (len(settings), updated) == (30, [("discussion", "discussion_5deb6081620d")])


@pytest.mark.parametrize("name", ["demox__teak__to__verawood.json", "test101__r4__to__r5.json"])
def test_revisions_without_a_change_for_us(name: str):
    """The revisions differ in the image of the course, or in the order of transcripts."""
    shared_data()
    assert Difference(name).operations == []


@pytest.mark.parametrize("archive", shared_names("courses/*.tar.gz"))
def test_every_real_course_is_read_whole(archive: str):
    entries = json.loads((shared_data() / "courses" / "manifest.json").read_text("utf-8"))["archives"]
    stats = next(entry["stats"] for entry in entries if entry["file"] == archive)
    if "library" in stats["blocks_per_type"]:
        with pytest.raises(InvalidCourse, match="not a course"):
            course(archive)
        return
    structure = course(archive)
    expected = Counter()
    for tag, number in stats["blocks_per_type"].items():
        expected["video" if tag == "videoalpha" else tag] += number
    expected.update(COUNTED_OTHERWISE.get(archive, {}))
    assert Counter(entity.block_type for entity in structure.entities.values()) == +expected
    assert structure.course_id == f"course-v1:{stats['org']}+{stats['number']}+{stats['run']}"
