"""Stores what is wanted of an entity, and what Open edX is known to have of it, in one row.

The row is locked while it is changed, so two workers never merge the same entity at the same time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import attrs
from django.db.models import F

from course_sync_plugin.data import Entity
from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.ledger.vectors import VersionVector
from course_sync_plugin.models import Course, LedgerEntity, digest_of
from course_sync_plugin.replication.merge.replica import Replica, Wanted
from course_sync_plugin.replication.store.as_json import (
    conflicts_from_json,
    conflicts_to_json,
    sides_from_json,
    sides_to_json,
)
from course_sync_plugin.replication.strategies.base import OPENEDX, Side


@attrs.frozen
class Stored:
    """The states of an entity, and its row, which is locked until the transaction ends.

    ``openedx``: Open edX as a site. Its ``known`` is what it had at the last look.
    """

    row: LedgerEntity
    wanted: Wanted
    openedx: Replica


def lock_entity(course: Course, entity: Entity, fields: Collection[str], clock: int) -> Stored:
    """Lock the row of an entity and return its states. A new entity, or a new field, begins as Open edX has it.

    Call it in a transaction. ``fields``: the names that are shared. ``clock``: milliseconds since 1970 (UTC).
    """
    row = _locked_row(course, entity)
    sides, known = sides_from_json(row.sides), sides_from_json(row.openedx_sides)
    new = {name: Side(entity.fields.get(name), Stamp(clock, OPENEDX), OPENEDX) for name in fields if name not in known}
    vector = VersionVector(row.openedx_vector or {OPENEDX: 1})
    wanted = VersionVector(row.vector or {OPENEDX: 1})
    known |= new
    values = {name: side.value for name, side in known.items()}
    return Stored(
        row,
        Wanted(entity.entity_type, entity.entity_id, wanted, new | sides),
        Replica(
            OPENEDX,
            OPENEDX,
            vector,
            values,
            known,
            conflicts_from_json(row.openedx_conflicts, entity.entity_type, entity.entity_id),
            sides_from_json(row.openedx_sent),
            row.openedx_read_back,
        ),
    )


def save_entity(row: LedgerEntity, wanted: Wanted, openedx: Replica) -> None:
    """Store the states of a locked row, if they differ from what it holds."""
    values: Mapping[str, Any] = {
        "vector": dict(wanted.vector.counters),
        "sides": sides_to_json(wanted.sides),
        "openedx_vector": dict(openedx.vector.counters),
        "openedx_sides": sides_to_json(openedx.known),
        "openedx_conflicts": conflicts_to_json(openedx.conflicts),
        "openedx_sent": sides_to_json(openedx.sent),
        "openedx_read_back": dict(openedx.read_back),
    }
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        LedgerEntity.objects.filter(pk=row.pk).update(**changed)


def _locked_row(course: Course, entity: Entity) -> LedgerEntity:
    """Return the row of an entity, made if it is missing, and locked. An UPDATE locks it on every database."""
    digest = digest_of(entity.entity_id)
    rows = LedgerEntity.objects.filter(course=course, id_digest=digest)
    if not rows.update(locks=F("locks") + 1):
        names = {"entity_id": entity.entity_id, "entity_type": entity.entity_type}
        LedgerEntity.objects.get_or_create(course=course, id_digest=digest, defaults=names)
        rows.update(locks=F("locks") + 1)
    return rows.get()
