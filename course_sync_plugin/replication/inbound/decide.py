"""What a person decides: which side of a conflict is taken, and that a proposal is rejected."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Conflict, ConflictState, Course, Link, Proposal, ProposalState
from course_sync_plugin.replication.inbound.decide_places import reject_place, take_place
from course_sync_plugin.replication.inbound.send_again import append_repair, look_again
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.merge.replica import Take, reject, resolve, take_after_all
from course_sync_plugin.replication.outbound.tree import RecordedTree
from course_sync_plugin.replication.store import conflicts, open_conflicts, proposals
from course_sync_plugin.replication.store.entities import Stored, lock_entity, save_entity
from course_sync_plugin.replication.store.replicas import find_row, replica_of, save_replica
from course_sync_plugin.replication.strategies.base import OPENEDX


def resolve_conflict(conflict: Conflict, take: Take, clock: Callable[[], int]) -> None:
    """Take one side of a conflict. Raises ConfigurationError if it or its link has ended.

    If the entity is not in the course any more, only the side of Open edX can be taken: nothing is sent.
    """
    link = link_of_takeable(conflict)
    entity = _tree_of(conflict.course).entity(conflict.entity_id)
    if entity is None:
        _end_without_entity(conflict, take)
        return
    if conflict.field == PLACE:
        take_place(conflict, link, take, clock())
        tell_all(conflict.course, entity, "move")
        return
    with transaction.atomic():
        stored = lock_entity(conflict.course, entity, (), clock())
        if conflict.state == ConflictState.OPEN:
            stored = _resolved(conflict, link, stored, take, clock())
        else:
            stored = _taken_after_all(conflict, link, stored, take, clock())
        _save(conflict.course, stored)
        conflicts.mark_resolved(conflict, take)
        open_conflicts.follow(conflict.course, stored, strategy=conflict.strategy)
    tell_all(conflict.course, entity)


def _end_without_entity(conflict: Conflict, take: Take) -> None:
    if take is not Take.OPENEDX:
        text = _("{entity} is not in the course any more. '--take openedx' ends the conflict; its values are kept.")
        raise ConfigurationError(text.format(entity=conflict.entity_id))
    conflicts.mark_resolved(conflict, take)


def reject_proposal(proposal: Proposal, clock: Callable[[], int]) -> None:
    """Reject a proposal: every linked system gets the value of Open edX. Raises ConfigurationError if it has ended.

    If the entity is not in the course any more, nothing is sent.
    """
    check_pending(proposal)
    entity = _tree_of(proposal.course).entity(proposal.entity_id)
    if entity is None:
        proposals.end(proposal, ProposalState.REJECTED)
        return
    if proposal.field == PLACE:
        reject_place(proposal, clock())
        tell_all(proposal.course, entity, "move")
        return
    with transaction.atomic():
        stored = lock_entity(proposal.course, entity, (), clock())
        proposals.end(proposal, ProposalState.REJECTED)
        wanted = reject(stored.wanted, stored.openedx, proposal.field, clock())
        stored = attrs.evolve(stored, wanted=wanted)
        _save(proposal.course, stored)
        open_conflicts.follow(proposal.course, stored)
    tell_all(proposal.course, entity)


def link_of_takeable(conflict: Conflict) -> Link:
    """Return the link of a conflict. Raises ConfigurationError if the conflict or its link has ended."""
    if conflict.state not in (ConflictState.OPEN, ConflictState.DECIDED):
        raise ConfigurationError(_("Conflict {id} has ended already.").format(id=conflict.pk))
    if conflict.link is None:
        text = _("The link of conflict {id} to {target} has ended. 'conflicts --all' shows its values.")
        raise ConfigurationError(text.format(id=conflict.pk, target=conflict.target_name))
    return conflict.link


def check_pending(proposal: Proposal) -> None:
    """Raise ConfigurationError if a proposal has ended."""
    if proposal.state not in proposals.PENDING:
        text = _("Proposal {id} has ended already: {state}.")
        raise ConfigurationError(text.format(id=proposal.pk, state=proposal.get_state_display()))


def entity_of(course: Course, entity_id: str) -> Entity:
    """Return an entity as it is recorded. Raises ConfigurationError if the course does not have it any more."""
    entity = _tree_of(course).entity(entity_id)
    if entity is None:
        text = _("{entity} is not in the course any more. Reject the proposal.")
        raise ConfigurationError(text.format(entity=entity_id))
    return entity


def _tree_of(course: Course) -> RecordedTree:
    tree = RecordedTree(course)
    tree.refresh()
    return tree


def tell_all(course: Course, entity: Entity, kind: str = "update") -> None:
    """Make the lanes of all links of a course bring an entity again, or with ``move`` its place."""
    tree = _tree_of(course)
    for link in Link.objects.filter(course=course):
        append_repair(link, [look_again(tree, entity, kind)])


def _resolved(conflict: Conflict, link: Link, stored: Stored, take: Take, clock: int) -> Stored:
    """End an open conflict. It waits in the replica of the link, or in that of Open edX."""
    row = find_row(link, conflict.entity_id)
    replica = replica_of(row, link.site, link.target.backend) if row else None
    if row and replica and conflict.field in replica.conflicts:
        wanted, replica = resolve(stored.wanted, replica, conflict.field, take, clock)
        save_replica(row, replica)
        return attrs.evolve(stored, wanted=wanted)
    if conflict.field not in stored.openedx.conflicts:
        raise ConfigurationError(_("Conflict {id} has ended already.").format(id=conflict.pk))
    wanted, openedx = resolve(stored.wanted, stored.openedx, conflict.field, take, clock)
    return attrs.evolve(stored, wanted=wanted, openedx=openedx)


def _taken_after_all(conflict: Conflict, link: Link, stored: Stored, take: Take, clock: int) -> Stored:
    value = {Take.OPENEDX: conflict.openedx, Take.REMOTE: conflict.remote, Take.BASE: conflict.base}[take]
    is_remote = take is Take.REMOTE
    maker = (link.site, link.target.backend) if is_remote else (OPENEDX, OPENEDX)
    return attrs.evolve(stored, wanted=take_after_all(stored.wanted, conflict.field, value, maker, clock))


def _save(course: Course, stored: Stored) -> None:
    save_entity(stored.row, stored.wanted, stored.openedx)
    proposals.refresh(course, stored)
