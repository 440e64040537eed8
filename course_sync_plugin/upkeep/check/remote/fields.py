"""Finds fields whose values differ between the ledger, the linked system and Open edX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from course_sync_plugin.data import Entity
from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.outbound.late_reads import without_late_reads
from course_sync_plugin.replication.store.replicas import replica_of
from course_sync_plugin.targets.two_way.site import Gone
from course_sync_plugin.upkeep.check.remote.drift import Compared, Drift, listed


def find_in_fields(compared: Compared, entity: Entity, row: LedgerReplica) -> Iterator[Drift]:
    """Yield the fields that differ; or the entity itself, if its objects are not there any more."""
    carry = compared.carry
    try:
        remote = carry.site.read(entity, row.base)
        entity = carry.with_content(entity)
    except Gone as gone:
        yield Drift(
            "not-recreated" if carry.recreate else "deleted", entity.entity_id, {"parts": listed(sorted(gone.parts))}
        )
        return
    replica = replica_of(row, carry.link.site, carry.site.kind)
    remote = without_late_reads(carry, entity, row.replaced, replica, remote)
    for field in sorted(row.base.keys() & remote.keys() & carry.shared(entity).keys()):
        known = replica.known[field].value if field in replica.known else None
        kind = _kind(compared, entity, field, remote[field], row.base[field], known)
        if kind:
            seen = (remote[field], row.base[field], known, entity.fields.get(field))
            yield Drift(kind, entity.entity_id, {"field": field}, seen)


def _kind(compared: Compared, entity: Entity, field: str, there: Any, base: Any, known: Any) -> str:
    """Return the kind of the difference in one field; empty if there is none that counts.

    A site may have another form of the same value: the title of a topic says where it is, too.
    """
    site, here = compared.carry.site, entity.fields.get(field)
    value = site.ours(entity, field, there)
    if value == here:
        return "" if known == here and (there == base or site.ours(entity, field, base) == here) else "ledger"
    if there != base:
        return "edited"
    if (entity.entity_id, field) in compared.waiting.fields:
        return ""
    return "" if compared.waiting.accepts(compared.carry, entity.entity_id, field, value) else "not-written"
