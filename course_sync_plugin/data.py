"""The frozen types that travel between the rooms. No Django, no I/O.

The words are those of the documentation: entity, structure, operation, envelope. Identifiers are strings
here (``str(course_key)``, ``str(usage_key)`` without branch and version); the doors parse and check them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import attrs

#: Every message carries it; the schema is ``docs/schema/operations-v1.json``.
SCHEMA_VERSION = 1

#: Characters of a course key or a usage key: what the platform's key columns hold, and ours.
LONGEST_KEY = 255

NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen(slots=True)
class Entity:
    """A thing kept in step: one block of a course, or the course itself.

    ``fields`` holds the allow-listed fields that are set (``course_sync_plugin.diff.handlers``); what is not
    set is absent. ``parent_id`` is None for the course alone.
    """

    entity_id: str
    entity_type: str
    block_type: str
    parent_id: str | None
    fields: Mapping[str, Any] = NOTHING


@attrs.frozen(slots=True)
class Structure:
    """One published version of a course as a tree of entities.

    ``entities`` is in document order, the course first; ``children`` names the children of every entity
    that has some, in their order. ``unreadable`` holds the entities some of whose children could not be read
    (an ``error`` block, an XBlock that is not installed): what is missing there is not gone.
    ``published_version`` is the version that was really read.
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
        """Tell whether both hold the same entities, fields and places, whatever their version."""
        return self.entities == other.entities and self.children == other.children

    def places(self) -> Iterator[tuple[Entity, int | None]]:
        """Yield every entity in document order with its index among its siblings (None for the course)."""
        index: dict[str, int] = {}
        for siblings in self.children.values():
            index.update(zip(siblings, range(len(siblings))))
        for entity in self.entities.values():
            yield entity, index.get(entity.entity_id)

    @classmethod
    def empty(cls, course_id: str, published_version: str = "") -> Structure:
        """Return the structure of a course that is not there (never seen, or deleted)."""
        return cls(course_id, published_version, {}, {})


def utc_text(moment: datetime, timespec: str = "seconds") -> str:
    """Write a date and time in UTC, as ``2026-02-02T00:00:00Z``; one without time zone is UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec=timespec).replace("+00:00", "Z")


def new_operation_id() -> str:
    """Return a fresh operation id, the idempotency key of receivers."""
    return str(uuid.uuid4())


@attrs.frozen(slots=True)
class Operation:
    """One create, update, move or delete of one entity: what travels, key by key as in the contract.

    ``previous`` holds the old values: the changed fields of an update (None = was absent), ``parent_id`` and
    ``index`` of a move, fields and place of a delete.
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
        """Return the operation as the contract writes it: every key, in the contract's order."""
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
        """Build an operation from the contract's keys."""
        return cls(**values)


@attrs.frozen
class Message:
    """What a target is handed to send: one envelope, frozen.

    ``message_id`` and ``body`` (UTF-8 JSON) are the same at every attempt; ``operation_ids`` are those inside it.
    """

    message_id: str
    body: bytes
    course_id: str
    operation_ids: tuple[str, ...]


@attrs.frozen
class FailedOperation:
    """One operation a receiver reported as failed. ``retry`` says that the receiver wants to see it again."""

    operation_id: str
    reason: str
    retry: bool = False


@attrs.frozen
class Answer:
    """A receiver's answer to an envelope it accepted: everything worked but ``failed``.

    ``warning``: what of its report of failures could not be understood, and so counts as none; a sentence for the
    operator that holds no content. Empty for nearly all answers, also for those that are no report.
    """

    failed: tuple[FailedOperation, ...] = ()
    warning: str = ""
