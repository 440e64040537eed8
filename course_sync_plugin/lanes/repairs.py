"""What brings a receiver in line for the entities it has problems with: planned from what they are now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.handlers import handler_for

_PLACE = ("parent_id", "index")


@attrs.frozen
class Undone:
    """An operation to be made up for. ``misplaced``: it was carried out, beside a sibling that was not in its place."""

    operation: Operation
    misplaced: bool = False


@attrs.define
class Doubt:
    """What is not certain of an entity at the receiver, as its undone operations tell.

    One that was refused may have been carried out all the same, by an attempt without an answer. So nothing is
    concluded from what the receiver should hold; where in doubt it is told once more.

    ``exists``: whether it is there at all. ``fields``: those that may differ, with what they were. ``place``: where it
    was, if that may differ.
    """

    exists: bool = False
    fields: dict[str, Any] = attrs.field(factory=dict)
    place: Mapping[str, Any] | None = None

    def learn(self, undone: Undone) -> None:
        """Take in one more operation; the first that names a field or a place tells what it was."""
        operation = undone.operation
        if undone.misplaced:
            self._was_at({"parent_id": operation.parent_id, "index": operation.index})
            return
        self.exists |= operation.operation in ("create", "delete")
        if operation.operation == "update":
            self.fields = {**operation.previous, **self.fields}
        elif operation.operation in ("move", "delete"):
            self._was_at(operation.previous)

    def _was_at(self, place: Mapping[str, Any]) -> None:
        if self.place is None and place.get("parent_id") is not None:
            self.place = {name: place[name] for name in _PLACE}


def repairs(now: Structure, undone: Sequence[Undone]) -> list[Operation]:
    """Return operations that make up for ``undone`` ones, in the order of every run.

    ``now`` is the course as recorded; ``undone`` is in the order of the journal. A create may name what is there
    already, and a delete what is not.
    """
    doubts: dict[str, Doubt] = {}
    for one in undone:
        doubts.setdefault(one.operation.entity_id, Doubt()).learn(one)
    return [*_placed(now, doubts), *_updated(now, doubts), *_deleted(now, doubts, undone)]


def _placed(now: Structure, doubts: Mapping[str, Doubt]) -> Iterator[Operation]:
    for entity, index in now.places():
        doubt = doubts.get(entity.entity_id)
        if doubt is None:
            continue
        after_id = now.children[entity.parent_id][index - 1] if index else None
        handler = handler_for(entity.block_type)
        if doubt.exists:
            yield handler.create(entity, index, after_id)
        elif doubt.place:
            yield handler.move(doubt.place, entity, index, after_id)


def _updated(now: Structure, doubts: Mapping[str, Doubt]) -> Iterator[Operation]:
    for entity_id, entity in now.entities.items():
        doubt = doubts.get(entity_id)
        if doubt and doubt.fields and not doubt.exists:
            fields = {name: entity.fields.get(name) for name in doubt.fields}
            yield Operation(
                "update", entity.entity_type, entity_id, entity.block_type, fields=fields, previous=doubt.fields
            )


def _deleted(now: Structure, doubts: Mapping[str, Doubt], undone: Sequence[Undone]) -> Iterator[Operation]:
    """Deletions as the journal has them, children first, each with the place where the receiver holds the entity."""
    deletes = {one.operation.entity_id: one.operation for one in undone if one.operation.operation == "delete"}
    for entity_id, delete in deletes.items():
        if entity_id not in now.entities:
            previous = {**delete.previous, **(doubts[entity_id].place or {})}
            yield Operation("delete", delete.entity_type, entity_id, delete.block_type, previous=previous)
