"""What a person decides about places: which side of a conflict is taken, and that a move is rejected."""

from __future__ import annotations

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.ledger.causal_time import next_stamp
from course_sync_plugin.models import Conflict, Link, Proposal, ProposalState
from course_sync_plugin.replication.merge.places import WantedPlaces, put_back
from course_sync_plugin.replication.merge.replica import Take
from course_sync_plugin.replication.merge.strays import fitting_place
from course_sync_plugin.replication.merge.tree_edits import put
from course_sync_plugin.replication.outbound.placing import lock_places, save_places
from course_sync_plugin.replication.store import conflicts, proposals
from course_sync_plugin.replication.store.trees import known_places, save_known
from course_sync_plugin.replication.strategies.base import OPENEDX


def take_place(conflict: Conflict, link: Link, take: Take, clock: int) -> None:
    """Take one of the places of a conflict. Raises ConfigurationError if the place is not there any more."""
    course = conflict.course
    value = {Take.OPENEDX: conflict.openedx, Take.REMOTE: conflict.remote, Take.BASE: conflict.base}[take]
    is_remote = take is Take.REMOTE
    maker = (link.site, link.target.backend) if is_remote else (OPENEDX, OPENEDX)
    with transaction.atomic():
        tree = lock_places(course)
        wanted = _with_place(tree.wanted, conflict.entity_id, value, maker, clock)
        known = known_places(link, link.target.backend)
        openedx, known = (
            attrs.evolve(side, conflicts={one: two for one, two in side.conflicts.items() if one != conflict.entity_id})
            for side in (tree.openedx, known)
        )
        save_known(link, known)
        conflicts.mark_resolved(conflict, take)
        save_places(course, attrs.evolve(tree, wanted=wanted, openedx=openedx))


def reject_place(proposal: Proposal, clock: int) -> None:
    """Reject a move: the entity is where Open edX has it."""
    with transaction.atomic():
        tree = lock_places(proposal.course)
        proposals.end(proposal, ProposalState.REJECTED)
        wanted = put_back(tree.wanted, tree.recorded, proposal.entity_id, clock)
        save_places(proposal.course, attrs.evolve(tree, wanted=wanted))


def _with_place(
    wanted: WantedPlaces, entity_id: str, value: tuple[str, str | None] | None, maker: tuple[str, str], clock: int
) -> WantedPlaces:
    """Return the tree with an entity at a place, or at the nearest one if Open edX cannot have it there.

    ``maker``: the name and the kind of the site that made the place.
    """
    try:
        place = fitting_place(wanted.places, entity_id, value) if value else ("", None)
    except ValueError:
        text = _("{entity} cannot be in {parent}, and nothing in that can hold it. Add a subsection there first.")
        raise ConfigurationError(text.format(entity=entity_id, parent=value and value[0])) from None
    try:
        places = put(wanted.places, entity_id, *place)
    except ValueError:
        raise ConfigurationError(_("The place of {entity} is not there any more.").format(entity=entity_id)) from None
    site, kind = maker
    stamp = next_stamp(site, clock, [wanted.latest])
    return WantedPlaces(places, {**wanted.moved, entity_id: (kind, stamp)})
