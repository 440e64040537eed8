"""What cannot be read is not gone: what was known below an unreadable place stays as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from course_sync_plugin.data import Entity, Structure


def retain_unreadable(old: Structure, new: Structure) -> Structure:
    """Return ``new`` with the entities of ``old`` that may be hidden in it.

    Below an entity that ``new`` could not read completely, the children that ``old`` had and that are placed nowhere
    in ``new`` stay where they were, each with what it held and lost; each follows its nearest elder sibling that is
    still there. Where nothing is missing, ``new`` itself is returned.
    """
    retained: dict[str, Entity] = {}
    children: dict[str, Sequence[str]] = {}
    for parent_id in new.unreadable:
        missing = {child for child in old.children.get(parent_id, ()) if child not in new.entities}
        if missing:
            children[parent_id] = _grafted(old.children[parent_id], new.children.get(parent_id, ()), missing)
            _retain_below(old, new, missing, retained, children)
    return _rebuilt(new, retained, children) if retained else new


def _grafted(old: Sequence[str], new: Sequence[str], missing: set[str]) -> list[str]:
    """Put the missing siblings behind their nearest elder sibling that is still there, or first."""
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
    """Keep the missing entities and, with each, what it held; what is placed elsewhere now is not among it."""
    waiting = list(roots)
    while waiting:
        entity_id = waiting.pop()
        retained[entity_id] = old.entities[entity_id]
        lost = [child for child in old.children.get(entity_id, ()) if child not in new.entities]
        if lost:
            children[entity_id] = lost
            waiting.extend(lost)


def _rebuilt(new: Structure, retained: Mapping[str, Entity], children: Mapping[str, Sequence[str]]) -> Structure:
    """The new structure with the retained entities, all in document order."""
    placed = {**new.children, **{parent: tuple(kids) for parent, kids in children.items()}}
    known = {**new.entities, **retained}
    entities: dict[str, Entity] = {}
    waiting = [entity_id for entity_id, entity in new.entities.items() if entity.parent_id is None]
    while waiting:
        entity_id = waiting.pop()
        entities[entity_id] = known[entity_id]
        waiting.extend(reversed(placed.get(entity_id, ())))
    # in document order of the parents, as a source writes them down
    ordered = {entity_id: placed[entity_id] for entity_id in entities if entity_id in placed}
    return attrs.evolve(new, entities=entities, children=ordered)
