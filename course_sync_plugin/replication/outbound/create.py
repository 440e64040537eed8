"""Creates the objects of an entity at a linked system, each once, also if the answer to a creation is lost.

The intent is committed before the request. If one is found later, its object is looked for before it is created again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import attrs
from django.db import transaction

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import CourseSyncError, Interrupted, PermanentError, RateLimited
from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.models import DatabaseNow, Intent, LedgerReplica, digest_of
from course_sync_plugin.replication.merge.replica import Replica
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.looks import look_at_openedx
from course_sync_plugin.replication.store.replicas import find_or_make_row, replica_of, save_replica
from course_sync_plugin.replication.strategies.base import OPENEDX, Side
from course_sync_plugin.targets.two_way.site import Gone, Remote


def create_missing(carry: Carry, row: LedgerReplica, entity: Entity) -> None:
    """Create the objects that an entity does not have there yet."""
    for part in carry.site.parts(entity):
        if part not in row.objects_there:
            intent = _intend(carry, entity, part)
            _store(carry, row, entity, intent, _create(carry, entity, intent))


def settle_intents(carry: Carry) -> None:
    """Look for the objects whose creation was not answered. What is found is ours; what is not there was not made.

    If it is not known which object is ours, ``carry.unclear`` says so: only that entity waits for a person.
    """
    carry.unclear.clear()
    for intent in Intent.objects.filter(link=carry.link).annotate(now=DatabaseNow()).order_by("pk"):
        try:
            _settle(carry, intent)
        except PermanentError as error:
            carry.unclear[intent.entity_id] = error.message


def take_over(carry: Carry, entity: Entity, part: str, there: Remote) -> None:
    """Make an object ours that was there before."""
    _store(carry, find_or_make_row(carry.link, entity), entity, None, there, part=part)


def _intend(carry: Carry, entity: Entity, part: str) -> Intent:
    """Commit the intent to create an object, before the request."""
    before = () if part in carry.site.tokened else carry.site.candidates(entity, part, "", anew=False)
    values = {
        "entity_type": entity.entity_type,
        "block_type": entity.block_type,
        "parent_id": entity.parent_id,
        "fields": dict(entity.fields),
    }
    return Intent.objects.create(
        link=carry.link,
        entity_id=entity.entity_id,
        id_digest=digest_of(entity.entity_id),
        part=part,
        token=uuid.uuid4().hex,
        entity=values,
        before=[one.remote_id for one in before],
        began_at=DatabaseNow(),
    )


def _create(carry: Carry, entity: Entity, intent: Intent) -> Remote:
    """Create the object of an intent. If the site refused it, nothing was made, and the intent has ended."""
    try:
        return carry.site.create(entity, intent.part, intent.token)
    except CourseSyncError as error:
        if _is_refusal(error):
            intent.delete()
        elif isinstance(error, PermanentError):  # the intent is settled before the next envelope, not in this one
            carry.unclear[entity.entity_id] = error.message
        raise


def _is_refusal(error: CourseSyncError) -> bool:
    status = error.context.get("status") or 0
    is_refused = 400 <= status < 500 and status != 408  # 408: a proxy may have passed the request on
    return is_refused or isinstance(error, (RateLimited, Interrupted, Gone))


def _settle(carry: Carry, intent: Any) -> None:
    entity = Entity(intent.entity_id, **intent.entity)
    there = carry.site.candidates(entity, intent.part, intent.token, anew=True)
    since = [one for one in there if one.remote_id not in intent.before]
    if len(since) > 1:
        raise PermanentError(_ambiguous(entity, since))
    if since:
        _store(carry, find_or_make_row(carry.link, entity), entity, intent, since[0])
        return
    age = (intent.now - intent.began_at).total_seconds()
    if age < carry.site.lag_seconds:
        raise Interrupted(
            "The answer to a creation was lost, and the object cannot be seen yet. It is looked for again.",
            retry_after=carry.site.lag_seconds - age,
        )
    intent.delete()


def _ambiguous(entity: Entity, found: list[Remote]) -> str:
    numbers = ", ".join(sorted(one.remote_id for one in found))
    return (
        f"The answer to the creation of {entity.entity_id} was lost, and the objects {numbers} look like it. "
        "Delete or rename those that somebody else made, then retry."
    )


def _store(
    carry: Carry, row: LedgerReplica, entity: Entity, intent: Intent | None, there: Remote, part: str = ""
) -> None:
    """Store an object that is there now, and forget the intent, in one transaction."""
    part = intent.part if intent else part
    current = carry.tree.entity(entity.entity_id)
    current = carry.with_content(current) if current else None
    with transaction.atomic():
        carry.check_lease()
        before = replica_of(row, carry.link.site, carry.site.kind)
        replica = _with_object(carry, before, entity, current, there.fields)
        objects = {**row.objects_there, part: there.remote_id}
        save_replica(row, replica, objects_there=objects, deleted_at=None, note="")
        if intent:
            intent.delete()
    carry.known.set(entity.entity_id, objects)


def _with_object(
    carry: Carry, replica: Replica, entity: Entity, current: Entity | None, fields: Mapping[str, Any]
) -> Replica:
    """Return the replica with the fields of an object. It is known to have what was sent.

    ``entity``: as it was sent; ``current``: as it is recorded. If the object has something else, somebody has edited it
    meanwhile: then the base is what was sent, so that the next look finds the edit.
    """
    sent = carry.shared(entity)
    openedx = look_at_openedx(carry, current).openedx if current else None
    known, base = dict(replica.known), dict(replica.base)
    for name in fields.keys() & sent.keys():
        side = openedx.known.get(name) if openedx else None
        known[name] = side if side and side.value == sent[name] else Side(sent[name], Stamp(0, OPENEDX), OPENEDX)
        base[name] = fields[name] if carry.site.ours(entity, name, fields[name]) == sent[name] else sent[name]
    vector = replica.vector.join(openedx.vector) if openedx else replica.vector
    return attrs.evolve(replica, base=base, known=known, vector=vector)
