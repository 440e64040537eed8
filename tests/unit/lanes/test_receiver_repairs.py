"""What a receiver holds is compared with the course, and the repairs make both equal, whatever is wrong there."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Entity, HeldEntity, Operation, Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.lanes.receiver_repairs import Difference, compare, corrections, wanted_part
from course_sync_plugin.structure.digest import entity_digest
from course_sync_plugin.testing.replica import Replica
from tests.unit.strategies import COURSE_ID, Draft, drafts, entity_id, structure_pairs


def replica_of(structure: Structure) -> Replica:
    replica = Replica(COURSE_ID)
    replica._tree = Tree(structure)
    return replica


def held_of(structure: Structure) -> dict[str, HeldEntity]:
    return {key: HeldEntity(**one) for key, one in replica_of(structure).digests().items()}


def block_types(structure: Structure, difference: Difference) -> dict[str, str]:
    return {key: structure.entities[key].block_type for key in difference.extra}


@given(structure_pairs())
def test_the_repairs_make_any_other_course_equal(pair):
    there, wanted = pair
    held = held_of(there)
    difference = compare(wanted, held)
    replica = replica_of(there)
    for operation in corrections(wanted, held, difference, block_types(there, difference)):
        replica.apply(operation)
    assert replica.difference(wanted) == []
    assert not compare(wanted, held_of(replica.structure()))


@given(structure_pairs())
def test_only_what_differs_is_repaired(pair):
    there, wanted = pair
    held = held_of(there)
    difference = compare(wanted, held)
    named = {one.entity_id for one in corrections(wanted, held, difference, block_types(there, difference))}
    assert named == {*difference.missing, *difference.different, *difference.misplaced, *difference.extra}
    assert set(difference.missing) == wanted.entities.keys() - there.entities.keys()
    assert set(difference.extra) == there.entities.keys() - wanted.entities.keys()
    both = wanted.entities.keys() & there.entities.keys()
    assert set(difference.different) == {
        key for key in both if wanted.entities[key].fields != there.entities[key].fields
    }


def a_line() -> Structure:
    """Return a course in which each entity is below the one before it."""
    draft = Draft()
    for number in range(4):
        draft.add(entity_id(number), entity_id(number - 1) if number else COURSE_ID, 0, {})
    return draft.structure()


def test_what_is_too_much_is_deleted_children_first():
    there, wanted = a_line(), Draft().structure()
    held = held_of(there)
    difference = compare(wanted, held)
    deleted = corrections(wanted, held, difference, block_types(there, difference))
    assert [one.entity_id for one in deleted] == [entity_id(number) for number in (3, 2, 1, 0)]


def course_of(*places: tuple[int, int | None, int]) -> Structure:
    """Return a course. Each place: the number of an entity, that of its parent (None: the course), and its index."""
    draft = Draft()
    for number, parent, index in places:
        draft.add(entity_id(number), COURSE_ID if parent is None else entity_id(parent), index, {})
    return draft.structure()


def told(operation: Operation) -> tuple:
    names = ("operation", "entity_type", "entity_id", "parent_id", "index", "after_id", "previous")
    return tuple(operation.as_dict()[name] for name in names)


def test_a_repair_says_the_place_that_is_and_the_place_that_was():
    there = course_of((0, None, 0), (6, None, 1), (1, 0, 0), (2, 1, 0), (7, 0, 1))
    wanted = course_of((0, None, 0), (6, None, 1), (1, 6, 0), (13, 6, 1))
    held = held_of(there)
    difference = compare(wanted, held)
    section, other, moved, new = (entity_id(number) for number in (0, 6, 1, 13))
    assert [told(one) for one in corrections(wanted, held, difference, block_types(there, difference))] == [
        ("move", "subsection", moved, other, 0, None, {"parent_id": section, "index": 0}),
        ("create", "subsection", new, other, 1, moved, {}),
        ("delete", "unit", entity_id(2), None, None, None, {"parent_id": moved, "index": 0}),
        ("delete", "subsection", entity_id(7), None, None, None, {"parent_id": section, "index": 1}),
    ]


def test_what_has_no_parent_at_the_receiver_was_below_the_course():
    section, wanted = entity_id(0), course_of((0, None, 0))
    held = held_of(wanted)
    held[section] = attrs.evolve(held[section], parent_id=None, index=4)
    place = {"parent_id": COURSE_ID, "index": 4}
    (move,) = corrections(wanted, held, compare(wanted, held), {})
    assert told(move) == ("move", "section", section, COURSE_ID, 0, None, place)
    empty = Structure.empty(COURSE_ID)
    deleted = corrections(empty, held, compare(empty, held), {COURSE_ID: "course", section: "chapter"})
    assert sorted((one.entity_type, one.previous) for one in deleted) == [("course", {}), ("section", place)]


def test_what_is_too_much_is_deleted_although_its_parents_form_a_circle():
    there, wanted = a_line(), Draft().structure()
    held = held_of(there)
    held[entity_id(0)] = attrs.evolve(held[entity_id(0)], parent_id=entity_id(3))
    difference = compare(wanted, held)
    deleted = corrections(wanted, held, difference, block_types(there, difference))
    assert {one.entity_id for one in deleted} == {entity_id(number) for number in range(4)}


@given(drafts(), st.randoms(use_true_random=False))
def test_the_numbers_of_places_may_have_gaps(draft, choice: random.Random):
    wanted = draft.structure()
    held = {key: attrs.evolve(one, index=one.index * 10 + 3) for key, one in held_of(wanted).items()}
    shuffled = list(held.items())
    choice.shuffle(shuffled)
    assert not compare(wanted, dict(shuffled))


@given(drafts(), st.data())
def test_what_is_excluded_is_neither_expected_nor_touched(draft, data):
    whole = draft.structure()
    victim = data.draw(st.sampled_from(list(whole.entities)))
    wanted = wanted_part(whole, (), {victim})
    below = {victim}
    for key, one in whole.entities.items():
        if one.parent_id in below:
            below.add(key)
    assert wanted.entities.keys() == whole.entities.keys() - below
    placed = [key for children in wanted.children.values() for key in children]
    assert sorted(placed) == sorted(wanted.entities.keys() - {COURSE_ID})
    assert all(wanted.children.values())


def test_a_place_is_told_without_what_is_excluded():
    whole = course_of((0, None, 0), (6, None, 1))
    wanted = wanted_part(whole, (), {entity_id(0)})
    held = held_of(Draft().structure())
    (create,) = corrections(wanted, held, compare(wanted, held), {})
    assert told(create) == ("create", "section", entity_id(6), COURSE_ID, 0, None, {})


def test_a_target_of_some_types_expects_only_these():
    section = Entity("s", "section", "chapter", COURSE_ID)
    whole = Structure(
        COURSE_ID, "v", {COURSE_ID: Entity(COURSE_ID, "course", "course", None), "s": section}, {COURSE_ID: ("s",)}
    )
    assert wanted_part(whole, ["section"], ()).entities == {"s": section}
    assert compare(wanted_part(whole, ["section"], ()), {}).missing == ("s",)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"weight": 1.0}, {"weight": 1}, True),
        ({"due": None}, {}, True),
        ({"a": {"x": 1, "y": 2.0}}, {"a": {"y": 2, "x": 1.0}}, True),
        ({"weight": 0.5}, {"weight": 1}, False),
        ({"graded": True}, {"graded": 1}, False),
        ({"display_name": "Übung"}, {"display_name": "Ubung"}, False),
        ({"group_access": {"50": [1, 2]}}, {"group_access": {"50": [2, 1]}}, False),
    ],
)
def test_the_digest_is_that_of_values_and_not_of_their_spelling(one, other, same):
    assert (entity_digest("unit", "vertical", one) == entity_digest("unit", "vertical", other)) == same


def test_the_digest_of_the_documentation():
    """docs/references/webhook_contract.rst shows this value."""
    fields = {"display_name": "Week 1", "weight": 1.0, "due": None}
    digest = entity_digest("section", "chapter", fields)
    assert digest == "2f498301bb465f462ddc0fd7cf58f1f3c1cf6ce5b87bc1e8314c1038abd73f83"


def test_a_difference_is_true_if_anything_differs():
    assert not Difference()
    for name in ("missing", "different", "misplaced", "extra"):
        assert Difference(**{name: ("entity",)})
