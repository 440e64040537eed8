"""Plans repairs: operations that correct the entities that a receiver has problems with. Pure: no database.

A repair is planned from the entities as they are recorded now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.handlers import handler_for

_PLACE = ("parent_id", "index")


@attrs.frozen
class Undone:
    """An operation that a repair must correct. ``misplaced``: it was applied, after a sibling not in its place."""

    operation: Operation
    misplaced: bool = False


@attrs.define
class Doubt:
    """The facts about an entity at the receiver that are uncertain, derived from its undone operations.

    The receiver may have applied an operation that it refused, in an earlier attempt without an answer. So a repair
    does not rely on what the receiver should have; it sends every uncertain fact again.

    ``exists``: it is uncertain whether the entity exists. ``fields``: the fields that may differ, with their old
    values. ``place``: the old place (``parent_id``, ``index``) if the place may differ, else None.
    """

    exists: bool = False
    fields: dict[str, Any] = attrs.field(factory=dict)
    place: Mapping[str, Any] | None = None

    def learn(self, undone: Undone) -> None:
        """Add one operation. The first operation that names a field or the place gives its old value."""
        operation = undone.operation
        if undone.misplaced:
            self._note_place({"parent_id": operation.parent_id, "index": operation.index})
            return
        self.exists |= operation.operation in ("create", "delete")
        if operation.operation == "update":
            self.fields = {**operation.previous, **self.fields}
        elif operation.operation in ("move", "delete"):
            self._note_place(operation.previous)

    def _note_place(self, place: Mapping[str, Any]) -> None:
        if self.place is None and place.get("parent_id") is not None:
            self.place = {name: place[name] for name in _PLACE}


def repairs(now: Structure, undone: Sequence[Undone], lacking: Collection[str] = ()) -> list[Operation]:
    """Return the operations that correct the ``undone`` ones, in the order that every run has.

    ``now``: the course as recorded. ``undone``: in the order of the journal. ``lacking``: the ids of entities that the
    receiver may lack for another reason (:mod:`course_sync_plugin.lanes.skipped`); they are created. A create may name
    an entity that the receiver already has, and a delete may name one that it does not have.
    """
    doubts = {entity_id: Doubt(exists=True) for entity_id in lacking}
    for one in undone:
        doubts.setdefault(one.operation.entity_id, Doubt()).learn(one)
    return [*_placed(now, doubts), *_updated(now, doubts), *_deleted(now, doubts, undone)]


def _placed(now: Structure, doubts: Mapping[str, Doubt]) -> Iterator[Operation]:
    for entity, index in now.places():
        doubt = doubts.get(entity.entity_id)
        if doubt is None:
            continue
        after_id = now.children_of(entity.parent_id)[index - 1] if index else None
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
    """Yield the deletions in the order of the journal, children first, each with the entity's place at the receiver."""
    deletes = {one.operation.entity_id: one.operation for one in undone if one.operation.operation == "delete"}
    for entity_id, delete in deletes.items():
        if entity_id not in now.entities:
            previous = {**delete.previous, **(doubts[entity_id].place or {})}
            yield Operation("delete", delete.entity_type, entity_id, delete.block_type, previous=previous)
