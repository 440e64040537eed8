"""Looks at both sides of an entity and merges what changed there into what is wanted.

Each look is part of a transaction that holds the row of the entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from course_sync_plugin.data import Entity
from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.models import Link
from course_sync_plugin.replication.merge.replica import Replica, Wanted, found, reviewed
from course_sync_plugin.replication.outbound.carry import Carry
from course_sync_plugin.replication.outbound.late_reads import Replaced, still_sent, without_late_reads
from course_sync_plugin.replication.store import conflicts, open_conflicts, proposals
from course_sync_plugin.replication.store.entities import Stored, lock_entity, save_entity
from course_sync_plugin.replication.strategies.base import OPENEDX, Side
from course_sync_plugin.targets.two_way.site import CONTENT


def look_at_openedx(carry: Carry, entity: Entity) -> Stored:
    """Merge what Open edX has now, store it, and return the new states. The row of the entity is locked.

    What is recorded is read again under the lock: another worker may have seen a later publish already, and then what
    this worker read before would look like an edit that puts the old value back.
    """
    stored = lock_entity(carry.course, entity, carry.shared(entity), carry.clock())
    now = carry.tree.as_recorded_now(entity)
    published = {name: now.fields.get(name) for name in stored.openedx.base}
    if CONTENT in published:
        published[CONTENT] = _content(carry, entity, stored.openedx.base[CONTENT])
    wanted, openedx = _merge(carry, stored.wanted, reviewed(stored.wanted, stored.openedx), published)
    return _saved(carry, stored, attrs.evolve(stored, wanted=wanted, openedx=openedx))


def _content(carry: Carry, entity: Entity, known: str | None) -> str | None:
    """Return the content as it was read; what is known, if it was not read, or if it may be old.

    It cannot be read again here, in a transaction. If the components have changed since it was read, an operation about
    that waits in every lane and brings the unit again.
    """
    is_new = CONTENT in entity.fields and carry.tree.has_same_children_now(entity.entity_id)
    return entity.fields[CONTENT] if is_new else known


def look_at_site(
    carry: Carry,
    entity: Entity,
    stored: Stored,
    replica: Replica,
    remote: Mapping[str, Any],
    replaced: Replaced,
    changed_at: int | None = None,
) -> tuple[Wanted, Replica]:
    """Merge what the site has now, store what is wanted, and return the new states. The caller stores the replica.

    ``replaced``: as in the row of the replica. ``changed_at``: as of
    :func:`course_sync_plugin.replication.outbound.changed_at.changed_at`.
    """
    had_conflicts = bool(replica.conflicts)
    remote = without_late_reads(carry, entity, replaced, replica, remote)
    sent = still_sent(carry, replaced, replica, remote)
    replica = reviewed(stored.wanted, _with_new_fields(carry, entity, replica, remote))
    options = {"translate": partial(carry.site.ours, entity), "changed_at": changed_at}
    wanted, replica = _merge(carry, stored.wanted, replica, remote, options)
    replica = attrs.evolve(replica, sent={**replica.sent, **sent})
    waits = had_conflicts or bool(replica.conflicts)
    _saved(carry, stored, attrs.evolve(stored, wanted=wanted), (carry.link, replica) if waits else None)
    return wanted, replica


def _saved(carry: Carry, before: Stored, now: Stored, looked: tuple[Link, Replica] | None = None) -> Stored:
    """Store the states of an entity. If they have changed, its proposals and open conflicts may have changed too.

    ``looked``: a link and its replica, if it had or has conflicts.
    """
    save_entity(now.row, now.wanted, now.openedx)
    is_changed = (now.wanted, now.openedx) != (before.wanted, before.openedx)
    if is_changed:
        proposals.refresh(carry.course, now)
    if is_changed or looked:
        name, _strategy = carry.strategy_for(now.wanted.entity_type)
        open_conflicts.follow(carry.course, now, looked, name)
    return now


def _merge(
    carry: Carry, wanted: Wanted, replica: Replica, values: Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> tuple[Wanted, Replica]:
    name, strategy = carry.strategy_for(wanted.entity_type)
    result = found(wanted, replica, values, strategy, carry.clock(), **(options or {}))
    relation = wanted.vector.relation_to(result.replica.vector)
    conflicts.record(carry.link, replica.kind, result.decisions, relation, name)
    return result.wanted, result.replica


def _with_new_fields(carry: Carry, entity: Entity, replica: Replica, remote: Mapping[str, Any]) -> Replica:
    """Return the replica with the fields that a later release shares, or that an object has since it exists.

    For such a field, the value that the site has now becomes the known value. It is not an edit. The text of a page is
    an exception: if the page had a text before content was switched on, a person has written it, so it is an edit.
    """
    new = remote.keys() - replica.base.keys()
    if CONTENT in new and carry.site.ours(entity, CONTENT, remote[CONTENT]) is not None:
        remote = {**remote, CONTENT: None}
    known = {
        name: Side(carry.site.ours(entity, name, remote[name]), Stamp(0, OPENEDX), OPENEDX) for name in sorted(new)
    }
    base = {**replica.base, **{name: remote[name] for name in new}}
    return attrs.evolve(replica, base=base, known={**replica.known, **known})
