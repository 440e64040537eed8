"""The laws of a merge of siblings: a list, not a value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.replication.merge.siblings import conflicting_siblings, merge_siblings
from tests.unit.replication.sides import orders

BASE = list("abcde")


@given(orders(), orders())
def test_it_has_every_sibling_of_both_sides_once(one, two):
    assert sorted(merge_siblings(BASE, one, two)) == sorted({*one, *two})


@given(orders())
def test_what_one_side_changed_is_taken(one):
    assert merge_siblings(BASE, one, one) == one
    everything = [*one, *(child for child in BASE if child not in one)]
    assert merge_siblings(BASE, BASE, everything) == everything
    assert merge_siblings(BASE, everything, BASE) == everything


@given(orders(), orders())
def test_it_settles_in_one_round(one, two):
    merged = merge_siblings(BASE, one, two)
    assert merge_siblings(merged, merged, merged) == merged


@given(orders(), orders())
def test_what_both_moved_stays_where_the_preferred_side_has_it(one, two):
    both = conflicting_siblings(BASE, one, two)
    merged = merge_siblings(BASE, one, two)
    still = [child for child in one if child not in both or child in merged]
    assert [child for child in merged if child in both] == [child for child in still if child in both]


@given(st.permutations(BASE), st.permutations(BASE))
def test_it_does_not_matter_which_side_is_preferred_if_all_of_the_other_wins(one, two):
    assert merge_siblings(BASE, BASE, two, BASE) == two
    assert conflicting_siblings(BASE, one, two) == conflicting_siblings(BASE, two, one)


def test_two_moves_that_have_nothing_to_do_with_each_other():
    assert merge_siblings(BASE, list("bcdea"), list("abecd")) == list("becda")
    assert conflicting_siblings(BASE, list("bcdea"), list("abecd")) == set()


def test_two_moves_of_the_same_sibling():
    assert conflicting_siblings(BASE, list("bcdea"), list("bcade")) == {"a"}
    assert merge_siblings(BASE, list("bcdea"), list("bcade")) == list("bcdea")
    assert merge_siblings(BASE, list("bcdea"), list("bcade"), {"a"}) == list("bcade")


def test_two_new_siblings_at_one_place():
    assert merge_siblings(["a", "b"], ["a", "x", "b"], ["a", "y", "b"]) == ["a", "y", "x", "b"]
