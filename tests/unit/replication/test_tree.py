"""The laws of a merge of trees: one parent each, no circle, no orphan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.replication.merge.tree import Places, merge_places
from tests.unit.replication.sides import ROOT, places

OLD = tuple("abcdef")
base_trees = places(OLD)


def tree(**children: str) -> Places:
    return Places(ROOT, {ROOT if name == "root" else name: list(found) for name, found in children.items()})


def as_tree(places_: Places) -> dict[str, list[str]]:
    return {parent: list(found) for parent, found in places_.children.items() if found}


@given(base_trees, st.data())
def test_the_result_is_a_tree_of_what_is_left(base, data):
    entities = tuple(sorted(base.parents))
    one, two = data.draw(places((*entities, "x"))), data.draw(places((*entities, "y")))
    wins = data.draw(st.sets(st.sampled_from((*OLD, "x", "y"))))
    merged = merge_places(base, one, two, wins)
    gone = (base.parents.keys() - one.parents.keys()) | (base.parents.keys() - two.parents.keys())
    alive = (one.parents.keys() | two.parents.keys()) - gone
    assert sorted(child for found in merged.children.values() for child in found) == sorted(alive)
    assert reachable(merged, ROOT) == alive


def reachable(side: Places, parent: str) -> set[str]:
    return {one for child in side.children.get(parent, ()) for one in (child, *reachable(side, child))}


@given(base_trees, st.data())
def test_what_one_side_changed_is_taken(base, data):
    one = data.draw(places((*sorted(base.parents), "x")))
    assert as_tree(merge_places(base, one, one)) == as_tree(merge_places(base, one, base)) or removed(base, one)
    if not removed(base, one):
        assert as_tree(merge_places(base, one, base)) == as_tree(one)
        assert as_tree(merge_places(base, base, one)) == as_tree(one)


def removed(base: Places, side: Places) -> bool:
    return bool(base.parents.keys() - side.parents.keys())


@given(base_trees, st.data())
def test_it_settles_in_one_round(base, data):
    entities = tuple(sorted(base.parents))
    merged = merge_places(base, data.draw(places((*entities, "x"))), data.draw(places((*entities, "y"))))
    assert as_tree(merge_places(merged, merged, merged)) == as_tree(merged)


def test_two_moves_that_would_make_a_circle():
    base = tree(root="ab")
    below_b, below_a = tree(root="b", b="a"), tree(root="a", a="b")
    assert as_tree(merge_places(base, below_b, below_a)) == {ROOT: ["b"], "b": ["a"]}
    assert as_tree(merge_places(base, below_a, below_b)) == {ROOT: ["a"], "a": ["b"]}


def test_a_move_below_something_deleted_goes_to_what_is_left_above_it():
    base = tree(root="ab", a="c")
    assert as_tree(merge_places(base, tree(root="b"), tree(root="ab", a="cx"))) == {ROOT: ["b", "x"]}


def test_a_move_below_something_deleted_is_not_carried_out():
    base = tree(root="ab", a="cd", b="e")
    deleted, moved = tree(root="a", a="cd"), tree(root="ab", a="d", b="ec")
    assert as_tree(merge_places(base, deleted, moved)) == {ROOT: ["a"], "a": ["c", "d"]}
    assert as_tree(merge_places(base, moved, deleted)) == {ROOT: ["a"], "a": ["c", "d"]}
    assert as_tree(merge_places(base, deleted, moved, {"c"})) == {ROOT: ["a"], "a": ["c", "d"]}


def test_both_moved_the_same():
    base = tree(root="abc")
    one, two = tree(root="ab", a="c"), tree(root="ab", b="c")
    assert as_tree(merge_places(base, one, two)) == {ROOT: ["a", "b"], "a": ["c"]}
    assert as_tree(merge_places(base, one, two, {"c"})) == {ROOT: ["a", "b"], "b": ["c"]}
