"""Mends the differences of one link, with what the replication does anyway: looks, and operations for its lane."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import attrs
from django.db import transaction

from course_sync_plugin.data import Operation
from course_sync_plugin.keys import block_type_of
from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.inbound.look import look
from course_sync_plugin.replication.inbound.send_again import append_repair, look_again
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.create import settle_intents, take_over
from course_sync_plugin.replication.outbound.looks import look_at_openedx
from course_sync_plugin.replication.store import proposals
from course_sync_plugin.replication.store.replicas import find_row, replica_of, save_replica
from course_sync_plugin.replication.store.trees import known_places, save_known
from course_sync_plugin.replication.strategies.base import OPENEDX, Side
from course_sync_plugin.upkeep.check.remote.drift import Drift
from course_sync_plugin.upkeep.check.remote.kinds import UNDECIDED, Action

#: The operation that makes the lane carry out an action.
_OPERATIONS = {
    Action.BRING: "update",
    Action.REWRITE: "update",
    Action.TAKE_OVER: "move",
    Action.PLACE: "move",
}


def carry_out(carry: Carry, drifts: Sequence[Drift]) -> None:
    """Mend what was found. The caller holds the lane, and has just compared. Raises the errors of ``Target.send``."""
    actions = {action: [one for one in drifts if one.action is action] for action in Action}
    for one in actions[Action.DISOWN]:
        _disown(carry, one)
    for one in actions[Action.TAKE_OVER]:
        _take_over(carry, one)
    for one in actions[Action.REWRITE]:
        _rewrite(carry, one)
    _expect(carry, [one.entity_id for one in drifts if one.action in (Action.BRING, Action.TAKE_OVER)])
    if actions[Action.LOOK]:
        look(carry)
    elif any(one.kind == "open-creation" for one in drifts):
        settle_intents(carry)
    append_repair(carry.link, list(_operations(carry, drifts)))


def _disown(carry: Carry, drift: Drift) -> None:
    """Forget the objects of another entity. A row that has none left, of an entity that is gone, is deleted."""
    row = find_row(carry.link, drift.entity_id)
    if row is None:
        return
    objects = {part: one for part, one in row.objects_there.items() if part not in drift.seen}
    if objects or drift.entity_id in carry.tree:
        LedgerReplica.objects.filter(pk=row.pk).update(objects_there=objects)
    else:
        row.delete()


def _take_over(carry: Carry, drift: Drift) -> None:
    entity = carry.tree.entity(drift.entity_id)
    for part, there in drift.found.items():
        if entity:
            take_over(carry, entity, part, there)


def _rewrite(carry: Carry, drift: Drift) -> None:
    """Store what the site has in a field as known, and as made by nobody there. Then a write is not held back.

    If what is wanted is that value, it was accepted from there, and its proposal was lost: it is made again.
    """
    entity, row, field = (
        carry.tree.entity(drift.entity_id),
        find_row(carry.link, drift.entity_id),
        drift.values["field"],
    )
    if entity is None or row is None:
        return
    field, there = drift.values["field"], drift.seen[0]
    entity = carry.with_content(entity)
    side = Side(carry.site.ours(entity, field, there), Stamp(0, OPENEDX), OPENEDX)
    with transaction.atomic():
        stored = look_at_openedx(carry, entity)
        replica = replica_of(row, carry.link.site, carry.site.kind)
        conflicts = {name: one for name, one in replica.conflicts.items() if name != field}
        sent = {name: one for name, one in replica.sent.items() if name != field}
        base, known = {**replica.base, field: there}, {**replica.known, field: side}
        save_replica(row, attrs.evolve(replica, base=base, known=known, conflicts=conflicts, sent=sent))
        proposals.refresh(carry.course, stored)


def _expect(carry: Carry, entity_ids: Sequence[str]) -> None:
    """Note that the site gets these entities again: a look may have taken them for deleted there."""
    known = known_places(carry.link, carry.site.kind)
    if known.removed.intersection(entity_ids):
        save_known(carry.link, attrs.evolve(known, removed=known.removed.difference(entity_ids)))


def _operations(carry: Carry, drifts: Sequence[Drift]) -> Iterator[Operation]:
    """Yield the operations for the lane, each once: moves, then changes, then deletions."""
    undecided = {one.entity_id for one in drifts if one.kind in UNDECIDED}
    named = [(one.entity_id, _OPERATIONS[one.action]) for one in drifts if one.action in _OPERATIONS]
    moved = {entity_id for entity_id, kind in named if kind == "move"}  # a move brings the fields, too
    chosen = {entity_id: "move" if entity_id in moved else kind for entity_id, kind in named}
    for kind in ("move", "update"):
        for entity_id in [one for one, name in chosen.items() if name == kind and not _is_in(carry, one, undecided)]:
            entity = carry.tree.entity(entity_id)
            if entity:
                yield look_again(carry.tree, entity, kind)
    for one in drifts:
        if one.action is Action.REMOVE:
            row = find_row(carry.link, one.entity_id)
            block_type = block_type_of(one.entity_id, carry.course.key) or ""
            if row:
                yield Operation("delete", row.entity_type, one.entity_id, block_type)


def _is_in(carry: Carry, entity_id: str, above: Collection[str]) -> bool:
    """Tell whether an entity is one of some others, or below one. What is brought brings its parents with it."""
    entity = carry.tree.entity(entity_id)
    while entity and entity.entity_id not in above:
        entity = carry.tree.entity(entity.parent_id) if entity.parent_id else None
    return entity is not None
