"""Compares what a receiver holds of a course with the recorded course, and plans repairs. Pure: no database.

A repair makes the receiver's replica equal to the course. The receiver told only digests, so a repair of an entity with
other fields is a ``create``: by the contract it replaces all fields and the place, and keeps the children.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import attrs

from course_sync_plugin.data import Entity, HeldEntity, Operation, Structure
from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.diff.ordering import moved_siblings
from course_sync_plugin.structure.digest import entity_digest


@attrs.frozen
class Difference:
    """The ids of the entities that differ at a receiver.

    ``missing``: the receiver lacks them. ``different``: their types or fields differ. ``misplaced``: they have another
    parent, or are among the fewest siblings that must move to get the right order. An entity may be in both.
    ``extra``: the receiver holds them, and the course does not have them.
    """

    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    misplaced: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.missing or self.different or self.misplaced or self.extra)


def wanted_part(whole: Structure, entity_types: Collection[str], excluded: Collection[str]) -> Structure:
    """Return the part of a course that a target gets.

    ``entity_types``: the types that it wants; empty: all. ``excluded``: the ids of entities that were excluded from the
    target; what is below them is excluded too.
    """
    hidden: set[str] = set()
    entities: dict[str, Entity] = {}
    for entity_id, entity in whole.entities.items():  # in document order, so a parent comes before its children
        if entity_id in excluded or entity.parent_id in hidden:
            hidden.add(entity_id)
        elif not entity_types or entity.entity_type in entity_types:
            entities[entity_id] = entity
    wanted = ((parent, tuple(one for one in kids if one in entities)) for parent, kids in whole.children.items())
    return attrs.evolve(whole, entities=entities, children={parent: kids for parent, kids in wanted if kids})


def compare(wanted: Structure, held: Mapping[str, HeldEntity]) -> Difference:
    """Return how the entities that a receiver holds differ from those that it should hold."""
    here = [entity for entity in wanted.entities.values() if entity.entity_id in held]
    misplaced = _misplaced(wanted, held)
    return Difference(
        missing=tuple(entity_id for entity_id in wanted.entities if entity_id not in held),
        different=tuple(one.entity_id for one in here if _is_different(one, held[one.entity_id])),
        misplaced=tuple(one.entity_id for one in here if one.entity_id in misplaced),
        extra=tuple(entity_id for entity_id in held if entity_id not in wanted.entities),
    )


def corrections(
    wanted: Structure, held: Mapping[str, HeldEntity], difference: Difference, block_types: Mapping[str, str]
) -> list[Operation]:
    """Return the operations that make the receiver's entities equal to ``wanted``, in the order that every run has.

    ``block_types``: the block types of those extra entities that are to be deleted, by entity id.
    """
    return [*_placed(wanted, held, difference), *_deleted(wanted.course_id, held, block_types)]


def _is_different(entity: Entity, held: HeldEntity) -> bool:
    if entity.parent_id is None and held.parent_id is not None:  # the course cannot be moved, only created anew
        return True
    return held.digest != entity_digest(entity.entity_type, entity.block_type, entity.fields)


def _misplaced(wanted: Structure, held: Mapping[str, HeldEntity]) -> set[str]:
    found: set[str] = set()
    for parent_id, children in wanted.children.items():
        here = [child for child in children if child in held]
        at_home = [child for child in here if held[child].parent_id == parent_id]
        found.update(child for child in here if held[child].parent_id != parent_id)
        found |= moved_siblings(sorted(at_home, key=lambda child: held[child].index), at_home)
    return found


def _placed(wanted: Structure, held: Mapping[str, HeldEntity], difference: Difference) -> Iterator[Operation]:
    created, moved = {*difference.missing, *difference.different}, {*difference.misplaced}
    for entity, index in wanted.places():
        after_id = wanted.children_of(entity.parent_id)[index - 1] if index else None
        handler = handler_for(entity.block_type)
        if entity.entity_id in created:
            yield handler.create(entity, index, after_id)
        elif entity.entity_id in moved:
            there = held[entity.entity_id]
            old_place = {"parent_id": there.parent_id or wanted.course_id, "index": there.index}
            yield handler.move(old_place, entity, index, after_id)


def _deleted(course_id: str, held: Mapping[str, HeldEntity], block_types: Mapping[str, str]) -> Iterator[Operation]:
    """Yield the deletions of extra entities, children first, each with the place that the receiver told."""
    for entity_id in sorted(block_types, key=lambda entity_id: -_depth(entity_id, held)):
        handler, there = handler_for(block_types[entity_id]), held[entity_id]
        parent_id = None if entity_id == course_id else there.parent_id or course_id
        entity = Entity(entity_id, handler.entity_type, block_types[entity_id], parent_id)
        yield handler.delete(entity, None if parent_id is None else there.index)


def _depth(entity_id: str, held: Mapping[str, HeldEntity]) -> int:
    """Return how many entities are above one at the receiver. The receiver's parents may form a circle."""
    above: set[str] = set()
    current: str | None = entity_id
    while current is not None and current in held and current not in above:
        above.add(current)
        current = held[current].parent_id
    return len(above)
