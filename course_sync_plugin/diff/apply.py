"""The meaning of operations: a tree they can be applied to. What a receiver does, as shortly as it can be said.

Law 1 (``docs/laws.rst``) is checked with it, the receiver kit keeps its replica in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.exceptions import PermanentError


class Tree:
    """A replica of a course that operations change in place."""

    def __init__(self, structure: Structure | None = None):
        self.entities: dict[str, Entity] = dict(structure.entities) if structure else {}
        self.children: dict[str, list[str]] = (
            {parent: list(children) for parent, children in structure.children.items()} if structure else {}
        )

    def apply(self, operation: Operation) -> None:
        """Carry out one operation. Raises PermanentError where it does not fit."""
        getattr(self, f"_{operation.operation}")(operation)

    def structure(self, course_id: str, published_version: str = "") -> Structure:
        """Return what stands here as a structure, in document order."""
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
        self.entities[operation.entity_id] = Entity(
            operation.entity_id, operation.entity_type, operation.block_type, operation.parent_id, operation.fields
        )
        self._place(operation)

    def _move(self, operation: Operation) -> None:
        self._require(operation.entity_id)
        self._require(operation.parent_id)
        if operation.parent_id in self._with_descendants(operation.entity_id):
            raise PermanentError(f"{operation.entity_id} cannot go below itself")
        entity = self.entities[operation.entity_id]
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
        """A deletion of what is not there is done; what is still below goes along."""
        entity = self.entities.get(operation.entity_id)
        if entity is None:
            return
        siblings = self.children.get(entity.parent_id, [])
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

    def _place(self, operation: Operation) -> None:
        """Put the entity after ``after_id``; where that sibling is missing, at ``index``."""
        if operation.parent_id is None:
            return
        siblings = self.children.setdefault(operation.parent_id, [])
        if siblings and siblings[-1] == operation.after_id:  # by far the most frequent: no search
            siblings.append(operation.entity_id)
        elif operation.after_id is None:
            siblings.insert(0, operation.entity_id)
        elif operation.after_id in siblings:
            siblings.insert(siblings.index(operation.after_id) + 1, operation.entity_id)
        else:
            siblings.insert(operation.index, operation.entity_id)


def apply(operations: Iterable[Operation], structure: Structure) -> Structure:
    """Return ``structure`` with the operations applied in their order."""
    tree = Tree(structure)
    for operation in operations:
        tree.apply(operation)
    return tree.structure(structure.course_id, structure.published_version)
