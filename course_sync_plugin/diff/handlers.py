"""Defines a handler for each entity type: its block types, its fields, and how a change becomes an operation.

Built-in types and those of other packages are registered in the same way, by the entry point group
``course_sync_plugin.entity_type``. The tables of fields below are the allow-list of the contract: a field that is not
named here never leaves the site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Operation
from course_sync_plugin.registry import Registry

#: The version of the field set. Increase it when you add a field below, and set ``since`` of the field to the new
#: version: then the values that courses already have are recorded without an operation.
FIELD_SET_VERSION = 1


@attrs.frozen
class Field:
    """An allow-listed field, named as the XBlock names it.

    ``kind``: the kind of its value, which decides how it is written (:mod:`course_sync_plugin.structure.values`).
    ``effective``: if true, the value may be inherited from an ancestor; if false, only a value that the block itself
    sets counts. ``since``: the first version of the field set that has the field.
    """

    kind: str
    effective: bool = False
    since: int = 1


TEXT, BOOLEAN, INTEGER, NUMBER, DATE, DURATION, OBJECT = (
    Field(kind) for kind in ("text", "boolean", "integer", "number", "date", "duration", "object")
)


def effective(field: Field) -> Field:
    """Return a copy of the field with an inherited value allowed."""
    return attrs.evolve(field, effective=True)


def _frozen(block_types: Iterable[str]) -> frozenset[str]:
    return frozenset(block_types)


@attrs.frozen
class EntityHandler:
    """Turns changed entities of one type into operations.

    ``block_types``: the block types that it claims; a handler without block types claims all that no other handler has
    claimed. ``rank``: handlers are asked in this order, from course to component.
    """

    entity_type: str
    fields: Mapping[str, Field]
    block_types: frozenset[str] = attrs.field(converter=_frozen, default=frozenset())
    rank: int = 25

    def claims(self, block_type: str) -> bool:
        """Tell whether this handler is responsible for blocks of this type."""
        return not self.block_types or block_type in self.block_types

    def outside_content(self) -> frozenset[str]:
        """Return the fields that ``content_digest`` does not cover: those of the first version of the field set.

        It covers a field that a later version brings. So a new field changes no digest of content that did not change.
        """
        return frozenset(name for name, field in self.fields.items() if field.since == 1)

    def create(self, entity: Entity, index: int | None, after_id: str | None) -> Operation:
        """Return the create: all fields and the place."""
        return self._operation("create", entity, entity.parent_id, index, after_id, fields=entity.fields)

    def move(self, old_place: Mapping[str, Any], new: Entity, index: int | None, after_id: str | None) -> Operation:
        """Return the move to a new place. ``old_place`` has the keys ``parent_id`` and ``index``."""
        return self._operation("move", new, new.parent_id, index, after_id, previous=old_place)

    def update(self, old: Entity, new: Entity) -> Operation:
        """Return the update of the fields that differ. None means that a value is not set."""
        names = [name for name in {**old.fields, **new.fields} if old.fields.get(name) != new.fields.get(name)]
        fields = {name: new.fields.get(name) for name in names}
        previous = {name: old.fields.get(name) for name in names}
        return self._operation("update", new, fields=fields, previous=previous)

    def delete(self, entity: Entity, index: int | None) -> Operation:
        """Return the delete, with the old fields and the old place in ``previous``."""
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
    """Return every registered handler in the order of ``rank``, course first."""
    return tuple(sorted(entity_types.all(), key=lambda handler: (handler.rank, handler.entity_type)))


@cache
def handler_for(block_type: str) -> EntityHandler:
    """Return the handler for a block type: the first of the chain that claims it."""
    return next(handler for handler in chain() if handler.claims(block_type))
