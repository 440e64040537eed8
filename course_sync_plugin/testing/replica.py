"""Keeps the replica of one course at a receiver, by the rules of the contract."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.structure.digest import entity_digest


class Replica:
    """One course as a receiver has it.

    ``published_version``: the version at the last end of a run. ``complete``: no envelope has come since then, so the
    replica is the course as of that version. ``entity_types``: those the target is subscribed to; empty: all.
    """

    def __init__(self, course_id: str, entity_types: Collection[str] = ()):
        self.course_id = course_id
        self.entity_types = frozenset(entity_types)
        self.published_version = ""
        self.complete = False
        self._tree = _PartialTree() if entity_types else Tree()
        self._named: set[str] | None = None  # during a snapshot: the entities that it has named so far
        self._failed: dict[str, str | None] = {}  # creates and moves that failed in this message: entity, after_id

    def begin_envelope(self, data: Mapping[str, Any]) -> None:
        """Record that an envelope begins. ``data``: the ``data`` of its body."""
        self.complete = False
        self._failed.clear()
        if data["mode"] == "snapshot" and (self._named is None or data["previous_sequence"] == 0):
            self._named = set()  # the snapshot begins, or the lane starts again
        if self._named is not None:
            self._named.update(operation["entity_id"] for operation in data["operations"])

    def apply(self, operation: Operation) -> None:
        """Carry out one operation. Raises PermanentError if it does not fit the replica."""
        operation = attrs.evolve(operation, after_id=self._sibling_before(operation.after_id))
        try:
            if operation.operation == "create":
                self._tree.upsert(operation)
            else:
                self._tree.apply(operation)
        except (LookupError, ValueError) as error:
            raise PermanentError(f"{operation.operation} of {operation.entity_id} does not fit: {error!r}") from error

    def fail(self, operation: Operation) -> None:
        """Record an operation of this message that is not carried out."""
        if operation.operation in ("create", "move"):
            self._failed[operation.entity_id] = operation.after_id

    def end_envelope(self, data: Mapping[str, Any]) -> None:
        """Record that an envelope ends. If it ends a run, drop the entities that a snapshot has not named."""
        if not data["end_of_run"]:
            return
        if self._named is not None:
            for entity_id in [entity_id for entity_id in self._tree.entities if entity_id not in self._named]:
                self._drop(entity_id)
            self._named = None
        self.published_version = data["published_version"]
        self.complete = True

    def structure(self) -> Structure:
        """Return the replica as a structure."""
        return self._tree.structure(self.course_id, self.published_version)

    def equals(self, structure: Structure) -> bool:
        """Tell whether the replica equals the course: the same entities, fields and places."""
        return not self.difference(structure)

    def difference(self, structure: Structure) -> list[str]:
        """Return the differences from the expected course, one readable line each."""
        lines = dict(self._entity_differences(structure))
        return [*lines.values(), *self._order_differences(structure, known=lines)]

    def as_dict(self) -> dict[str, Any]:
        """Return the replica as JSON data for other processes: entities in document order, each with its children."""
        structure = self.structure()
        return {
            "course_id": self.course_id,
            "published_version": self.published_version,
            "complete": self.complete,
            "entities": [
                {**attrs.asdict(entity), "children": list(structure.children.get(entity.entity_id, ()))}
                for entity in structure.entities.values()
            ],
        }

    def digests(self) -> dict[str, dict[str, Any]]:
        """Return what the contract asks of a receiver about each entity: its parent, its place and its digest."""
        index = {key: at for kids in self._tree.children.values() for at, key in enumerate(kids)}
        return {
            key: {
                "parent_id": entity.parent_id,
                "index": index.get(key, 0),
                "digest": entity_digest(entity.entity_type, entity.block_type, entity.fields),
            }
            for key, entity in self._tree.entities.items()
        }

    def _sibling_before(self, after_id: str | None) -> str | None:
        """Return the sibling after which to place an entity.

        If the operation on ``after_id`` failed in this message, this is the sibling before that one, and so on.
        """
        while after_id in self._failed:
            after_id = self._failed[after_id]
        return after_id

    def _drop(self, entity_id: str) -> None:
        entity = self._tree.entities.get(entity_id)
        if entity:  # it may have been deleted with its parent
            self._tree.apply(Operation("delete", entity.entity_type, entity_id, entity.block_type))

    def _entity_differences(self, structure: Structure) -> Iterator[tuple[str, str]]:
        expected = {key: entity for key, entity in structure.entities.items() if self._is_wanted(entity)}
        here = self._tree.entities
        yield from ((key, f"missing: {_name(expected[key])}") for key in expected if key not in here)
        yield from ((key, f"extra: {_name(here[key])}") for key in here if key not in expected)
        for key, entity in expected.items():
            if key in here and here[key] != entity:
                yield key, f"different: {_name(entity)}: {_details(here[key], entity)}"

    def _order_differences(self, structure: Structure, known: Collection[str]) -> Iterator[str]:
        """Yield a line for each parent whose children have another order; leave out children in ``known``."""
        for parent_id in {**structure.children, **self._tree.children}:
            wanted = (key for key in structure.children.get(parent_id, ()) if self._is_wanted(structure.entities[key]))
            expected = [key for key in wanted if key not in known]
            found = [key for key in self._tree.children.get(parent_id, ()) if key not in known]
            if found != expected:
                yield f"children of {parent_id}: {found}, should be {expected}"

    def _is_wanted(self, entity: Entity) -> bool:
        return not self.entity_types or entity.entity_type in self.entity_types


class _PartialTree(Tree):
    """A tree of some entity types only. Parents may be missing: the sender does not send the other types."""

    def structure(self, course_id: str, published_version: str = "") -> Structure:
        children = {parent: tuple(kids) for parent, kids in self.children.items() if kids}
        return Structure(course_id, published_version, dict(self.entities), children)

    def _require(self, entity_id: str | None) -> None:
        """Accept every parent."""


def _name(entity: Entity) -> str:
    title = entity.fields.get("display_name")
    return f"{entity.entity_type} {entity.entity_id}" + (f" ({title})" if title else "")


def _details(found: Entity, expected: Entity) -> str:
    differences = [
        f"{name} is {getattr(found, name)}, should be {getattr(expected, name)}"
        for name in ("entity_type", "block_type", "parent_id")
        if getattr(found, name) != getattr(expected, name)
    ]
    for name in {**found.fields, **expected.fields}:
        if found.fields.get(name) != expected.fields.get(name):
            differences.append(f"{name} is {found.fields.get(name)!r}, should be {expected.fields.get(name)!r}")
    return "; ".join(differences)
