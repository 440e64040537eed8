"""Compares and changes trees of entities: what was moved, a tree without some entities, or with some held in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from course_sync_plugin.diff.ordering import moved_siblings
from course_sync_plugin.replication.merge.siblings import put_after
from course_sync_plugin.replication.merge.tree import Places


def place(places: Places, entity: str) -> tuple[str, str | None]:
    """Return the parent of an entity and the sibling before it."""
    return places.parents[entity], places.before[entity]


def place_if_there(places: Places, entity: str) -> tuple[str, str | None] | None:
    """Return the place of an entity, or None if the tree does not have it."""
    return place(places, entity) if entity in places.parents else None


def put(places: Places, entity: str, parent: str, after: str | None) -> Places:
    """Return a tree in which an entity is below a parent, after a sibling (None: first), with all that is below it.

    If the sibling is not there, the entity comes last. Raises ValueError if the parent is not in the tree or is below
    the entity.
    """
    if parent not in (places.root, *places.parents) or not _may_be_below(entity, parent, places.parents, places.root):
        raise ValueError(f"{entity} cannot be below {parent}")
    children = {one: [child for child in below if child != entity] for one, below in places.children.items()}
    order = children.setdefault(parent, [])
    at = 0 if after is None else order.index(after) + 1 if after in order else len(order)
    order.insert(at, entity)
    return Places(places.root, children)


def moved(old: Places, new: Places) -> set[str]:
    """Return the entities of both trees that have another parent, or were moved among their siblings."""
    if old.children == new.children:
        return set()
    before, found = old.parents, set[str]()
    for parent, children in new.children.items():
        siblings = old.children.get(parent, ())
        if siblings != children:
            found |= {child for child in children if before.get(child, parent) != parent}
            found |= moved_siblings(siblings, children)
    return found


def without(places: Places, entities: Collection[str]) -> Places:
    """Return a tree without some entities and all that is below them."""
    children = {}
    waiting = [places.root]
    while waiting:
        parent = waiting.pop()
        left = [child for child in places.children.get(parent, ()) if child not in entities]
        if left:
            children[parent] = left
            waiting += left
    return Places(places.root, children)


def held(places: Places, own: Places, entities: Collection[str]) -> Places:
    """Return a tree in which some entities are where ``own`` has them, as far as that makes no circle."""
    if not entities:
        return places
    found = _held(places, own, entities)
    children = dict(places.children)
    for parent in {places.parents[entity] for entity in found if entity in places.parents}:
        children[parent] = [child for child in children[parent] if child not in found]
    for parent in {own.parents[entity] for entity in found}:
        children[parent] = put_after(children.get(parent, ()), own.children[parent], found)
    return Places(places.root, children)


def _held(places: Places, own: Places, entities: Collection[str]) -> set[str]:
    """Return the entities that can be where ``own`` has them."""
    parents, found = dict(places.parents), set()
    for entity in own.document_order:
        if entity in entities and _may_be_below(entity, own.parents[entity], parents, places.root):
            parents[entity] = own.parents[entity]
            found.add(entity)
    return found


def is_same(one: Places, other: Places) -> bool:
    """Tell whether two trees have the same entities at the same places."""
    return one.parents == other.parents and one.before == other.before


def is_tree(places: Places) -> bool:
    """Tell whether all entities are below the course, each at one place."""
    children, all_ = places.children, len(places.parents)
    if places.root in places.parents or sum(map(len, children.values())) != all_:
        return False
    below, waiting = 0, [places.root]
    while waiting:
        order = children.get(waiting.pop(), ())
        below += len(order)
        waiting.extend(filter(children.__contains__, order))
    return below == all_


def _may_be_below(entity: str, parent: str, parents: Mapping[str, str], root: str) -> bool:
    while parent != root:
        if parent == entity or parent not in parents:
            return False
        parent = parents[parent]
    return True
