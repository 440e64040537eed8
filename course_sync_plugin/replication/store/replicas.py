"""Stores what a linked system is known to hold of an entity."""

from __future__ import annotations

from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.ledger.vectors import VersionVector
from course_sync_plugin.models import DatabaseNow, LedgerReplica, Link, digest_of
from course_sync_plugin.replication.merge.replica import Replica
from course_sync_plugin.replication.store.as_json import (
    conflicts_from_json,
    conflicts_to_json,
    sides_from_json,
    sides_to_json,
)

#: The note of a row whose objects are being deleted: the answer to a deletion may be lost.
BEING_DELETED = "It is being deleted."


def find_row(link: Link, entity_id: str) -> LedgerReplica | None:
    """Return the row of an entity at a linked system, or None."""
    return LedgerReplica.objects.filter(link=link, id_digest=digest_of(entity_id)).first()


def find_or_make_row(link: Link, entity: Entity) -> LedgerReplica:
    """Return the row of an entity at a linked system. A new one has no objects yet."""
    names = {"entity_id": entity.entity_id, "entity_type": entity.entity_type}
    return LedgerReplica.objects.get_or_create(link=link, id_digest=digest_of(entity.entity_id), defaults=names)[0]


def replica_of(row: LedgerReplica, site: str, kind: str) -> Replica:
    """Return the state that a row holds. ``site``, ``kind``: the name of the site in vectors, and its kind."""
    return Replica(
        site,
        kind,
        VersionVector(row.vector),
        row.base,
        sides_from_json(row.known),
        conflicts_from_json(row.conflicts, row.entity_type, row.entity_id),
        sides_from_json(row.sent),
        row.read_back,
    )


def save_replica(row: LedgerReplica, replica: Replica, **values: Any) -> None:
    """Store a state in its row. ``values`` are written in the same UPDATE."""
    columns = {
        "vector": dict(replica.vector.counters),
        "base": dict(replica.base),
        "known": sides_to_json(replica.known),
        "conflicts": conflicts_to_json(replica.conflicts),
        "sent": sides_to_json(replica.sent),
        "read_back": dict(replica.read_back),
        **values,
    }
    update_row(row, **columns)


def update_row(row: LedgerReplica, **columns: Any) -> None:
    """Write columns of a row, and set them on the object too."""
    LedgerReplica.objects.filter(pk=row.pk).update(**columns)
    for name, value in columns.items():
        setattr(row, name, value)


def mark_deleted_there(row: LedgerReplica) -> None:
    """Note that somebody has deleted the entity at the linked system."""
    LedgerReplica.objects.filter(pk=row.pk, deleted_at=None).update(deleted_at=DatabaseNow())
    row.refresh_from_db()
