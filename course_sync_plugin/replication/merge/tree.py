"""Merges the places of all entities of a course: one parent each, no circle, no orphan, and the order of siblings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import attrs

from course_sync_plugin.replication.merge.siblings import merge_siblings

#: The parent of each entity, by its id.
Parents = dict[str, str]


@attrs.frozen
class Places:
    """The tree of one side: the children of each entity in their order. ``root`` is the course."""

    root: str
    children: Mapping[str, Sequence[str]]

    @cached_property
    def parents(self) -> Mapping[str, str]:
        """The parent of each entity. The course has none."""
        return {child: parent for parent, children in self.children.items() for child in children}

    @cached_property
    def before(self) -> Mapping[str, str | None]:
        """The sibling before each entity."""
        return {child: before for order in self.children.values() for child, before in zip(order, [None, *order])}


def merge_places(base: Places, preferred: Places, other: Places, other_wins: Collection[str] = ()) -> Places:
    """Merge two trees that both came from ``base``.

    An entity that one side removed is not in the result. A move below it is not carried out: the entity stays where the
    other side has it. What has no other place goes to the nearest ancestor that is left. An entity that both sides
    moved has the place of the preferred side, except those in ``other_wins``. If two moves together would make a
    circle, one of the other side is not carried out.
    """
    before, here, there = base.parents, preferred.parents, other.parents
    gone = (before.keys() - here.keys()) | (before.keys() - there.keys())
    above = {**there, **here}
    living = {child: _living_parent(parent, above, gone) for child, parent in here.items() if child not in gone}
    parents = _merged(before, here, there, gone, other_wins)
    parents = {child: _living_parent(parent, above, gone) for child, parent in parents.items() if child not in gone}
    _break_circles(parents, living, base.root)
    return Places(base.root, _ordered(parents, base, preferred, other, other_wins))


def _merged(
    before: Mapping[str, str],
    here: Mapping[str, str],
    there: Mapping[str, str],
    gone: Collection[str],
    other_wins: Collection[str],
) -> Parents:
    """Return the parent of each entity. A parent that is gone stands there only if no side has another one."""
    merged = {**there, **here}
    for child in (one for one, parent in there.items() if before.get(one) != parent or here.get(one) in gone):
        if child in here and (here[child] == before.get(child) or here[child] in gone or child in other_wins):
            merged[child] = here[child] if there[child] in gone else there[child]
    return merged


def _living_parent(parent: str, above: Mapping[str, str], gone: Collection[str]) -> str:
    """Return a parent, or if it is gone, the nearest ancestor that is left."""
    while parent in gone:
        parent = above[parent]
    return parent


def _break_circles(parents: Parents, here: Mapping[str, str], root: str) -> None:
    """Give entities of a circle the parent that the preferred side has, until there is no circle.

    The tree of the preferred side has no circle, so each circle has an entity whose parent came from the other side
    and that the preferred side has too.
    """
    for start in sorted(child for child, parent in here.items() if parents[child] != parent):
        while circle := _circle(parents, start, root):
            child = min(one for one in circle if one in here and here[one] != parents[one])
            parents[child] = here[child]


def _circle(parents: Parents, start: str, root: str) -> list[str]:
    """Return the entities on the way from ``start`` upwards if the way does not end at the course; else nothing."""
    way: dict[str, int] = {}
    while start != root:
        if start in way:
            return list(way)[way[start] :]
        way[start] = len(way)
        start = parents[start]
    return []


def _ordered(
    parents: Parents, base: Places, preferred: Places, other: Places, other_wins: Collection[str]
) -> dict[str, Sequence[str]]:
    """Return the children of each entity in their order: as on the preferred side, where the other changed nothing."""
    families = _changed_families(parents, preferred)
    orders = {parent for parent, order in other.children.items() if base.children.get(parent) != order}
    result = dict(preferred.children)
    for parent in families.keys() | orders:
        children = families.get(parent, set(preferred.children.get(parent, ())))
        old, here, there = (
            [child for child in side.children.get(parent, ()) if child in children] for side in (base, preferred, other)
        )
        merged = merge_siblings(old, here, there, other_wins)
        result[parent] = merged + sorted(children - set(merged))  # their parent is gone
    return result


def _changed_families(parents: Parents, preferred: Places) -> dict[str, set[str]]:
    """Return the children of each entity that has others than on the preferred side."""
    here = preferred.parents
    changed = {child for child, parent in parents.items() if here.get(child) != parent}
    changed |= here.keys() - parents.keys()
    families: dict[str, set[str]] = {}
    for child in changed:
        families |= {parent: set() for parent in (parents.get(child), here.get(child)) if parent is not None}
    for child, parent in parents.items():
        if parent in families:
            families[parent].add(child)
    return families
