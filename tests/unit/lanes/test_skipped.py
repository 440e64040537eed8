"""What a receiver may lack: entities whose creation or move was skipped before an operation on them was refused."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.lanes.skipped import lacking, left_its_parent
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder

COURSE = "course-v1:O+C+R"
SECTION, SUBSECTION, UNIT, OTHER = (
    f"block-v1:O+C+R+type@{kind}+block@{kind}" for kind in ("chapter", "sequential", "vertical", "html")
)


def a_line() -> Structure:
    """Return a course in which each entity is below the one before it."""
    line = [COURSE, SECTION, SUBSECTION, UNIT, OTHER]
    kinds = ["course", "chapter", "sequential", "vertical", "html"]
    below = [(child,) for child in line[1:]] + [()]
    blocks = {key: RawBlock(key, kind, {}, kids) for key, kind, kids in zip(line, kinds, below)}
    return StructureBuilder(COURSE, "1", blocks).build()


@attrs.frozen
class Problem:
    operation_id: int
    entity_id: str

    @property
    def operation(self) -> Operation:
        return Operation("create", "unit", self.entity_id, "vertical")


@pytest.mark.parametrize(
    ("skipped", "asked", "expected"),
    [
        ([], [(9, UNIT)], set()),
        ([(5, UNIT)], [(9, UNIT)], {UNIT}),
        ([(5, SECTION)], [(9, UNIT)], {SECTION, SUBSECTION, UNIT}),
        ([(5, SUBSECTION), (4, SECTION)], [(9, UNIT)], {SECTION, SUBSECTION, UNIT}),
        ([(5, OTHER)], [(9, UNIT)], set()),
        ([(5, UNIT)], [], set()),
        ([(10, UNIT)], [(9, UNIT)], set()),
        ([(8, UNIT)], [(7, UNIT), (9, UNIT)], {UNIT}),
        ([(10, UNIT), (5, UNIT)], [(9, UNIT)], {UNIT}),
        ([(5, "gone")], [(9, "gone")], set()),
    ],
    ids=[
        "nothing was skipped",
        "itself",
        "above it",
        "several above it",
        "below it",
        "nobody asked",
        "skipped later than what failed",
        "skipped between two that failed",
        "skipped before and after",
        "deleted",
    ],
)
def test_it_is_found_from_the_skips_before_the_operation_that_failed(skipped, asked, expected):
    problems = [[Problem(*one) for one in chosen] for chosen in (asked, skipped)]
    assert lacking(a_line(), *problems) == expected


@pytest.mark.parametrize(("old", "left"), [(SECTION, True), (SUBSECTION, False)])
def test_a_move_to_another_parent(old, left):
    """A receiver may have deleted the entity with its old parent. A move among siblings has no such danger."""
    move = Operation("move", "unit", UNIT, "vertical", SUBSECTION, previous={"parent_id": old, "index": 0})
    assert left_its_parent(move) is left
