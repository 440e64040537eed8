"""Recorded runs are taken back exactly, or it is said that they do not fit."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Structure
from course_sync_plugin.diff.apply import apply
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.diff.reverse import CannotReverse, reverse
from tests.unit.strategies import COURSE_ID, Draft, drafts, edited, entity_id


@st.composite
def histories(draw: st.DrawFn) -> list[Structure]:
    """Draw the versions of a course: edits, whole courses that come and go, and versions that are taken back."""
    draft = draw(drafts())
    versions = [draw(st.one_of(st.just(Structure.empty(COURSE_ID)), st.just(draft.structure("1"))))]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["edit", "edit", "edit", "delete", "again"]))
        if kind == "edit":
            draft = draw(edited(draft))
        versions.append(
            Structure.empty(COURSE_ID)
            if kind == "delete"
            else draw(st.sampled_from(versions))
            if kind == "again"
            else draft.structure("2")
        )
    return versions


@given(histories())
def test_taking_all_runs_back_gives_the_first_version(versions):
    runs = [diff(old, new) for old, new in zip(versions, versions[1:])]
    held = reverse(reversed(runs), versions[-1])
    assert held.same_course_as(versions[0])
    assert list(held.entities) == list(versions[0].entities)


@given(histories())
def test_the_difference_from_there_is_exact_and_not_longer_than_the_runs(versions):
    runs = [diff(old, new) for old, new in zip(versions, versions[1:])]
    held = reverse(reversed(runs), versions[-1])
    operations = diff(held, versions[-1])
    assert apply(operations, versions[0]).same_course_as(versions[-1])
    assert len(operations) <= sum(map(len, runs))


SECTION, UNIT, OTHER = entity_id(0), entity_id(2), entity_id(6)


def a_course(*children: str, title: str = "Unit") -> Structure:
    """Return a course with one section that has these children."""
    draft = Draft()
    draft.add(SECTION, COURSE_ID, 0, {})
    for at, child in enumerate(children):
        draft.add(child, SECTION, at, {"display_name": title})
    return draft.structure()


@pytest.mark.parametrize(
    ("old", "new", "silent"),
    [
        (a_course(UNIT), a_course(UNIT, title="New"), a_course(UNIT, title="Newer")),
        (a_course(), a_course(UNIT), a_course(UNIT, title="Newer")),
        (a_course(), a_course(UNIT), a_course()),
        (a_course(UNIT), a_course(), a_course(UNIT)),
        (a_course(UNIT, OTHER), a_course(OTHER, UNIT), a_course(UNIT, OTHER)),
        (a_course(OTHER), a_course(UNIT, OTHER), a_course(OTHER, UNIT)),
        (a_course(UNIT, OTHER), a_course(UNIT), a_course()),
        (a_course(UNIT), a_course(UNIT, title="New"), a_course()),
        (Structure.empty(COURSE_ID), a_course(), a_course(UNIT)),
        (a_course(OTHER), a_course(OTHER, UNIT), a_course(UNIT)),
    ],
    ids=[
        "updated since",
        "created with less",
        "created and not there",
        "deleted and there",
        "not moved",
        "created elsewhere",
        "the siblings are too few",
        "updated and not there",
        "more than was created",
        "created behind the end",
    ],
)
def test_what_was_recorded_without_an_operation_is_noticed(old, new, silent):
    with pytest.raises(CannotReverse):
        reverse([diff(old, new)], silent)


def test_two_at_one_place_are_noticed():
    first, second = diff(a_course(UNIT, OTHER), a_course())
    same = attrs.evolve(second, previous={**second.previous, "index": first.previous["index"]})
    with pytest.raises(CannotReverse, match="two entities were at one place"):
        reverse([[first, same]], a_course())


def test_what_is_not_named_stays_as_it_is():
    new = attrs.evolve(a_course(UNIT, OTHER), published_version="7")
    assert reverse([], new) == new
