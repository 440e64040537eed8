"""Positions of modules and items. They are numbers in rows, not places in a list.

Source: canvas-lms, gems/acts_as_list/lib/active_record/acts/list.rb. Gaps stay after a deletion, and any number that is
given is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar


class Positioned(Protocol):
    """A row with a position; None: it has no place."""

    id: int
    position: int | None


Some = TypeVar("Some", bound=Positioned)


def next_position(rows: Iterable[Positioned]) -> int:
    """Return the position behind all rows (``add_to_list_bottom``)."""
    return max((row.position or 0 for row in rows), default=0) + 1


def insert_at(row: Positioned, position: int, scope: Sequence[Positioned]) -> None:
    """Give a row a position, and shift the rows between its old and its new one (``insert_at``).

    A row without a position pushes all that follow. The same position changes nothing. ``scope``: the rows of the
    list; those of items include the deleted ones.
    """
    old = row.position
    if old == position:
        return
    for other in scope:
        if other is row or other.position is None:
            continue
        if old is None:
            other.position += other.position >= position
        elif position < old:
            other.position += position <= other.position < old
        else:
            other.position -= old < other.position <= position
    row.position = position


def remove_from_list(row: Positioned, scope: Iterable[Positioned]) -> None:
    """Take a row out of its list: those behind it move up, and it has no position (``remove_from_list``)."""
    if row.position is None:
        return
    for other in scope:
        if other.position is not None and other.position > row.position:
            other.position -= 1
    row.position = None


def in_order(rows: Iterable[Some], then: str = "id") -> list[Some]:
    """Return rows in the order of their positions, those without one last; equal ones by another attribute.

    Items of a module with equal positions are ordered by title (context_module.rb, ``has_many :content_tags``).
    """

    def key(row: Any) -> tuple[bool, int, Any]:
        return row.position is None, row.position or 0, getattr(row, then)

    return sorted(rows, key=key)
