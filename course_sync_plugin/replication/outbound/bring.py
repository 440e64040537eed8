"""Brings one entity to a linked system as Open edX has it now: creates, changes, moves or deletes its objects there.

An operation of the journal says which entity to bring. What is brought is the entity as it is recorded now. So an
operation that comes again, or late, makes no request that is not needed.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.change import change
from course_sync_plugin.replication.outbound.create import create_missing
from course_sync_plugin.replication.outbound.deleted_here import look_before_deletion
from course_sync_plugin.replication.outbound.late_reads import wait_for_late_reads
from course_sync_plugin.replication.store import conflicts, proposals
from course_sync_plugin.replication.store.replicas import (
    BEING_DELETED,
    find_or_make_row,
    find_row,
    update_row,
)
from course_sync_plugin.targets.two_way.site import Gone

log = get_logger(__name__)


def bring(carry: Carry, entity_id: str, *, moved: bool = False) -> None:
    """Bring an entity. Nothing is done if Open edX does not have it any more, or if the site has no place for it."""
    entity = carry.tree.entity(entity_id)
    row = find_row(carry.link, entity_id) if entity else None
    if entity is None:
        return
    if not (carry.site.parts(entity) or (row and row.objects_there)):
        if moved:  # what is below it may have objects
            carry.site.place(entity)
        return
    if row and row.note == BEING_DELETED:  # a later run has created it again, and an answer may be lost
        look_before_deletion(carry, row)
        _delete(carry, row)
        row = None
    if row and row.deleted_at and not carry.recreate:
        return
    if entity_id in carry.unclear:
        raise PermanentError(carry.unclear[entity_id])
    _bring_ancestors(carry, entity)
    if not (has_place(carry, entity) or (row and row.objects_there)):
        return
    row = row or find_or_make_row(carry.link, entity)
    try:
        _bring(carry, row, entity, moved)
    except Gone as gone:
        _is_gone(carry, row, entity, gone)


def place(carry: Carry, entity_id: str) -> None:
    """Bring an entity that is there to its place, unless its place waits for a person or an author."""
    entity = carry.tree.entity(entity_id)
    if entity is None or entity_id in carry.waiting or not has_place(carry, entity):
        return
    if carry.known.of(entity_id) or not carry.site.parts(entity):
        try:
            carry.site.place(entity)
        except Gone:
            bring(carry, entity_id)


def has_place(carry: Carry, entity: Entity) -> bool:
    """Tell whether the site has what an entity is in: somebody may have deleted it there."""
    parent = carry.tree.entity(entity.parent_id) if entity.parent_id else None
    if parent is None:
        return True
    return bool(carry.known.of(parent.entity_id) or not carry.site.parts(parent)) and has_place(carry, parent)


def bring_dependents(carry: Carry, entity_id: str, fields: Collection[str]) -> None:
    """Bring the entities whose parts depend on these fields of another one."""
    entity = carry.tree.entity(entity_id)
    for one in carry.site.dependents(entity, fields) if entity else ():
        bring(carry, one)


def remove(carry: Carry, entity_id: str) -> None:
    """Delete the objects of an entity that Open edX has deleted. What holds the work of others is left there."""
    row = find_row(carry.link, entity_id)
    if row and entity_id not in carry.tree:
        _save_others(carry, entity_id)
        look_before_deletion(carry, row)
        _delete(carry, row)


def _save_others(carry: Carry, entity_id: str) -> None:
    """Bring what people have moved into an entity that is deleted next to its place: it would go with the entity.

    What Open edX has deleted too is deleted first, so that an edit of it is seen.
    """
    below = carry.site.places().get(entity_id, ()) if carry.site.has_places else ()
    for child in list(below):
        if child in carry.tree:
            place(carry, child)
        elif not _is_left(carry, child):
            remove(carry, child)


def _is_left(carry: Carry, entity_id: str) -> bool:
    """Tell whether an entity was deleted before, and its objects were left there."""
    row = find_row(carry.link, entity_id)
    return row is not None and row.note not in ("", BEING_DELETED)


def _delete(carry: Carry, row: LedgerReplica) -> None:
    """Delete the objects of an entity, and its row. What waits for a person about it waits no more."""
    if row.objects_there:
        update_row(row, note=BEING_DELETED)
    _remove_parts(carry, row, row.objects_there)
    conflicts.end_gone(carry.course.conflicts.filter(id_digest=row.id_digest))
    proposals.end_gone(carry.course, row.entity_id)
    if row.note in ("", BEING_DELETED):
        row.delete()
    else:
        log.warning("course_sync: target=%s entity=%s left: %s", carry.link.target, row.entity_id, row.note)


def _bring_ancestors(carry: Carry, entity: Entity) -> None:
    """Bring the ancestors that the site does not have yet: they were recorded later than this operation."""
    parent = carry.tree.entity(entity.parent_id) if entity.parent_id else None
    while parent and parent.parent_id and not carry.site.parts(parent):
        parent = carry.tree.entity(parent.parent_id)
    if parent and not carry.known.of(parent.entity_id):
        bring(carry, parent.entity_id)


def _bring(carry: Carry, row: LedgerReplica, entity: Entity, moved: bool) -> None:
    parts = carry.site.parts(entity)
    is_there = bool(row.objects_there)
    if is_there and carry.site.is_hidden(entity):
        carry.site.hide(entity)
        return
    _remove_parts(carry, row, [part for part in row.objects_there if part not in parts])
    entity = carry.with_content(entity) if parts else entity
    if has_place(carry, entity):
        create_missing(carry, row, entity)
    if is_there and parts:
        change(carry, row, entity)
        if moved and has_place(carry, entity) and entity.entity_id not in carry.waiting:
            carry.site.place(entity)


def _remove_parts(carry: Carry, row: LedgerReplica, parts: Collection[str]) -> None:
    """Delete objects, the one that was created last first."""
    for part in carry.site.in_removal_order(parts):
        note = carry.site.remove(row.entity_type, part, row.objects_there[part])
        objects = {name: remote_id for name, remote_id in row.objects_there.items() if name != part}
        with transaction.atomic():
            carry.check_lease()
            carry.save_objects(row, objects, note=note or row.note)


def _is_gone(carry: Carry, row: LedgerReplica, entity: Entity, gone: Gone) -> None:
    """Somebody has deleted the entity there, or what it is in: create both again if the target says so."""
    lost = row.objects_there.keys() & gone.parts
    if lost:
        wait_for_late_reads(carry)
        carry.note_deletion(row, lost)
        log.warning("course_sync: target=%s entity=%s was deleted there", carry.link.target, entity.entity_id)
        if not carry.recreate:
            return
    if entity.parent_id:
        bring(carry, entity.parent_id)  # it may have been deleted too
    if has_place(carry, entity):
        _bring(carry, row, entity, moved=True)
