"""Keeps entities in parents that can hold them: a section is in the course, a subsection in a section, and so on.

An entity never gets deeper or higher in the course. So its depth in a tree that is known to be right says what can hold
it. Other systems know no such rule: in Canvas a page can stand in a module without a text header.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from course_sync_plugin.replication.merge.tree import Places


def depth(places: Places, entity: str) -> int | None:
    """Return how deep an entity is in a tree: 0 for the course. None: it is not in the tree."""
    steps = 0
    while entity != places.root:
        parent = places.parents.get(entity)
        if parent is None:
            return None
        entity, steps = parent, steps + 1
    return steps


def fits(right: Places, entity: str, parent: str) -> bool:
    """Tell whether a parent can hold an entity. ``right``: the tree that says so; what it does not have fits."""
    own, above = depth(right, entity), depth(right, parent)
    return own is None or above is None or own == above + 1


def misfits(right: Places, places: Places, entities: Iterable[str]) -> set[str]:
    """Return those of some entities that a tree has in a parent that cannot hold them."""
    parents = places.parents
    return {one for one in entities if one in parents and not fits(right, one, parents[one])}


def nearest(right: Places, entity: str, parent: str) -> str | None:
    """Return the nearest entity that can hold another one. ``parent``: where it stands now, which cannot hold it.

    That is the first entity of the right depth below the parent, or the one above it that has this depth. None: there
    is none, or the tree does not have the entity or the parent.
    """
    own, above = depth(right, entity), depth(right, parent)
    if own is None or above is None:
        return None
    while above >= own:
        parent, above = right.parents[parent], above - 1
    return next(_at_depth(right, parent, own - 1 - above, entity), None)


def is_within(places: Places, entity: str, above: str) -> bool:
    """Tell whether an entity is another one or below it."""
    while entity != above and entity in places.parents:
        entity = places.parents[entity]
    return entity == above


def _at_depth(places: Places, start: str, steps: int, but: str) -> Iterator[str]:
    """Yield what is so many steps below an entity, in document order."""
    if steps == 0:
        yield start
        return
    for child in places.children.get(start, ()):
        if child != but:
            yield from _at_depth(places, child, steps - 1, but)
