"""Remembers what was ours at a counterpart: when a link ended, so that a later link finds it under whatever name, and
when somebody deleted it there, because people can recover it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from course_sync_plugin.data import Entity
from course_sync_plugin.models import FormerReplica, LedgerReplica, Link, Proposal, bulk
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.store.proposals import PENDING
from course_sync_plugin.replication.store.replicas import find_or_make_row, update_row

#: The columns that a row of the ledger gets back.
_STATE = ("vector", "base", "known", "sent")


def remember(link: Link) -> None:
    """Keep the replicas of a link that ends."""
    _keep(link, [row for row in link.replicas.all() if row.objects_there])


def remember_deleted(link: Link, row: LedgerReplica) -> None:
    """Keep a replica of which somebody has deleted an object at the linked system."""
    _keep(link, [row])


def _keep(link: Link, ended: Sequence[LedgerReplica]) -> None:
    """Keep replicas. An earlier row for the same objects is replaced."""
    before: dict[tuple[str, str, str], int] = {}
    for row in _rows(link).filter(course=link.course_id):
        before |= {(row.entity_id, part, one): row.pk for part, one in row.objects_there.items()}
    same = {before.get((row.entity_id, part, one)) for row in ended for part, one in row.objects_there.items()}
    for part in bulk.chunks(sorted(pk for pk in same if pk)):
        FormerReplica.objects.filter(pk__in=part).delete()
    proposed: dict[str, dict[str, Any]] = {}
    for one in Proposal.objects.filter(link=link, state__in=PENDING).exclude(field=PLACE):
        proposed.setdefault(one.entity_id, {})[one.field] = one.base
    bulk.insert([_former(link, row, proposed.get(row.entity_id, {})) for row in ended])


def former_replicas(link: Link) -> dict[str, FormerReplica]:
    """Return what was remembered last of a course at the same counterpart, by entity."""
    return {row.entity_id: row for row in _rows(link).filter(course=link.course_id).order_by("pk")}


def former_objects(link: Link, part: str) -> set[str]:
    """Return the objects that any course had there before, as this part of an entity."""
    return {objects[part] for objects in _rows(link).values_list("objects_there", flat=True) if part in objects}


def take_back(link: Link, entity: Entity, part: str, remote_id: str, former: FormerReplica) -> LedgerReplica:
    """Make an object ours again. What is known of it is what was known when the earlier link ended.

    So a later edit on either side is seen as one.
    """
    row = find_or_make_row(link, entity)
    state = {name: getattr(former, name) for name in _STATE}
    update_row(row, objects_there={**row.objects_there, part: remote_id}, **state)
    return row


def _rows(link: Link) -> QuerySet[FormerReplica]:
    return FormerReplica.objects.filter(target=link.target_id, remote_digest=link.remote_digest)


def _former(link: Link, row: LedgerReplica, proposed: Mapping[str, Any]) -> FormerReplica:
    """A field with an open conflict or a proposal is kept as it was before, so the edit there is found again.

    ``proposed``: the values of Open edX of the fields with a proposal.
    """
    base: dict[str, Any] = dict(row.base)
    known: dict[str, Any] = dict(row.known)
    before = {name: value for name, (value, _ours, _theirs) in row.conflicts.items()}
    for name, value in {**proposed, **before}.items():
        if name in known:
            base[name], known[name] = value, [value, *known[name][1:]]
    return FormerReplica(
        target_id=link.target_id,
        course_id=link.course_id,
        remote_digest=link.remote_digest,
        entity_id=row.entity_id,
        objects_there=row.objects_there,
        vector=row.vector,
        base=base,
        known=known,
        sent=row.sent,
    )
