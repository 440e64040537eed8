"""Looks at an entity that Open edX has deleted, before its objects are deleted: somebody may have edited them there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from course_sync_plugin.data import Entity
from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.ledger.vectors import Relation
from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.merge.fields import Decision, Reason
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.late_reads import wait_for_late_reads, without_late_reads
from course_sync_plugin.replication.store import conflicts
from course_sync_plugin.replication.store.as_json import sides_from_json
from course_sync_plugin.replication.store.replicas import replica_of, update_row
from course_sync_plugin.replication.strategies.base import OPENEDX, Choice, Conflict, Side
from course_sync_plugin.targets.two_way.site import Gone

_LEFT = "Somebody has changed it there since it was last looked at."


def look_before_deletion(carry: Carry, row: LedgerReplica) -> None:
    """Keep an edit that nobody has seen yet as a conflict. If the strategy does not take the side of Open edX, let go.

    What is let go is left there and is not ours any more. Raises the errors of ``Target.send``.
    """
    remote = _read(carry, row) if row.objects_there else {}
    edits = _unseen_edits(carry, row, remote)
    if not edits:
        return
    name, strategy = carry.strategy_for(row.entity_type)
    choices = {field: strategy.choose(one) for field, one in edits.items()}
    is_deleted = all(choice is Choice.OURS for choice in choices.values())
    taken = Choice.OURS if is_deleted else Choice.THEIRS
    decisions = {field: Decision(one, taken, Reason.DELETED) for field, one in edits.items()}
    with transaction.atomic():
        conflicts.record(carry.link, carry.site.kind, decisions, Relation.CONCURRENT, name)
        if is_deleted:
            update_row(row, base={**row.base, **remote})  # so that the same edit is not kept again
        else:
            carry.save_objects(row, {}, note=_LEFT)


def _read(carry: Carry, row: LedgerReplica) -> Mapping[str, Any]:
    """Return the fields as the site has them, in its terms; nothing if the objects are gone."""
    try:
        remote = carry.site.read_before_removal(_entity(row), row.base)
    except Gone as gone:
        wait_for_late_reads(carry)
        left = {part: one for part, one in row.objects_there.items() if part not in gone.parts}
        if not left or left == row.objects_there:
            return {}
        carry.save_objects(row, left)
        return _read(carry, row)
    replica = replica_of(row, carry.link.site, carry.site.kind)
    return without_late_reads(carry, _entity(row), row.replaced, replica, remote)


def _entity(row: LedgerReplica) -> Entity:
    """Return the entity as the site was known to have it."""
    fields = {name: side.value for name, side in sides_from_json(row.known).items()}
    return Entity(row.entity_id, row.entity_type, "", None, fields)


def _unseen_edits(carry: Carry, row: LedgerReplica, remote: Mapping[str, Any]) -> dict[str, Conflict]:
    """Return what somebody else wrote, by field: neither what was known nor what we sent last."""
    entity, sent, clock = _entity(row), sides_from_json(row.sent), carry.clock()
    changed = {name: carry.site.ours(entity, name, one) for name, one in remote.items() if one != row.base[name]}
    here, there = Side(None, Stamp(clock, OPENEDX), OPENEDX), (Stamp(clock, carry.link.site), carry.site.kind)
    names = (row.entity_type, row.entity_id)
    return {
        name: Conflict(*names, name, entity.fields.get(name), here, Side(value, *there))
        for name, value in changed.items()
        if name not in sent or sent[name].value != value
    }
