"""Compares two structures and returns the fewest operations, in the order of the contract. Pure: no Django, no I/O.

Blocks have stable usage keys, so an entity is matched by a look-up in a dictionary. The rest is one flat comparison
and, for each list of children that changed, the longest increasing subsequence. Handlers only get changed entities.
"""

from __future__ import annotations

from collections.abc import Iterator

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff.handlers import handler_for
from course_sync_plugin.diff.ordering import moved_siblings


class DiffEngine:
    """Finds the operations that turn ``old`` into ``new``.

    Their order: creates and moves in document order, then updates, then deletes.
    """

    def __init__(self, old: Structure, new: Structure):
        self.old = old
        self.new = new

    def operations(self) -> list[Operation]:
        """Return the operations; empty if nothing changed. Applied to ``old``, they give exactly ``new``."""
        created, updated = self._created_and_updated()
        placed = created | self._moved()
        return [
            *self._places(placed, created),
            *(handler_for(new.block_type).update(old, new) for old, new in updated),
            *self._deletes(),
        ]

    def _created_and_updated(self) -> tuple[set[str], list[tuple[Entity, Entity]]]:
        old_entities = self.old.entities
        created, updated = set(), []
        for entity_id, new in self.new.entities.items():
            old = old_entities.get(entity_id)
            if old is None:
                created.add(entity_id)
            elif old.fields != new.fields:
                updated.append((old, new))
        return created, updated

    def _moved(self) -> set[str]:
        """Return the entities that change their parent, and the fewest siblings that must change their order."""
        moved: set[str] = set()
        old_entities, old_children = self.old.entities, self.old.children
        for parent_id, children in self.new.children.items():
            before = old_children.get(parent_id, ())
            if children == before:
                continue
            stayed = set(before)
            moved.update(child for child in children if child not in stayed and child in old_entities)
            moved |= moved_siblings(before, children)
        return moved

    def _places(self, placed: set[str], created: set[str]) -> Iterator[Operation]:
        """Yield creates and moves in document order, so that a parent comes before its children."""
        if not placed:
            return
        old_index = self._old_index(placed - created)
        place = self._new_place({self.new.entities[entity_id].parent_id for entity_id in placed})
        for entity_id, entity in self.new.entities.items():
            if entity_id not in placed:
                continue
            handler = handler_for(entity.block_type)
            index, after_id = place.get(entity_id, (None, None))
            if entity_id in created:
                yield handler.create(entity, index, after_id)
            else:
                old_place = {"parent_id": self.old.entities[entity_id].parent_id, "index": old_index[entity_id]}
                yield handler.move(old_place, entity, index, after_id)

    def _new_place(self, parent_ids: set[str | None]) -> dict[str, tuple[int, str | None]]:
        """Return the index and the previous sibling of every child of the given parents."""
        place = {}
        for parent_id in parent_ids:
            children = self.new.children_of(parent_id)
            place.update({child: (at, children[at - 1] if at else None) for at, child in enumerate(children)})
        return place

    def _old_index(self, entity_ids: set[str]) -> dict[str, int]:
        parent_ids = {self.old.entities[entity_id].parent_id for entity_id in entity_ids}
        index: dict[str, int] = {}
        for parent_id in parent_ids:
            index.update({child: at for at, child in enumerate(self.old.children_of(parent_id))})
        return index

    def _deletes(self) -> Iterator[Operation]:
        """Yield deletions, children before their parents."""
        deleted = self.old.entities.keys() - self.new.entities.keys()
        if not deleted:
            return
        index = self._old_index(deleted)
        for entity_id in reversed(list(self.old.entities)):
            if entity_id in deleted:
                entity = self.old.entities[entity_id]
                yield handler_for(entity.block_type).delete(entity, index.get(entity_id))


def diff(old: Structure, new: Structure) -> list[Operation]:
    """Return the operations that turn ``old`` into ``new`` (see :class:`DiffEngine`)."""
    return DiffEngine(old, new).operations()
