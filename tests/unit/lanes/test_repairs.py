"""Repairs correct undone operations. Whether the receiver applied them or not, it ends equal to the course."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.diff.handlers import UNIT as UNITS
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.lanes.repairs import Undone, repairs
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.testing.replica import Replica
from tests.unit.strategies import COURSE_ID, Draft, drafts, edited

SECTION, OTHER = (f"block-v1:O+C+R+type@chapter+block@{name}" for name in ("section", "other"))
UNIT, SECOND, THIRD = (f"block-v1:O+C+R+type@vertical+block@{name}" for name in ("unit", "second", "third"))


def course(children, **titles) -> Structure:
    """Return a course. ``children``: the children of each parent."""
    names = {COURSE_ID: "course", SECTION: "section", OTHER: "other", UNIT: "unit", SECOND: "second", THIRD: "third"}
    everybody = [COURSE_ID, *(child for kids in children.values() for child in kids)]
    blocks = {}
    for entity_id in everybody:
        block_type = "course" if entity_id == COURSE_ID else entity_id.partition("type@")[2].partition("+")[0]
        title = titles.get(names[entity_id])
        fields = {"display_name": title} if title else {}
        blocks[entity_id] = RawBlock(entity_id, block_type, fields, tuple(children.get(entity_id, ())))
    return StructureBuilder(COURSE_ID, "1", blocks).build()


BEFORE = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND]}, unit="One")


def undone(old: Structure, new: Structure, *kinds: str) -> list[Undone]:
    return [Undone(operation) for operation in diff(old, new) if operation.operation in kinds]


def told(operations: list[Operation]) -> list[tuple[str, str]]:
    return [(operation.operation, operation.entity_id) for operation in operations]


def test_a_creation_is_made_from_what_the_entity_is_now():
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND, THIRD]}, unit="One", third="Then")
    now = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND], OTHER: [THIRD]}, unit="One", third="Now")
    failed = undone(BEFORE, then, "create") + undone(then, now, "move", "update")
    (creation,) = repairs(now, failed)
    assert (creation.operation, creation.entity_id, creation.parent_id) == ("create", THIRD, OTHER)
    assert (creation.index, creation.after_id, creation.fields) == (0, None, {"display_name": "Now"})


def test_nothing_is_left_of_what_came_and_went():
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND, THIRD]}, unit="One")
    assert repairs(BEFORE, undone(BEFORE, then, "create")) == []


def test_an_update_tells_all_fields_in_doubt():
    """The receiver may have applied the refused first update, so a field with its old value again is sent too."""
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND]}, unit="Two")
    failed = undone(BEFORE, then, "update") + undone(then, BEFORE, "update")
    (update,) = repairs(BEFORE, failed)
    assert (update.operation, update.entity_id) == ("update", UNIT)
    assert (update.fields, update.previous) == ({"display_name": "One"}, {"display_name": "One"})


def test_an_update_takes_away_what_is_not_set_any_more():
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND]})
    (update,) = repairs(then, undone(BEFORE, then, "update"))
    assert (update.fields, update.previous) == ({"display_name": None}, {"display_name": "One"})


def test_a_move_tells_where_the_receiver_holds_it():
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [SECOND], OTHER: [UNIT]}, unit="One")
    now = course({COURSE_ID: [SECTION, OTHER, UNIT], SECTION: [SECOND]}, unit="One")
    (move,) = repairs(now, undone(BEFORE, then, "move") + undone(then, now, "move"))
    assert (move.parent_id, move.index, move.after_id) == (COURSE_ID, 2, OTHER)
    assert move.previous == {"parent_id": SECTION, "index": 0}


def test_a_deletion_is_told_again_with_the_place_where_it_still_is():
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [SECOND], OTHER: [UNIT]}, unit="One")
    now = course({COURSE_ID: [SECTION, OTHER], SECTION: [SECOND]})
    (deletion,) = repairs(now, undone(BEFORE, then, "move") + undone(then, now, "delete"))
    assert (deletion.operation, deletion.entity_id) == ("delete", UNIT)
    assert deletion.previous == {"display_name": "One", "parent_id": SECTION, "index": 0}


def test_of_several_deletions_the_first_tells_where_it_was():
    """The receiver applied none, so the entity was never at the place that the second deletion names."""
    gone = course({COURSE_ID: [SECTION, OTHER], SECTION: [SECOND]})
    again = course({COURSE_ID: [SECTION, OTHER], SECTION: [SECOND], OTHER: [UNIT]}, unit="Two")
    (deletion,) = repairs(gone, undone(BEFORE, gone, "delete") + undone(again, gone, "delete"))
    assert deletion.previous == {"display_name": "Two", "parent_id": SECTION, "index": 0}


def test_each_says_what_kind_of_thing_it_is_about():
    now = course({COURSE_ID: [SECTION, OTHER], OTHER: [UNIT, THIRD]}, section="Renamed")
    planned = repairs(now, undone(BEFORE, now, "create", "move", "update", "delete"))
    kinds = {SECTION: ("section", "chapter"), **dict.fromkeys((UNIT, SECOND, THIRD), ("unit", "vertical"))}
    assert [(one.entity_type, one.block_type) for one in planned] == [kinds[one.entity_id] for one in planned]


def test_each_is_made_by_the_handler_of_its_block_type(monkeypatch):
    asked = []
    monkeypatch.setattr("course_sync_plugin.lanes.repairs.handler_for", lambda kind: asked.append(kind) or UNITS)
    now = course({COURSE_ID: [SECTION, OTHER], OTHER: [UNIT, THIRD]})
    repairs(now, undone(BEFORE, now, "create", "move"))
    assert asked == ["vertical", "vertical"]


def test_deletions_go_from_the_leaves_to_the_root():
    now = course({COURSE_ID: [OTHER]})
    planned = repairs(now, undone(BEFORE, now, "delete"))
    assert told(planned) == [("delete", SECOND), ("delete", UNIT), ("delete", SECTION)]


def test_what_is_there_again_after_a_failed_deletion_is_created():
    """A later deletion of its parent may also have deleted it."""
    then = course({COURSE_ID: [OTHER]})
    failed = undone(BEFORE, then, "delete") + undone(then, BEFORE, "create")
    assert told(repairs(BEFORE, failed)) == [("create", SECTION), ("create", UNIT), ("create", SECOND)]


def test_the_course_itself_has_no_place():
    nothing = Structure.empty(COURSE_ID)
    failed = [one for one in undone(BEFORE, nothing, "delete") if one.operation.entity_id == COURSE_ID]
    (creation,) = repairs(BEFORE, failed)
    assert told([creation]) == [("create", COURSE_ID)]
    assert (creation.parent_id, creation.index, creation.after_id) == (None, None, None)


def test_what_was_misplaced_is_moved_and_nothing_else():
    now = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, THIRD, SECOND]}, unit="One", third="Three")
    (creation,) = [one.operation for one in undone(BEFORE, now, "create")]
    (move,) = repairs(now, [Undone(creation, misplaced=True)])
    assert (move.operation, move.entity_id, move.after_id) == ("move", THIRD, UNIT)
    assert move.previous == {"parent_id": SECTION, "index": 1}


def test_the_order_is_that_of_every_run():
    now = course({COURSE_ID: [SECTION, OTHER], OTHER: [UNIT, THIRD]}, section="Renamed")
    planned = repairs(now, undone(BEFORE, now, "create", "move", "update", "delete"))
    assert told(planned) == [
        ("move", UNIT),
        ("create", THIRD),
        ("update", SECTION),
        ("update", UNIT),
        ("delete", SECOND),
    ]


def test_what_the_receiver_may_lack_is_created_with_its_place():
    """Its creation was skipped, so the refused move becomes a creation. What is above it was there already."""
    then = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND, THIRD]}, unit="One")
    now = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND], OTHER: [THIRD]}, unit="One", third="Now")
    (creation,) = repairs(now, undone(then, now, "move"), lacking={THIRD})
    assert (creation.operation, creation.entity_id, creation.parent_id) == ("create", THIRD, OTHER)
    assert (creation.index, creation.after_id, creation.fields) == (0, None, {"display_name": "Now"})


def test_a_parent_that_the_receiver_may_lack_is_created_first():
    now = course({COURSE_ID: [SECTION, OTHER], SECTION: [UNIT, SECOND], OTHER: [THIRD]})
    assert told(repairs(now, undone(BEFORE, now, "create"), lacking={OTHER})) == [("create", OTHER), ("create", THIRD)]


@st.composite
def three_revisions(draw) -> tuple[Structure, Structure, Structure]:
    first: Draft = draw(drafts(most=8))
    second = draw(edited(first))
    return first.structure("1"), second.structure("2"), draw(edited(second)).structure("3")


@settings(max_examples=3 * settings.default.max_examples)
@given(three_revisions(), st.randoms(use_true_random=False), st.booleans())
def test_who_carried_out_none_of_it_or_some_of_it_ends_with_the_course(revisions, chance: Random, some):
    """The receiver refuses two whole runs, and has applied a part of them or nothing."""
    first, second, third = revisions
    undone = [*diff(first, second), *diff(second, third)]
    replica = Replica(COURSE_ID)
    for operation in diff(Structure.empty(COURSE_ID), first):
        replica.apply(operation)
    for operation in undone[: chance.randint(0, len(undone)) if some else 0]:
        replica.apply(operation)
    for operation in repairs(third, [Undone(operation) for operation in undone]):
        replica.apply(operation)
    assert replica.difference(third) == []


@given(three_revisions())
def test_repairs_are_valid_operations(revisions):
    """Every repair has the required keys, and no entity has two repairs of the same kind."""
    first, second, third = revisions
    undone = [Undone(operation) for operation in [*diff(first, second), *diff(second, third)]]
    planned = repairs(third, undone)
    assert len(set(told(planned))) == len(planned)
    for operation in planned:
        if operation.operation == "update":
            assert operation.fields.keys() == operation.previous.keys() != set()
        if operation.operation in ("move", "delete") and operation.entity_id != COURSE_ID:
            assert {"parent_id", "index"} <= operation.previous.keys()


def test_a_receiver_that_has_less_says_so():
    """The replica of these tests is strict: it shows a repair that leaves something out."""
    with pytest.raises(PermanentError):
        Replica(COURSE_ID).apply(Operation("update", "unit", UNIT, "vertical", fields={"display_name": "x"}))
