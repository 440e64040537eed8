"""Merges the order of siblings as a list: the moves of both sides are carried out, and all other siblings stay."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from course_sync_plugin.diff.ordering import moved_siblings


def merge_siblings(
    base: Sequence[str], preferred: Sequence[str], other: Sequence[str], other_wins: Collection[str] = ()
) -> list[str]:
    """Return the merged order of ``preferred`` and ``other``. ``base`` is the order that both came from.

    The result has every sibling of both sides. One that only one side moved or has gets its place after the sibling
    that is before it on that side. One that both moved stays where the preferred side has it, except those in
    ``other_wins``.
    """
    known = set(preferred)
    common = _common(base, preferred, other)
    moved = moved_siblings(common, _only(other, common)) - _kept(common, preferred, other_wins)
    placed = moved | {child for child in other if child not in known}
    return put_after([child for child in preferred if child not in placed], other, placed)


def conflicting_siblings(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> set[str]:
    """Return the siblings that both sides moved, and that do not follow the same sibling on both."""
    common = _common(base, ours, theirs)
    here, there = _only(ours, common), _only(theirs, common)
    before_here, before_there = (dict(zip(order, [None, *order])) for order in (here, there))
    moved_by_both = moved_siblings(common, here) & moved_siblings(common, there)
    return {child for child in moved_by_both if before_here[child] != before_there[child]}


def _common(base: Sequence[str], *sides: Sequence[str]) -> list[str]:
    everywhere = set(base).intersection(*sides)
    return [child for child in base if child in everywhere]


def _only(order: Sequence[str], children: Sequence[str]) -> list[str]:
    wanted = set(children)
    return [child for child in order if child in wanted]


def _kept(common: Sequence[str], preferred: Sequence[str], other_wins: Collection[str]) -> set[str]:
    """Return the siblings whose place on the preferred side stands: it moved them, and they are not excepted."""
    return moved_siblings(common, _only(preferred, common)).difference(other_wins)


def put_after(stay: Sequence[str], order: Sequence[str], placed: Collection[str]) -> list[str]:
    """Return ``stay`` with each of ``placed`` after the sibling that is before it in ``order``."""
    after = ""
    behind: dict[str, list[str]] = {after: [], **{child: [] for child in stay}}
    for child in order:
        if child in placed:
            behind[after].append(child)
        elif child in behind:
            after = child
    return [*behind.pop(""), *(one for child in stay for one in (child, *behind[child]))]
