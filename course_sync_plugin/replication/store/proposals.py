"""Stores the changes from linked systems that Open edX does not have yet."""

from __future__ import annotations

from collections.abc import Collection

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.models import Course, DatabaseNow, Link, Proposal, ProposalState, digest_of
from course_sync_plugin.models import Entity as EntityRow
from course_sync_plugin.replication.merge.places import PLACE, WantedPlaces
from course_sync_plugin.replication.merge.replica import to_write
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import moved, place, place_if_there
from course_sync_plugin.replication.store.entities import Stored
from course_sync_plugin.replication.store.links import link_of
from course_sync_plugin.replication.strategies.base import OPENEDX, Side

#: The states of proposals that have not ended.
PENDING = (ProposalState.OPEN, ProposalState.WRITTEN)


def refresh(course: Course, stored: Stored) -> None:
    """Make the proposals of an entity those that its states imply.

    Call it in the transaction that holds the row of the entity. A proposal that Open edX has by now is published. One
    whose value is wanted no more is replaced.
    """
    wanted, openedx = stored.wanted, stored.openedx
    lacking = to_write(wanted, openedx)
    pending = {one.field: one for one in _pending(course, wanted.entity_id) if one.field != PLACE}
    for field, proposal in list(pending.items()):
        side = lacking.get(field)
        if side is None or side.value != proposal.value:
            has_it = openedx.known[field].value == proposal.value
            _end(proposal, ProposalState.PUBLISHED if has_it else ProposalState.REPLACED)
            del pending[field]
    for field, side in lacking.items():
        if field not in pending:
            _propose(course, stored, field, side)


def refresh_places(course: Course, wanted: WantedPlaces, recorded: Places, asked: Collection[str]) -> None:
    """Make the proposals about places those that the trees imply. ``asked``: the entities that wait for a person."""
    lacking = {one: place(wanted.places, one) for one in moved(recorded, wanted.places) if one not in asked}
    pending = Proposal.objects.filter(course=course, field=PLACE, state__in=PENDING)
    there = set()
    for proposal in pending:
        if proposal.entity_id in lacking and list(lacking[proposal.entity_id]) == proposal.value:
            there.add(proposal.entity_id)
            continue
        now = place_if_there(recorded, proposal.entity_id)
        has_it = now is not None and list(now) == proposal.value
        _end(proposal, ProposalState.PUBLISHED if has_it else ProposalState.REPLACED)
    for entity_id in sorted(lacking.keys() - there):
        _propose_place(course, wanted, recorded, entity_id)


def _propose_place(course: Course, wanted: WantedPlaces, recorded: Places, entity_id: str) -> None:
    kind, stamp = wanted.moved.get(entity_id, (OPENEDX, Stamp(0, OPENEDX)))
    link = link_of(course, Side(None, stamp, kind))
    if link and link.target.options.get("write_back") == "never":
        return
    row = EntityRow.objects.filter(course=course, id_digest=digest_of(entity_id)).first()
    Proposal.objects.create(
        link=link,
        target_name=link.target.name if link else "",
        course=course,
        entity_type=row.entity_type if row else "",
        entity_id=entity_id,
        id_digest=digest_of(entity_id),
        field=PLACE,
        base=list(place(recorded, entity_id)),
        value=list(place(wanted.places, entity_id)),
        state=ProposalState.OPEN,
        since=DatabaseNow(),
    )


def end_gone(course: Course, entity_id: str) -> None:
    """End the proposals of an entity that was deleted."""
    for proposal in _pending(course, entity_id):
        _end(proposal, ProposalState.GONE)


def end_with_link(link: Link) -> None:
    """End the proposals of a link that ends. The note says why."""
    pending = Proposal.objects.filter(link=link, state__in=PENDING)
    note = f"The link to {link.remote_id} at {link.target.name} has ended."
    pending.update(state=ProposalState.GONE, note=note, ended_at=DatabaseNow())


def end(proposal: Proposal, state: ProposalState) -> None:
    """End a proposal."""
    _end(proposal, state)


def _pending(course: Course, entity_id: str) -> list[Proposal]:
    return list(Proposal.objects.filter(course=course, id_digest=digest_of(entity_id), state__in=PENDING))


def _end(proposal: Proposal, state: ProposalState) -> None:
    Proposal.objects.filter(pk=proposal.pk).update(state=state, ended_at=DatabaseNow())


def _propose(course: Course, stored: Stored, field: str, side: Side) -> None:
    """Make a proposal, unless the option ``write_back`` of its target says that nothing comes back."""
    entity_id, link = stored.wanted.entity_id, link_of(course, side)
    if link and link.target.options.get("write_back") == "never":
        return
    Proposal.objects.create(
        link=link,
        target_name=link.target.name if link else "",
        course=course,
        entity_type=stored.wanted.entity_type,
        entity_id=entity_id,
        id_digest=digest_of(entity_id),
        field=field,
        base=stored.openedx.known[field].value,
        value=side.value,
        state=ProposalState.OPEN,
        since=DatabaseNow(),
    )
