"""Keeps the known entities below a block that could not be read completely, so that they do not count as deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from course_sync_plugin.data import Entity, Structure


def retain_unreadable(old: Structure, new: Structure) -> Structure:
    """Return ``new`` with those entities of ``old`` that may be hidden in an unreadable place.

    If an entity of ``new`` is unreadable, its children in ``old`` that ``new`` has nowhere stay below it, each with its
    own missing descendants. Each stays after its nearest previous sibling that still exists. If nothing is missing,
    ``new`` itself is returned.
    """
    retained: dict[str, Entity] = {}
    children: dict[str, Sequence[str]] = {}
    for parent_id in new.unreadable:
        missing = {child for child in old.children.get(parent_id, ()) if child not in new.entities}
        if missing:
            children[parent_id] = _merge_siblings(old.children[parent_id], new.children.get(parent_id, ()), missing)
            _retain_below(old, new, missing, retained, children)
    return _with_retained(new, retained, children) if retained else new


def _merge_siblings(old: Sequence[str], new: Sequence[str], missing: set[str]) -> list[str]:
    """Return the new siblings with each missing one after its nearest previous sibling that still exists, or first."""
    followers: dict[str | None, list[str]] = {None: []}
    present, elder = set(new), None
    for child in old:
        if child in missing:
            followers[elder].append(child)
        elif child in present:
            elder = child
            followers[elder] = []
    siblings = followers[None]
    for child in new:
        siblings += [child, *followers.get(child, ())]
    return siblings


def _retain_below(
    old: Structure,
    new: Structure,
    roots: set[str],
    retained: dict[str, Entity],
    children: dict[str, Sequence[str]],
) -> None:
    """Add the missing entities and their descendants to ``retained``, except those that have a new place in ``new``."""
    waiting = list(roots)
    while waiting:
        entity_id = waiting.pop()
        retained[entity_id] = old.entities[entity_id]
        lost = [child for child in old.children.get(entity_id, ()) if child not in new.entities]
        if lost:
            children[entity_id] = lost
            waiting.extend(lost)


def _with_retained(new: Structure, retained: Mapping[str, Entity], children: Mapping[str, Sequence[str]]) -> Structure:
    """Return the new structure with the retained entities, all in document order."""
    placed = {**new.children, **{parent: tuple(kids) for parent, kids in children.items()}}
    known = {**new.entities, **retained}
    entities: dict[str, Entity] = {}
    waiting = [entity_id for entity_id, entity in new.entities.items() if entity.parent_id is None]
    while waiting:
        entity_id = waiting.pop()
        entities[entity_id] = known[entity_id]
        waiting.extend(reversed(placed.get(entity_id, ())))
    # in document order of the parents, as a source returns them
    ordered = {entity_id: placed[entity_id] for entity_id in entities if entity_id in placed}
    return attrs.evolve(new, entities=entities, children=ordered)
