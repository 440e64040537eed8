"""Merges the places of all entities of a course: one parent each, no circle, no orphan, and the order of siblings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
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

    @cached_property
    def document_order(self) -> Sequence[str]:
        """All entities, parents before their children."""
        found = [self.root]
        for parent in found:  # it grows while it is read
            found += self.children.get(parent, ())
        return found[1:]


def merge_places(base: Places, preferred: Places, other: Places, other_wins: Collection[str] = ()) -> Places:
    """Merge two trees that both came from ``base``.

    An entity that one side removed is not in the result. A move below it is not carried out: the entity stays where the
    other side has it. What has no other place goes to the nearest ancestor that is left. An entity that both sides
    moved has the place of the preferred side, except those in ``other_wins``. If two moves together would make a
    circle, one of the other side is not carried out.
    """
    before, here, there = base.parents, preferred.parents, other.parents
    gone = (before.keys() - here.keys()) | (before.keys() - there.keys())
    touched = _in_other_families(base, other) | _below(gone, preferred) | gone
    above = {**there, **here}
    living = _living(here, above, gone)
    parents = _living(_merged(touched, before, here, there, gone, other_wins), above, gone)
    _break_circles(parents, living, base.root, touched)
    families = _changed_families(touched, parents, preferred)
    return Places(base.root, _ordered(families, base, preferred, other, other_wins))


def _in_other_families(base: Places, other: Places) -> set[str]:
    """Return the children of each entity that has others than before, or in another order: what moved is among them.

    Most families are as before, so to compare them is much faster than to look at each entity.
    """
    families = other.children.items()
    return {child for parent, order in families if base.children.get(parent) != order for child in order}


def _below(gone: Collection[str], preferred: Places) -> set[str]:
    return {child for parent in gone for child in preferred.children.get(parent, ())}


def _merged(
    touched: Set[str],
    before: Mapping[str, str],
    here: Mapping[str, str],
    there: Mapping[str, str],
    gone: Set[str],
    other_wins: Collection[str],
) -> Parents:
    """Return the parent of each entity. A parent that is gone stands there only if no side has another one.

    ``touched``: the entities whose parent may be another than on the preferred side.
    """
    merged = dict(here)
    for child in touched & there.keys():
        is_other = before.get(child) != there[child] or here.get(child) in gone
        if child not in here:
            merged[child] = there[child]
        elif is_other and (here[child] == before.get(child) or here[child] in gone or child in other_wins):
            merged[child] = here[child] if there[child] in gone else there[child]
    return merged


def _living(parents: Mapping[str, str], above: Mapping[str, str], gone: Set[str]) -> Parents:
    """Return the parents of what is left. Few are gone, so the others are copied in one go."""
    living = dict(parents)
    for child in gone & living.keys():
        del living[child]
    for child in [child for child, parent in living.items() if parent in gone]:
        living[child] = _living_parent(living[child], above, gone)
    return living


def _living_parent(parent: str, above: Mapping[str, str], gone: Set[str]) -> str:
    """Return a parent, or if it is gone, the nearest ancestor that is left."""
    while parent in gone:
        parent = above[parent]
    return parent


def _break_circles(parents: Parents, here: Mapping[str, str], root: str, touched: Set[str]) -> None:
    """Give entities of a circle the parent that the preferred side has, until there is no circle.

    The tree of the preferred side has no circle, so each circle has an entity whose parent came from the other side
    and that the preferred side has too.
    """
    for start in sorted(child for child in touched & here.keys() if parents[child] != here[child]):
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


def _changed_families(touched: Collection[str], parents: Parents, preferred: Places) -> dict[str, set[str]]:
    """Return the children of each entity that has others than on the preferred side."""
    here, families = preferred.parents, dict[str, set[str]]()

    def family(parent: str) -> set[str]:
        return families.setdefault(parent, set(preferred.children.get(parent, ())))

    for child in touched:
        before, after = here.get(child), parents.get(child)
        if before == after:
            continue
        if before is not None:
            family(before).discard(child)
        if after is not None:
            family(after).add(child)
    return families


def _ordered(
    families: Mapping[str, set[str]], base: Places, preferred: Places, other: Places, other_wins: Collection[str]
) -> dict[str, Sequence[str]]:
    """Return the children of each entity in their order: as on the preferred side, where the other changed nothing."""
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
