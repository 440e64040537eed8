"""Positions are kept here as Canvas keeps them, whatever gaps, equal and missing ones there are."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.site import positions
from course_sync_plugin.testing.canvas import positions as canvas

POSITION = st.one_of(st.none(), st.integers(1, 8))
LISTS = st.lists(POSITION, min_size=1, max_size=7)


@attrs.define
class Stored:
    """A row as the fake stores it."""

    id: int
    title: str
    position: int | None


def rows_of(numbers: list[int | None]) -> tuple[list[Stored], list[Item]]:
    stored = [Stored(at, f"t{at}", number) for at, number in enumerate(numbers)]
    return stored, positions.in_order(Item(str(one.id), "7", one.title, "Page", one.position) for one in stored)


def same(stored: list[Stored], rows: list[Item]) -> bool:
    in_canvas = [(str(one.id), one.position) for one in canvas.in_order(stored, then="title")]
    return in_canvas == [(one.id, one.position) for one in rows]


@given(LISTS, st.data())
def test_a_move_inside_a_list(numbers, data):
    stored, rows = rows_of(numbers)
    moved = data.draw(st.sampled_from(stored))
    old, new = moved.position, data.draw(st.integers(0, 9))
    canvas.insert_at(moved, new, stored)
    answer = Item(str(moved.id), "7", moved.title, "Page", new)
    assert same(stored, positions.with_row(rows, answer, old))


@given(LISTS, st.integers(1, 9))
def test_a_new_row(numbers, new):
    stored, rows = rows_of(numbers)
    added = Stored(99, "t99", canvas.next_position(stored))
    stored.append(added)
    canvas.insert_at(added, new, stored)
    answer = Item("99", "7", "t99", "Page", new)
    assert same(stored, positions.with_row(rows, answer, positions.last(rows) + 1))


@given(LISTS, st.data())
def test_a_row_that_leaves_the_list(numbers, data):
    stored, rows = rows_of(numbers)
    gone = data.draw(st.sampled_from(stored))
    left = next(one for one in rows if one.id == str(gone.id))
    canvas.remove_from_list(gone, stored)
    stored.remove(gone)
    assert same(stored, positions.in_order(positions.without(rows, left)))


@given(st.lists(st.integers(1, 30), min_size=2, max_size=7, unique=True), st.data())
def test_a_row_comes_directly_behind_another_and_in_front_of_another(numbers, data):
    """Without equal positions the others keep their order."""
    stored, rows = rows_of([*numbers])
    own, other = data.draw(st.permutations(rows))[:2]
    in_front = data.draw(st.booleans())
    wanted = positions.in_front_of(rows, other, own) if in_front else positions.after(other, own)
    moved = next(one for one in stored if str(one.id) == own.id)
    canvas.insert_at(moved, wanted, stored)
    order = [str(one.id) for one in canvas.in_order(stored, then="title")]
    expected = [one.id for one in rows if one.id != own.id]
    expected.insert(expected.index(other.id) + (not in_front), own.id)
    assert order == expected
