"""The tree that tells what is below an excluded entity: forwards and backwards through the journal."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.excluded import Excluded

COURSE, A, B, C = "course", "a", "b", "c"


def operation(kind: str, entity_id: str, parent: str | None = None, /, **previous: Any) -> Operation:
    return Operation(kind, "unit", entity_id, "vertical", parent, previous=previous)


def tree(*ids: str) -> Excluded:
    """Return the course with A, B below A, and C; these ids are excluded."""
    return Excluded(frozenset(ids), {COURSE: None, A: COURSE, B: A, C: COURSE})


JOURNAL = [
    (operation("create", "new", A), {"new": A}),
    (operation("move", C, B, parent_id=COURSE), {C: B}),
    (operation("update", C, None, display_name="old"), {C: COURSE}),
    (operation("delete", B, None, parent_id=A), {B: A}),
]


@pytest.mark.parametrize(("one", "parents"), JOURNAL)
def test_forwards(one, parents):
    """A deleted entity stays in the tree, since operations on it may wait."""
    excluded = tree(A)
    before = dict(excluded.parents)
    excluded.learn(one)
    assert excluded.parents == before | parents
    assert excluded.has_course


@pytest.mark.parametrize(("one", "parents"), JOURNAL)
def test_backwards(one, parents):
    excluded = tree(A)
    before = dict(excluded.parents)
    excluded.learn(one)
    if one.operation == "delete":
        del excluded.parents[one.entity_id]  # as recorded: what is deleted is gone
    excluded.unlearn(one)
    assert excluded.parents == before


@pytest.mark.parametrize(
    ("one", "forwards", "backwards"),
    [
        (operation("create", COURSE), True, False),
        (operation("delete", COURSE), False, True),
        (operation("create", A, COURSE), None, None),
        (operation("delete", A, None, parent_id=COURSE), None, None),
        (operation("update", COURSE, None, display_name="old"), None, None),
    ],
)
@pytest.mark.parametrize("has_course", [True, False])
def test_the_course_itself(one, forwards, backwards, has_course):
    for change, expected in ((Excluded.learn, forwards), (Excluded.unlearn, backwards)):
        excluded = tree(A)
        excluded.has_course = has_course
        change(excluded, one)
        assert excluded.has_course == (has_course if expected is None else expected)


@pytest.mark.parametrize(
    ("one", "held"),
    [
        (operation("update", A, None, display_name="old"), True),
        (operation("update", B, None, display_name="old"), True),
        (operation("update", C, None, display_name="old"), False),
        (operation("move", C, B, parent_id=COURSE), True),
        (operation("move", B, COURSE, parent_id=A), False),
        (operation("create", "new", B), True),
        (operation("create", "new", C), False),
        (operation("delete", "unknown", None, parent_id=A), True),
        (operation("delete", "unknown", None, parent_id=C), False),
    ],
)
def test_what_is_held_back(one, held):
    assert tree(A).holds(one) is held
    assert not tree().holds(one)


def test_the_way_up_ends_at_the_course_and_does_not_go_in_a_circle():
    assert list(tree().with_those_above(B)) == [B, A, COURSE]
    circle = Excluded(parents={A: B, B: A})
    assert list(islice(circle.with_those_above(A), 9)) == [A, B]


def test_nothing_is_held_back_of_a_deleted_course():
    excluded = tree(A)
    excluded.learn(operation("delete", COURSE))
    assert not excluded.holds(operation("delete", B, None, parent_id=A))
    assert not excluded.covers(A)
