"""An entity that cannot be read does not count as deleted."""

from __future__ import annotations

from itertools import pairwise

import attrs
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Structure
from course_sync_plugin.diff.apply import apply
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.structure.retain import retain_unreadable
from tests.unit.strategies import COURSE_ID, Draft, entity_id, structure_pairs


@st.composite
def pairs_with_unreadable_places(draw: st.DrawFn) -> tuple[Structure, Structure]:
    old, new = draw(structure_pairs())
    places = draw(st.sets(st.sampled_from(list(new.entities)))) if new.entities else set()
    return old, attrs.evolve(new, unreadable=frozenset(places))


def below(structure: Structure, entity_id: str) -> set[str]:
    waiting, found = [entity_id], set()
    while waiting:
        found.add(current := waiting.pop())
        waiting.extend(structure.children.get(current, ()))
    return found


@given(pairs_with_unreadable_places())
def test_what_may_be_hidden_stays_as_it_was(pair: tuple[Structure, Structure]):
    old, new = pair
    kept = retain_unreadable(old, new)
    hidden = {child for parent in new.unreadable for child in old.children.get(parent, ()) if child not in new.entities}
    for child in hidden:
        assert kept.entities[child] == old.entities[child]
        for entity in old.children.get(child, ()):
            assert entity in kept.entities
    deleted = {operation.entity_id for operation in diff(old, kept) if operation.operation == "delete"}
    assert not deleted & hidden


@given(pairs_with_unreadable_places())
def test_all_that_could_be_read_is_as_it_was_read(pair: tuple[Structure, Structure]):
    old, new = pair
    kept = retain_unreadable(old, new)
    assert {entity: kept.entities[entity] for entity in new.entities} == new.entities
    for parent, children in new.children.items():
        assert [child for child in kept.children[parent] if child in new.entities] == list(children)


@given(pairs_with_unreadable_places())
def test_it_is_a_whole_tree_in_document_order(pair: tuple[Structure, Structure]):
    old, new = pair
    kept = retain_unreadable(old, new)
    assert apply([], kept).same_course_as(kept)
    assert list(apply([], kept).entities) == list(kept.entities)
    assert retain_unreadable(old, kept) is kept


@given(pairs_with_unreadable_places())
def test_the_retained_follow_their_nearest_elder_sibling(pair: tuple[Structure, Structure]):
    old, new = pair
    kept = retain_unreadable(old, new)
    for parent in new.unreadable:
        before = old.children.get(parent, ())
        after = kept.children.get(parent, ())
        for left, right in pairwise((None, *after)):
            if right not in new.entities:
                elders = [child for child in before[: before.index(right)] if child in after]
                assert left == (elders[-1] if elders else None)


def test_nothing_missing_is_the_structure_itself():
    structure = Draft().structure()
    unreadable = attrs.evolve(structure, unreadable=frozenset({COURSE_ID}))
    assert retain_unreadable(structure, unreadable) is unreadable
    assert retain_unreadable(Structure.empty(COURSE_ID), unreadable) is unreadable


def chapter_with_three_units() -> Draft:
    draft = Draft()
    draft.add(entity_id(0), COURSE_ID, 0, {"display_name": "Section"})
    for at, number in enumerate((2, 8, 14)):
        draft.add(entity_id(number), entity_id(0), at, {"display_name": f"Unit {number}"})
        draft.add(entity_id(number + 1), entity_id(number), 0, {})
    return draft


def test_an_error_block_hides_one_unit_and_nothing_else_is_held_back():
    """The middle unit is hidden; the last one is renamed and loses a child; a new unit is added."""
    old = chapter_with_three_units()
    new = old.copy()
    new.take_out(entity_id(8))
    new.take_out(entity_id(15))
    new.fields[entity_id(14)] = {"display_name": "Renamed"}
    new.add(entity_id(20), entity_id(0), 0, {})
    read = attrs.evolve(new.structure(), unreadable=frozenset({entity_id(0)}))
    kept = retain_unreadable(old.structure(), read)
    assert kept.children[entity_id(0)] == (entity_id(20), entity_id(2), entity_id(8), entity_id(14))
    assert kept.children[entity_id(8)] == (entity_id(9),)
    operations = [(operation.operation, operation.entity_id) for operation in diff(old.structure(), kept)]
    assert operations == [("create", entity_id(20)), ("update", entity_id(14)), ("delete", entity_id(15))]


def test_what_left_the_hidden_part_is_where_it_is_now():
    old = chapter_with_three_units()
    new = old.copy()
    new.take_out(entity_id(8))
    new.children[entity_id(2)].append(entity_id(9))
    read = attrs.evolve(new.structure(), unreadable=frozenset({entity_id(0)}))
    kept = retain_unreadable(old.structure(), read)
    assert kept.children[entity_id(2)] == (entity_id(3), entity_id(9))
    assert entity_id(8) in kept.entities
    assert entity_id(8) not in kept.children
