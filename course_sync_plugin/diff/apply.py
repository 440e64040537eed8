"""Applies operations to a tree, as a receiver does. It is the shortest definition of what the operations mean.

The tests check law 1 (``docs/concepts/laws.rst``) with it, and the receiver kit keeps its replica in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.exceptions import PermanentError


class Tree:
    """A replica of a course. :meth:`apply` changes it in place."""

    def __init__(self, structure: Structure | None = None):
        self.entities: dict[str, Entity] = dict(structure.entities) if structure else {}
        self.children: dict[str, list[str]] = (
            {parent: list(children) for parent, children in structure.children.items()} if structure else {}
        )

    def apply(self, operation: Operation) -> None:
        """Apply one operation. Raises PermanentError if it does not fit the tree; then the tree stays as it was."""
        getattr(self, f"_{operation.operation}")(operation)

    def upsert(self, operation: Operation) -> None:
        """Apply a create. An entity that exists gets exactly the new fields and the new place, and keeps its children.

        Raises PermanentError as :meth:`apply` does.
        """
        entity = self.entities.get(operation.entity_id)
        if entity is None:
            self.apply(operation)
            return
        if entity.parent_id is not None:
            self.apply(attrs.evolve(operation, operation="move"))
        self.entities[operation.entity_id] = attrs.evolve(
            self.entities[operation.entity_id],
            entity_type=operation.entity_type,
            block_type=operation.block_type,
            fields=operation.fields,
        )

    def structure(self, course_id: str, published_version: str = "") -> Structure:
        """Return the replica as a structure, in document order."""
        children = {parent: tuple(kids) for parent, kids in self.children.items() if kids}
        entities = {entity_id: self.entities[entity_id] for entity_id in self._document_order()}
        return Structure(course_id, published_version, entities, children)

    def _document_order(self) -> Iterable[str]:
        waiting = [entity_id for entity_id, entity in self.entities.items() if entity.parent_id is None]
        while waiting:
            entity_id = waiting.pop()
            yield entity_id
            waiting.extend(reversed(self.children.get(entity_id, ())))

    def _create(self, operation: Operation) -> None:
        if operation.entity_id in self.entities:
            raise PermanentError(f"{operation.entity_id} exists already")
        self._require(operation.parent_id)
        self._require_place(operation)
        self.entities[operation.entity_id] = Entity(
            operation.entity_id, operation.entity_type, operation.block_type, operation.parent_id, operation.fields
        )
        self._place(operation)

    def _move(self, operation: Operation) -> None:
        self._require(operation.entity_id)
        self._require(operation.parent_id)
        entity = self.entities[operation.entity_id]
        if entity.parent_id is None or operation.parent_id is None:
            raise PermanentError(f"{operation.entity_id} cannot move: a move leads from one parent to another")
        if operation.parent_id in self._with_descendants(operation.entity_id):
            raise PermanentError(f"{operation.entity_id} cannot go below itself")
        self._require_place(operation)
        self.children[entity.parent_id].remove(entity.entity_id)
        self.entities[entity.entity_id] = attrs.evolve(entity, parent_id=operation.parent_id)
        self._place(operation)

    def _update(self, operation: Operation) -> None:
        self._require(operation.entity_id)
        entity = self.entities[operation.entity_id]
        merged = {**entity.fields, **operation.fields}
        fields = {name: value for name, value in merged.items() if value is not None}
        self.entities[entity.entity_id] = attrs.evolve(entity, fields=fields)

    def _delete(self, operation: Operation) -> None:
        """Delete the entity and everything below it. If the entity does not exist, the deletion counts as done."""
        entity = self.entities.get(operation.entity_id)
        if entity is None:
            return
        siblings = self.children.get(entity.parent_id, []) if entity.parent_id else []
        if entity.entity_id in siblings:
            siblings.remove(entity.entity_id)
        for gone in list(self._with_descendants(entity.entity_id)):
            self.entities.pop(gone, None)
            self.children.pop(gone, None)

    def _with_descendants(self, entity_id: str) -> Iterator[str]:
        waiting = [entity_id]
        while waiting:
            current = waiting.pop()
            yield current
            waiting.extend(self.children.get(current, ()))

    def _require(self, entity_id: str | None) -> None:
        if entity_id is not None and entity_id not in self.entities:
            raise PermanentError(f"{entity_id} is not here")

    def _require_place(self, operation: Operation) -> None:
        siblings = self.children.get(operation.parent_id or "", [])
        if operation.index is None and operation.after_id not in (None, *siblings):
            raise PermanentError(f"{operation.entity_id} has no index, and {operation.after_id} is not there")

    def _place(self, operation: Operation) -> None:
        """Put the entity after the sibling ``after_id``, or at ``index`` if that sibling is missing."""
        if operation.parent_id is None:
            return
        siblings = self.children.setdefault(operation.parent_id, [])
        if siblings and siblings[-1] == operation.after_id:  # by far the most frequent case; needs no search
            siblings.append(operation.entity_id)
        elif operation.after_id is None:
            siblings.insert(0, operation.entity_id)
        elif operation.after_id in siblings:
            siblings.insert(siblings.index(operation.after_id) + 1, operation.entity_id)
        else:
            siblings.insert(operation.index or 0, operation.entity_id)  # None was refused by _require_place


def apply(operations: Iterable[Operation], structure: Structure) -> Structure:
    """Return ``structure`` with the operations applied in their order."""
    tree = Tree(structure)
    for operation in operations:
        tree.apply(operation)
    return tree.structure(structure.course_id, structure.published_version)
