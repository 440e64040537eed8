"""One handler per entity type: which blocks it claims, which of their fields count, how a change becomes an operation.

Built-in and foreign types come in by the same door, the entry point group ``course_sync_plugin.entity_type``.
The tables of fields below are the allow-list of the contract: what is not named here never leaves the site.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Operation
from course_sync_plugin.registry import Registry

#: Raise it when a field is added below and give the field that version: it is then baselined silently.
FIELD_SET_VERSION = 1


@attrs.frozen
class Field:
    """An allow-listed field, named as the XBlock names it.

    ``kind`` is how its value is written down (see :mod:`course_sync_plugin.structure.values`).
    ``effective``: the value that holds, inherited from above where the block sets none; otherwise only what the
    block itself sets. ``since``: the version of the field set that brought it.
    """

    kind: str
    effective: bool = False
    since: int = 1


TEXT, BOOLEAN, INTEGER, NUMBER, DATE, DURATION, OBJECT = (
    Field(kind) for kind in ("text", "boolean", "integer", "number", "date", "duration", "object")
)


def effective(field: Field) -> Field:
    """Return the field as one whose inherited value counts."""
    return attrs.evolve(field, effective=True)


@attrs.frozen
class EntityHandler:
    """Turns changed entities of one type into operations.

    ``block_types`` are the block types it claims; a handler without any claims whatever no other did. Handlers are
    asked in the order of ``rank``, so the chain runs from course to component.
    """

    entity_type: str
    fields: Mapping[str, Field]
    block_types: frozenset[str] = attrs.field(converter=frozenset, default=frozenset())
    rank: int = 25

    def claims(self, block_type: str) -> bool:
        """Tell whether blocks of this type are entities of ours."""
        return not self.block_types or block_type in self.block_types

    def create(self, entity: Entity, index: int | None, after_id: str | None) -> Operation:
        """Return the creation: all fields, and its place."""
        return self._operation("create", entity, entity.parent_id, index, after_id, fields=entity.fields)

    def move(self, old_place: Mapping[str, Any], new: Entity, index: int, after_id: str | None) -> Operation:
        """Return the move to a new place; ``old_place`` holds ``parent_id`` and ``index``."""
        return self._operation("move", new, new.parent_id, index, after_id, previous=old_place)

    def update(self, old: Entity, new: Entity) -> Operation:
        """Return the update of the fields that differ; None stands for a value that is not set."""
        names = [name for name in {**old.fields, **new.fields} if old.fields.get(name) != new.fields.get(name)]
        fields = {name: new.fields.get(name) for name in names}
        previous = {name: old.fields.get(name) for name in names}
        return self._operation("update", new, fields=fields, previous=previous)

    def delete(self, entity: Entity, index: int | None) -> Operation:
        """Return the deletion: what was there, fields and place, in ``previous``."""
        place = {} if entity.parent_id is None else {"parent_id": entity.parent_id, "index": index}
        return self._operation("delete", entity, previous={**entity.fields, **place})

    @staticmethod
    def _operation(operation: str, entity: Entity, *place: Any, **values: Any) -> Operation:
        return Operation(operation, entity.entity_type, entity.entity_id, entity.block_type, *place, **values)


_PLANNED = {
    "display_name": TEXT,
    "start": effective(DATE),
    "due": effective(DATE),
    "graded": effective(BOOLEAN),
    "format": TEXT,
}
_VISIBILITY = {
    "visible_to_staff_only": effective(BOOLEAN),
    "hide_from_toc": effective(BOOLEAN),
    "group_access": effective(OBJECT),
}

COURSE = EntityHandler(
    "course",
    rank=10,
    block_types={"course"},
    fields={
        "display_name": TEXT,
        "start": DATE,
        "end": DATE,
        "enrollment_start": DATE,
        "enrollment_end": DATE,
        "advertised_start": TEXT,
        "self_paced": BOOLEAN,
        "language": TEXT,
        "catalog_visibility": TEXT,
        "invitation_only": BOOLEAN,
        "graceperiod": DURATION,
        "visible_to_staff_only": BOOLEAN,
    },
)
SECTION = EntityHandler("section", rank=20, block_types={"chapter"}, fields={**_PLANNED, **_VISIBILITY})
SUBSECTION = EntityHandler(
    "subsection",
    rank=30,
    block_types={"sequential"},
    fields={
        **_PLANNED,
        **_VISIBILITY,
        "relative_weeks_due": effective(INTEGER),
        "show_correctness": effective(TEXT),
        "hide_after_due": BOOLEAN,
        "is_time_limited": BOOLEAN,
        "default_time_limit_minutes": INTEGER,
    },
)
UNIT = EntityHandler("unit", rank=40, block_types={"vertical"}, fields={"display_name": TEXT, **_VISIBILITY})
COMPONENT = EntityHandler(
    "component",
    rank=1000,
    fields={
        "display_name": TEXT,
        "weight": NUMBER,
        "max_attempts": INTEGER,
        "visible_to_staff_only": BOOLEAN,
        "group_access": OBJECT,
        "content_digest": TEXT,
    },
)

entity_types = Registry("course_sync_plugin.entity_type")


@lru_cache(maxsize=1)
def chain() -> tuple[EntityHandler, ...]:
    """Return every registered handler, course first."""
    return tuple(sorted(entity_types.all(), key=lambda handler: (handler.rank, handler.entity_type)))


@cache
def handler_for(block_type: str) -> EntityHandler:
    """Return the first handler of the chain that claims a block type."""
    return next(handler for handler in chain() if handler.claims(block_type))
