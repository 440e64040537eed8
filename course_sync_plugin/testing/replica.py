"""The replica of one course at a receiver, kept by the rules of the contract."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import PermanentError


class Replica:
    """One course as a receiver has it.

    ``published_version`` is that of the last end of a run, ``complete`` says that nothing has come since: then this is
    the course as of that version. ``entity_types`` are those the target is subscribed to; none: all.
    """

    def __init__(self, course_id: str, entity_types: Collection[str] = ()):
        self.course_id = course_id
        self.entity_types = frozenset(entity_types)
        self.published_version = ""
        self.complete = False
        self._tree = _PartialTree() if entity_types else Tree()
        self._named: set[str] | None = None  # while a snapshot is coming in: what it has named so far
        self._failed: dict[str, str | None] = {}  # what failed in this message, and the sibling it was to stand behind

    def begin_envelope(self, data: Mapping[str, Any]) -> None:
        """Take note of an envelope that begins; ``data`` is that of its body."""
        self.complete = False
        self._failed.clear()
        if data["mode"] == "snapshot" and (self._named is None or data["previous_sequence"] == 0):
            self._named = set()  # it begins, or the whole lane begins anew
        if self._named is not None:
            self._named.update(operation["entity_id"] for operation in data["operations"])

    def apply(self, operation: Operation) -> None:
        """Carry out one operation. Raises PermanentError where it does not fit."""
        operation = attrs.evolve(operation, after_id=self._elder(operation.after_id))
        try:
            if operation.operation == "create":
                self._upsert(operation)
            else:
                self._tree.apply(operation)
        except (LookupError, ValueError) as error:
            raise PermanentError(f"{operation.operation} of {operation.entity_id} does not fit: {error!r}") from error

    def fail(self, operation: Operation) -> None:
        """Take note of an operation of this message that is not carried out."""
        if operation.operation in ("create", "move"):
            self._failed[operation.entity_id] = operation.after_id

    def end_envelope(self, data: Mapping[str, Any]) -> None:
        """Take note of the end of an envelope: where it ends a run, what a snapshot has not named is dropped."""
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
        """Tell whether this is the course: the same entities, fields and places."""
        return not self.difference(structure)

    def difference(self, structure: Structure) -> list[str]:
        """Return what differs from the course as it should be, one readable line each."""
        lines = dict(self._entity_differences(structure))
        return [*lines.values(), *self._order_differences(structure, known=lines)]

    def as_dict(self) -> dict[str, Any]:
        """Return the replica for other processes to compare: entities in document order, each with its children."""
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

    def _elder(self, after_id: str | None) -> str | None:
        """The sibling to stand behind: for one that failed in this message, whom it was to stand behind itself."""
        while after_id in self._failed:
            after_id = self._failed[after_id]
        return after_id

    def _upsert(self, operation: Operation) -> None:
        entity = self._tree.entities.get(operation.entity_id)
        if entity is None:
            self._tree.apply(operation)
            return
        if entity.parent_id is not None:
            self._tree.apply(attrs.evolve(operation, operation="move"))
        changed = attrs.evolve(
            self._tree.entities[operation.entity_id],
            entity_type=operation.entity_type,
            block_type=operation.block_type,
            fields=operation.fields,
        )
        self._tree.entities[operation.entity_id] = changed

    def _drop(self, entity_id: str) -> None:
        entity = self._tree.entities.get(entity_id)
        if entity:  # it may have gone along with its parent
            self._tree.apply(Operation("delete", entity.entity_type, entity_id, entity.block_type))

    def _entity_differences(self, structure: Structure) -> Iterator[tuple[str, str]]:
        expected = {key: entity for key, entity in structure.entities.items() if self._wants(entity)}
        here = self._tree.entities
        yield from ((key, f"missing: {_name(expected[key])}") for key in expected if key not in here)
        yield from ((key, f"too much: {_name(here[key])}") for key in here if key not in expected)
        for key, entity in expected.items():
            if key in here and here[key] != entity:
                yield key, f"different: {_name(entity)}: {_details(here[key], entity)}"

    def _order_differences(self, structure: Structure, known: Collection[str]) -> Iterator[str]:
        """Where the order of children differs, those aside that were named already."""
        for parent_id in {**structure.children, **self._tree.children}:
            wanted = (key for key in structure.children.get(parent_id, ()) if self._wants(structure.entities[key]))
            expected = [key for key in wanted if key not in known]
            found = [key for key in self._tree.children.get(parent_id, ()) if key not in known]
            if found != expected:
                yield f"children of {parent_id}: {found}, should be {expected}"

    def _wants(self, entity: Entity) -> bool:
        return not self.entity_types or entity.entity_type in self.entity_types


class _PartialTree(Tree):
    """A tree of some entity types only: parents may be missing, since nobody sends them."""

    def structure(self, course_id: str, published_version: str = "") -> Structure:
        children = {parent: tuple(kids) for parent, kids in self.children.items() if kids}
        return Structure(course_id, published_version, dict(self.entities), children)

    def _require(self, entity_id: str | None) -> None:
        """Every parent is good."""


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
