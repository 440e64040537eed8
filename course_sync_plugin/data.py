"""Frozen types that all packages of the plugin share. No Django, no I/O.

Their names are the terms of the documentation: entity, structure, operation, envelope. Identifiers are strings here
(``str(course_key)``, ``str(usage_key)`` without branch and version); commands and receivers parse and check them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs

#: The version of the message format, sent in every message; the schema is ``docs/schema/operations-v1.json``.
SCHEMA_VERSION = 1

#: The most characters of a course key or a usage key: the length of the platform's key columns and of ours.
LONGEST_KEY = 255

NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen(slots=True)
class Entity:
    """One block of a course, or the course itself.

    ``fields`` holds the allow-listed fields that are set (``course_sync_plugin.diff.handlers``); a field that is
    not set is absent. ``parent_id`` is None only for the course.
    """

    entity_id: str
    entity_type: str
    block_type: str
    parent_id: str | None
    fields: Mapping[str, Any] = NOTHING


@attrs.frozen(slots=True)
class Structure:
    """One published version of a course as a tree of entities.

    ``entities`` maps entity ids to entities in document order, the course first. ``children`` maps the id of each
    entity that has children to their ids, in order. ``unreadable`` holds the ids of entities of which a child could
    not be read (an ``error`` block, an XBlock that is not installed): a child that is missing there is not deleted.
    ``published_version`` is the version that was read.
    """

    course_id: str
    published_version: str
    entities: Mapping[str, Entity]
    children: Mapping[str, tuple[str, ...]]
    unreadable: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entities)

    def same_course_as(self, other: Structure) -> bool:
        """Tell whether both hold the same entities, fields and places. Their versions may differ."""
        return self.entities == other.entities and self.children == other.children

    def children_of(self, parent_id: str | None) -> tuple[str, ...]:
        """Return the ids of an entity's children in their order. None, the parent of the course, has none."""
        return () if parent_id is None else self.children.get(parent_id, ())

    def places(self) -> Iterator[tuple[Entity, int | None]]:
        """Yield every entity in document order with its index among its siblings (None for the course)."""
        index: dict[str, int] = {}
        for siblings in self.children.values():
            index.update(zip(siblings, range(len(siblings))))
        for entity in self.entities.values():
            yield entity, index.get(entity.entity_id)

    @classmethod
    def empty(cls, course_id: str, published_version: str = "") -> Structure:
        """Return a structure without entities: that of a course that was never recorded, or is deleted."""
        return cls(course_id, published_version, {}, {})


def utc_text(moment: datetime, timespec: str = "seconds") -> str:
    """Return a date and time as text in UTC, like ``2026-02-02T00:00:00Z``. One without a time zone counts as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec=timespec).replace("+00:00", "Z")


def new_operation_id() -> str:
    """Return a new operation id (a UUID). Receivers use it as the idempotency key."""
    return str(uuid.uuid4())


@attrs.frozen(slots=True)
class Operation:
    """One create, update, move or delete of one entity. Its attributes are the keys of the JSON contract.

    ``previous`` holds the old values: for an update the changed fields (None: the field was absent), for a move
    ``parent_id`` and ``index``, for a delete the fields and the place.
    """

    operation: str
    entity_type: str
    entity_id: str
    block_type: str
    parent_id: str | None = None
    index: int | None = None
    after_id: str | None = None
    fields: Mapping[str, Any] = NOTHING
    previous: Mapping[str, Any] = NOTHING
    id: str = attrs.field(factory=new_operation_id, eq=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the operation as the JSON contract has it: with every key, in the order of the contract."""
        return {
            "id": self.id,
            "operation": self.operation,
            "entity_type": self.entity_type,
            "entity_id": self.entity_id,
            "block_type": self.block_type,
            "parent_id": self.parent_id,
            "index": self.index,
            "after_id": self.after_id,
            "fields": dict(self.fields),
            "previous": dict(self.previous),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Operation:
        """Build an operation from a dictionary with the keys of the JSON contract."""
        return cls(**values)


@attrs.frozen
class Message:
    """One frozen envelope, in the form in which a target sends it.

    ``message_id`` and ``body`` (UTF-8 JSON) are the same at every attempt. ``operation_ids`` are the ids of the
    operations in the body.
    """

    message_id: str
    body: bytes
    course_id: str
    operation_ids: tuple[str, ...]


@attrs.frozen
class FailedOperation:
    """One operation that a receiver reported as failed. ``retry``: the receiver asks for the operation again."""

    operation_id: str
    reason: str
    retry: bool = False


@attrs.frozen
class Exchange:
    """A request and the answer of another system, in the form in which they are stored. It holds no secret of ours.

    ``status``: the HTTP status, or None if there was no answer, or the other system has none. ``head``: headers of the
    answer that are no secret, on one line. ``body``: the beginning of the body. ``request``: the method, the address
    and headers of the request, on one line; empty if they are not known.
    """

    status: int | None = None
    head: str = ""
    body: str = ""
    request: str = ""


@attrs.frozen
class Answer:
    """A receiver's answer to an envelope that it accepted. All operations worked except those in ``failed``.

    ``warning`` is a sentence for the operator about a part of the failure report that could not be understood; that
    part is ignored. The sentence holds no course content. It is empty if all was understood, and for an answer that
    is no failure report.

    ``exchange``: what is stored of the answer, for operators. A target may leave it out; it decides nothing.
    """

    failed: tuple[FailedOperation, ...] = ()
    warning: str = ""
    exchange: Exchange | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(slots=True)
class HeldEntity:
    """One entity as a receiver says that it holds it.

    ``index``: its place among its siblings; only the order of these numbers counts. ``digest``: the digest of its types
    and fields (``course_sync_plugin.structure.digest.entity_digest``).
    """

    parent_id: str | None
    index: int
    digest: str


@attrs.frozen
class HeldCourse:
    """One course as a receiver says that it holds it.

    ``sequence``: that of the last envelope that it carried out; 0 if there was none. ``entities``: by entity id.
    """

    published_version: str
    sequence: int
    entities: Mapping[str, HeldEntity]
