"""Law 6: version vectors are a partial order, and their join is the least upper bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.ledger.vectors import Relation, VersionVector

vectors = st.dictionaries(st.sampled_from(["openedx", "canvas", "forum"]), st.integers(0, 3)).map(VersionVector)

MIRRORED = {Relation.BEFORE: Relation.AFTER, Relation.AFTER: Relation.BEFORE}


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ({}, {}, "identical"),
        ({"a": 1}, {"a": 1, "b": 0}, "identical"),
        ({"device1": 2, "device2": 3}, {"device1": 2, "device2": 4, "device3": 1}, "before"),
        ({"a": 2}, {"a": 1}, "after"),
        ({"a": 2}, {"b": 1}, "concurrent"),
        ({"a": 2, "b": 1}, {"a": 1, "b": 2}, "concurrent"),
    ],
)
def test_relations(one: dict[str, int], other: dict[str, int], relation: str):
    assert VersionVector(one).relation_to(VersionVector(other)) == relation


@given(vectors, vectors)
def test_relations_are_mirrored(one: VersionVector, other: VersionVector):
    relation = one.relation_to(other)
    assert other.relation_to(one) is MIRRORED.get(relation, relation)


@given(vectors, vectors, vectors)
def test_they_are_a_partial_order(one: VersionVector, two: VersionVector, three: VersionVector):
    assert one <= one
    assert not (one <= two and two <= one) or one == two
    assert not (one <= two and two <= three) or one <= three


@given(vectors, vectors, vectors)
def test_the_join_is_the_least_upper_bound(one: VersionVector, two: VersionVector, three: VersionVector):
    join = one.join(two)
    assert one <= join
    assert two <= join
    assert not (one <= three and two <= three) or join <= three
    assert one.join(one) == one
    assert join == two.join(one)
    assert join.join(three) == one.join(two.join(three))


@given(vectors, st.sampled_from(["openedx", "canvas", "new"]))
def test_a_change_makes_a_later_vector(vector: VersionVector, site: str):
    assert vector.relation_to(vector.raised(site)) is Relation.BEFORE
    assert vector.raised(site)[site] == vector[site] + 1


@given(vectors)
def test_a_vector_is_stored_and_read_again(vector: VersionVector):
    assert VersionVector(dict(vector.counters)) == vector
    assert hash(VersionVector(dict(reversed(vector.counters.items())))) == hash(vector)


def test_a_counter_is_not_negative():
    with pytest.raises(ValueError, match="negative"):
        VersionVector({"openedx": -1})
