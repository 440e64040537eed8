"""Positions of modules and items: numbers in rows, not places in a list. There are gaps, equal ones and missing ones.

Canvas shifts other rows when one gets a position, and answers only that one. The same is done here to the rows that
were read. Source: canvas-lms, gems/acts_as_list, list.rb (``insert_at``, ``remove_from_list``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import attrs

from course_sync_plugin.targets.canvas.items import Item
from course_sync_plugin.targets.canvas.modules import Module

Row = TypeVar("Row", bound=Module | Item)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return rows as Canvas orders them: those without a position last, items with equal ones by title."""
    return sorted(rows, key=_order)


def after(before: Row, own: Row | None) -> int:
    """Return the position that brings a row directly behind another one, which has a position.

    ``own``: the row; None if it is new in this list.
    """
    there = before.position or 0
    own_position = own.position if own else None
    return there if own_position is not None and own_position < there else there + 1


def in_front_of(rows: Sequence[Row], behind: Row, own: Row | None) -> int:
    """Return the position that brings a row directly in front of another one."""
    if behind.position is None:
        return last(rows) + 1
    own_position = own.position if own else None
    return behind.position - 1 if own_position is not None and own_position < behind.position else behind.position


def last(rows: Iterable[Row]) -> int:
    """Return the last position; 0 if no row has one."""
    return max((row.position or 0 for row in rows), default=0)


def with_row(rows: Iterable[Row], row: Row, old: int | None) -> list[Row]:
    """Return the rows after one of them, or a new one, has got its position. ``old``: the one that it had before."""
    new = row.position
    others: list[Row] = [one for one in rows if one.id != row.id]
    if new is None or old == new:
        return in_order([*others, row])
    return in_order([*(_shifted(one, old, new) for one in others), row])


def without(rows: Iterable[Row], row: Row) -> list[Row]:
    """Return the rows after one has gone to another list: those behind it move up."""
    others: list[Row] = [one for one in rows if one.id != row.id]
    at = row.position
    return others if at is None else [_moved(one, -1 if (one.position or 0) > at else 0) for one in others]


def _shifted(row: Row, old: int | None, new: int) -> Row:
    position = row.position
    if position is None:
        return row
    if old is None or new < old:
        moved = 1 if position >= new and (old is None or position < old) else 0
    else:
        moved = -1 if old < position <= new else 0
    return _moved(row, moved)


def _moved(row: Row, by: int) -> Row:
    return attrs.evolve(row, position=(row.position or 0) + by) if by else row


def _order(row: Module | Item) -> tuple[bool, int, str, int]:
    title = row.title if isinstance(row, Item) else ""
    return row.position is None, row.position or 0, title, int(row.id)
