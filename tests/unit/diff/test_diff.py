"""Law 1, the order of a run and the fewest moves."""

from __future__ import annotations

from itertools import combinations, pairwise

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff import engine
from course_sync_plugin.diff.apply import Tree, apply
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.diff.handlers import COMPONENT, DATE, UNIT, EntityHandler, Field, effective, handler_for
from course_sync_plugin.diff.ordering import longest_increasing_run, moved_siblings
from course_sync_plugin.exceptions import PermanentError
from tests.unit.strategies import COURSE_ID, Draft, block_type, entity_id, structure_pairs, structures

Pair = tuple[Structure, Structure]


@settings(max_examples=4 * settings.default.max_examples)
@given(structure_pairs())
def test_applying_a_diff_gives_the_new_structure(pair: Pair):
    old, new = pair
    assert apply(diff(old, new), old).same_course_as(new)


@given(structure_pairs())
def test_a_diff_forth_and_back_gives_the_old_structure(pair: Pair):
    old, new = pair
    assert apply(diff(new, old), apply(diff(old, new), old)).same_course_as(old)


@given(structures())
def test_nothing_differs_from_itself(structure: Structure):
    assert diff(structure, structure) == []
    assert diff(structure, attrs.evolve(structure, published_version="another")) == []


def test_a_course_that_is_gone_has_no_place_to_be_deleted_from():
    draft = Draft()
    draft.add(entity_id(0), COURSE_ID, 0, {"display_name": "Section"})
    section, course = diff(draft.structure(), Structure.empty(COURSE_ID))
    assert section.previous == {"display_name": "Section", "parent_id": COURSE_ID, "index": 0}
    assert (course.entity_id, course.previous) == (COURSE_ID, {})


@given(structure_pairs())
def test_moves_are_the_fewest(pair: Pair):
    old, new = pair
    moves = [operation for operation in diff(old, new) if operation.operation == "move"]
    common = old.entities.keys() & new.entities.keys()
    strangers = sum(old.entities[entity].parent_id != new.entities[entity].parent_id for entity in common)
    within = sum(fewest_moves(old.children.get(parent, ()), kids) for parent, kids in new.children.items())
    assert len(moves) == strangers + within


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_the_longest_run_of_siblings_stays(order: list[int], gone: set[int], added: set[int]):
    old = [str(number) for number in range(6) if number not in added]
    new = [str(number) for number in order if number not in gone]
    assert len(moved_siblings(old, new)) == fewest_moves(old, new)


@pytest.mark.parametrize(
    ("positions", "run"),
    [
        ([], []),
        ([5], [0]),
        ([1, 2, 3], [0, 1, 2]),
        ([3, 2, 1], [2]),
        ([2, 0, 1], [1, 2]),
        ([0, 2, 1, 3], [0, 2, 3]),
        ([1, 1], [1]),
        ([4, 0, 3, 1, 2], [1, 3, 4]),
    ],
)
def test_the_indices_of_a_longest_increasing_run_ascend(positions: list[int], run: list[int]):
    assert longest_increasing_run(positions) == run


def fewest_moves(old, new) -> int:
    """Try every set of siblings that could stay, the largest first."""
    common = [child for child in new if child in set(old)]
    place = {child: at for at, child in enumerate(old)}
    for moves in range(len(common) + 1):
        for staying in combinations(common, len(common) - moves):
            if all(place[left] < place[right] for left, right in pairwise(staying)):
                return moves
    return 0


@given(structure_pairs())
def test_a_run_is_in_the_order_of_the_contract(pair: Pair):
    old, new = pair
    operations = diff(old, new)
    phases = [{"create": 0, "move": 0, "update": 1, "delete": 2}[operation.operation] for operation in operations]
    assert phases == sorted(phases)
    position = {entity: at for at, entity in enumerate(new.entities)}
    placed = [position[operation.entity_id] for operation in operations if operation.operation in ("create", "move")]
    assert placed == sorted(placed)


@given(structure_pairs())
def test_every_operation_finds_what_it_needs(pair: Pair):
    """The parent and the previous sibling are in place before; a deleted entity has no children left."""
    old, new = pair
    tree = Tree(old)
    operations = diff(old, new)
    for operation in operations:
        if operation.operation in ("create", "move") and operation.parent_id is not None:
            siblings = tree.children.get(operation.parent_id, [])
            assert operation.parent_id in tree.entities
            assert operation.after_id is None or operation.after_id in siblings
            assert operation.entity_id != operation.after_id
        if operation.operation == "delete":
            assert not tree.children.get(operation.entity_id)
        tree.apply(operation)
    for operation in operations:
        if operation.operation in ("create", "move") and operation.parent_id is not None:
            siblings = tree.children[operation.parent_id]
            assert siblings[operation.index] == operation.entity_id
            assert operation.after_id == (siblings[operation.index - 1] if operation.index else None)


@given(structure_pairs())
def test_a_replica_never_holds_a_circle(pair: Pair):
    """No entity is put below itself at any step of the run."""
    old, new = pair
    tree = Tree(old)
    for operation in diff(old, new):
        tree.apply(operation)
        assert len(tree.structure(COURSE_ID)) == len(tree.entities)


@given(structure_pairs())
def test_work_is_named_once_and_only_where_something_changed(pair: Pair):
    old, new = pair
    operations = diff(old, new)
    named = [(operation.operation, operation.entity_id) for operation in operations]
    assert len(named) == len(set(named))
    assert {entity for kind, entity in named if kind == "create"} == new.entities.keys() - old.entities.keys()
    assert {entity for kind, entity in named if kind == "delete"} == old.entities.keys() - new.entities.keys()
    changed = {
        entity
        for entity in old.entities.keys() & new.entities.keys()
        if old.entities[entity].fields != new.entities[entity].fields
    }
    assert {entity for kind, entity in named if kind == "update"} == changed


@given(structure_pairs())
def test_previous_says_what_was_there(pair: Pair):
    old, new = pair
    places = {entity.entity_id: (entity.parent_id, index) for entity, index in old.places()}
    for operation in diff(old, new):
        before = dict(operation.previous)
        if operation.operation == "create":
            assert before == {}
            assert operation.fields == new.entities[operation.entity_id].fields
        elif operation.operation == "move":
            assert (before["parent_id"], before["index"]) == places[operation.entity_id]
        else:
            known = old.entities[operation.entity_id]
            if operation.operation == "delete":
                place = {} if known.parent_id is None else {"parent_id": known.parent_id, "index": before["index"]}
                assert before == {**known.fields, **place}
                assert place.get("index") == places[operation.entity_id][1]
            else:
                assert before == {name: known.fields.get(name) for name in operation.fields}
                assert all(before[name] != value for name, value in operation.fields.items())


def test_what_moves_out_of_a_dying_parent_is_saved_first():
    old, new = Draft(), Draft()
    old.add(entity_id(0), COURSE_ID, 0, {})
    old.add(entity_id(2), entity_id(0), 0, {})
    old.add(entity_id(3), entity_id(0), 1, {})
    new.add(entity_id(2), COURSE_ID, 0, {})
    operations = diff(old.structure(), new.structure())
    assert [(operation.operation, operation.entity_id) for operation in operations] == [
        ("move", entity_id(2)),
        ("delete", entity_id(3)),
        ("delete", entity_id(0)),
    ]


def test_a_chain_that_turns_upside_down():
    """Every block becomes the parent of its parent; the tree is far deeper than Python's stack."""
    depth = 3000
    upright, upside_down = Draft(), Draft()
    for draft, numbers in ((upright, range(depth)), (upside_down, reversed(range(depth)))):
        parent = COURSE_ID
        for number in numbers:
            draft.add(entity_id(number), parent, 0, {})
            parent = entity_id(number)
    old, new = upright.structure(), upside_down.structure()
    assert apply(diff(old, new), old).same_course_as(new)


def test_one_new_first_child_moves_nobody():
    old, new = Draft(), Draft()
    for number in range(5):
        old.add(entity_id(number), COURSE_ID, number, {})
        new.add(entity_id(number), COURSE_ID, number, {})
    new.add(entity_id(9), COURSE_ID, 0, {})
    (operation,) = diff(old.structure(), new.structure())
    assert (operation.operation, operation.index, operation.after_id) == ("create", 0, None)


@pytest.mark.parametrize(
    ("block_type", "entity_type"),
    [
        ("course", "course"),
        ("chapter", "section"),
        ("sequential", "subsection"),
        ("vertical", "unit"),
        ("html", "component"),
        ("a-third-party-xblock", "component"),
    ],
)
def test_the_type_of_an_entity_follows_its_block_type(block_type: str, entity_type: str):
    assert handler_for(block_type).entity_type == entity_type


@pytest.mark.parametrize(
    ("handler", "claimed", "others"),
    [
        (UNIT, ["vertical"], ["html", "VERTICAL", ""]),
        (COMPONENT, ["html", "vertical"], []),
        (EntityHandler("quiz", {}, {"quiz", "exam"}), ["quiz", "exam"], ["vertical"]),
    ],
)
def test_a_handler_claims_its_block_types_or_all(handler: EntityHandler, claimed: list[str], others: list[str]):
    assert [handler.claims(name) for name in (*claimed, *others)] == [True] * len(claimed) + [False] * len(others)


def test_each_operation_is_made_by_the_handler_of_its_block_type(monkeypatch):
    """The handler of a type from another package may add data to the operation."""

    class Told(EntityHandler):
        @staticmethod
        def _operation(operation: str, entity: Entity, *place, **values) -> Operation:
            asked.append((operation, entity.entity_id))
            return EntityHandler._operation(operation, entity, *place, **values)

    asked, old, new = [], Draft(), Draft()
    for number in range(4):
        old.add(entity_id(number), COURSE_ID, number, {"display_name": "Old"})
    for at, number in enumerate((1, 0, 2, 4)):
        new.add(entity_id(number), COURSE_ID, at, {"display_name": "New" if number == 2 else "Old"})
    told = {block_type(entity_id(number)): Told(f"type {number}", {}) for number in range(5)}
    monkeypatch.setattr(engine, "handler_for", told.__getitem__)
    operations = diff(old.structure(), new.structure())
    assert sorted({operation.operation for operation in operations}) == ["create", "delete", "move", "update"]
    assert asked == [(operation.operation, operation.entity_id) for operation in operations]


def test_a_field_that_a_later_version_brings_is_covered_by_the_digest_of_the_content():
    handler = EntityHandler("poll", {"old": DATE, "new": Field("text", since=2)})
    assert handler.outside_content() == {"old"}


def test_a_field_whose_inherited_value_counts_is_otherwise_the_same():
    assert effective(Field("date", since=3)) == Field("date", effective=True, since=3)
    assert (DATE.effective, effective(DATE)) == (False, Field("date", effective=True))


@pytest.mark.parametrize("name", ["create", "move", "update"])
def test_an_operation_that_does_not_fit_is_refused(name: str):
    """A replica that is out of step raises an error instead of guessing."""
    lost = Entity("lost", "unit", "vertical", "not-here", {"display_name": "Lost"})
    handler = handler_for("vertical")
    operation = {
        "create": handler.create(lost, 0, None),
        "move": handler.move({"parent_id": "x", "index": 0}, lost, 0, None),
        "update": handler.update(attrs.evolve(lost, fields={}), lost),
    }[name]
    with pytest.raises(PermanentError, match="not here"):
        Tree().apply(operation)
