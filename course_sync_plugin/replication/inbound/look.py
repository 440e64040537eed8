"""Looks at all that is ours at a linked system, and merges what people changed there into what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from django.db import transaction

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.models import LedgerReplica, Link
from course_sync_plugin.models.text import storable
from course_sync_plugin.replication.inbound.recovered import take_back_recovered
from course_sync_plugin.replication.inbound.send_again import send_again
from course_sync_plugin.replication.merge.replica import to_write
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.changed_at import changed_at
from course_sync_plugin.replication.outbound.create import settle_intents
from course_sync_plugin.replication.outbound.late_reads import was_just_delivered
from course_sync_plugin.replication.outbound.looks import look_at_openedx, look_at_site
from course_sync_plugin.replication.outbound.placing import look_at_places
from course_sync_plugin.replication.store.replicas import BEING_DELETED, replica_of, save_replica
from course_sync_plugin.targets.two_way.site import Gone


@attrs.define
class Looked:
    """The result of a look. ``edited``, ``deleted``: the ids of the entities that people edited or deleted there.

    ``refused``, ``misplaced``: the ids of those that get the value or the place of Open edX again, because the strategy
    says so. ``recovered``: the ids of those that people had deleted and have recovered. ``failed``: why entities could
    not be looked at, by their ids.
    """

    may_be_late: bool = False
    seen: int = 0
    edited: list[str] = attrs.field(factory=list)
    deleted: list[str] = attrs.field(factory=list)
    refused: list[str] = attrs.field(factory=list)
    recovered: list[str] = attrs.field(factory=list)
    failed: dict[str, str] = attrs.field(factory=dict)
    misplaced: list[str] = attrs.field(factory=list)


def look(carry: Carry) -> Looked:
    """Look at each entity that has its objects there. Raises the errors of ``Target.send``.

    An entity that the site refuses to show fails alone. Right after a delivery, reads may be late: what seems to be
    deleted or moved then is left for the next look.
    """
    carry.tree.refresh()
    carry.contents.forget()
    carry.site.begin()
    settle_intents(carry)
    looked = Looked(may_be_late=was_just_delivered(carry))
    looked.recovered = [] if looked.may_be_late else take_back_recovered(carry)
    replicas = carry.link.replicas.filter(deleted_at=None).exclude(note=BEING_DELETED)
    rows = [row for row in replicas if row.objects_there]
    carry.tree.load([row.entity_id for row in rows])
    for row in rows:
        entity = carry.tree.entity(row.entity_id)
        if entity and row.objects_there.keys() >= set(carry.site.parts(entity)):
            try:
                _look_at(carry, row, entity, looked)
            except PermanentError as error:
                looked.failed[row.entity_id] = error.message
    again = [*looked.refused, *looked.recovered, *(looked.deleted if carry.recreate else ())]
    looked.misplaced = [] if looked.may_be_late else look_at_places(carry)
    send_again(carry, again, moved=[*looked.misplaced, *looked.recovered])
    _note_title(carry)
    return looked


def _note_title(carry: Carry) -> None:
    """Store the title of the counterpart if its owner has changed it and it was read."""
    title = carry.site.title_read()
    if title and storable(title) != carry.link.remote_title:
        Link.objects.filter(pk=carry.link.pk).update(remote_title=title)


def _look_at(carry: Carry, row: LedgerReplica, entity: Entity, looked: Looked) -> None:
    looked.seen += 1
    try:
        remote = carry.site.read(entity, row.base)
    except Gone as gone:
        if looked.may_be_late or not gone.parts & set(carry.site.parts(entity)):
            return  # we are deleting it ourselves, or what it is in: the delivery goes on with that
        carry.note_deletion(row, gone.parts)
        looked.deleted.append(entity.entity_id)
        return
    changed = [name for name, value in row.base.items() if remote.get(name) != value]
    if changed:
        entity = carry.with_content(entity)
        if any(_is_edit(carry, row, entity, name, remote) for name in changed):
            looked.edited.append(entity.entity_id)
        if _merge(carry, row, entity, remote, changed_at(carry, entity, row.base, remote)):
            looked.refused.append(entity.entity_id)


def _is_edit(carry: Carry, row: LedgerReplica, entity: Entity, name: str, remote: Mapping[str, Any]) -> bool:
    """Tell whether a value differs also in our form. A move can change what a site makes of a title."""
    ours = carry.site.ours
    return name not in remote or ours(entity, name, remote[name]) != ours(entity, name, row.base[name])


def _merge(carry: Carry, row: LedgerReplica, entity: Entity, remote: Mapping[str, Any], changed: int | None) -> bool:
    """Merge an edit. Return whether the site lacks something now."""
    with transaction.atomic():
        stored = look_at_openedx(carry, entity)
        before = replica_of(row, carry.link.site, carry.site.kind)
        wanted, replica = look_at_site(carry, entity, stored, before, remote, row.replaced, changed)
        save_replica(row, replica)
    published = {name: side.value for name, side in stored.openedx.known.items()}
    return bool(carry.sendable(entity, to_write(wanted, replica, published)))
