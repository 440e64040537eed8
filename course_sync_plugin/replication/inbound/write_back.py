"""Writes proposals back into Studio: into the draft of a unit, or, where a person or an option says so, at once.

A value of an author that is not published yet is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.data import Entity
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.lanes.open_target import read_options
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Link, Proposal, ProposalState
from course_sync_plugin.replication.inbound.author_edits import check_not_moved, no_author_edits
from course_sync_plugin.replication.inbound.decide import check_pending, entity_of
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.merge.replica import Replica, sending
from course_sync_plugin.replication.store.entities import lock_entity, save_entity
from course_sync_plugin.structure.writers import author_id, get_writer
from course_sync_plugin.targets.two_way.site import CONTENT

log = get_logger(__name__)

#: The values of the option ``write_back``. The first one is the default.
DRAFT, PROPOSE, PUBLISH, NEVER = "draft", "propose", "publish", "never"


def accept_proposal(proposal: Proposal, clock: Callable[[], int]) -> None:
    """Write a proposal to Studio, because a person has accepted it. Units get it in their draft.

    Raises ConfigurationError if it has ended, or if an author has another value or place in Studio, and the errors of
    :meth:`course_sync_plugin.structure.writer.CourseWriter.write`. Call it outside a transaction.
    """
    check_pending(proposal)
    _write(proposal, clock, is_accepted=True)


def why_no_author() -> str:
    """Return why nothing can be written to Studio: no user, or one who does not exist. Empty: it can. One query."""
    try:
        author_id(settings.COURSE_SYNC_WRITE_BACK_USER)
    except ConfigurationError as error:
        return error.message
    return ""


def why_never_written(proposal: Proposal) -> str:
    """Return why nobody can have this proposal written to Studio. An empty text: it can be written."""
    if proposal.field != CONTENT:
        return ""
    text = _("The text of {entity} is not written to Studio. Edit its components there, or reject the proposal.")
    return text.format(entity=proposal.entity_id)


def write_pending(link: Link, clock: Callable[[], int]) -> int:
    """Write the proposals from a link that its option ``write_back`` lets through. Return how many were written.

    What is not written stays a proposal, and its note says why.
    """
    policy = read_options(link.target).get("write_back", DRAFT)
    if policy in (PROPOSE, NEVER) or not settings.COURSE_SYNC_WRITE_BACK_USER:
        return 0
    waiting = link.proposals.select_related("course").filter(state=ProposalState.OPEN).order_by("pk")
    return sum(_try(proposal, clock, policy) for proposal in waiting)


def _try(proposal: Proposal, clock: Callable[[], int], policy: str) -> bool:
    try:
        if policy != PUBLISH and (proposal.field == PLACE or not get_writer().has_draft(proposal.entity_id)):
            return False
        _write(proposal, clock)
        if policy == PUBLISH and proposal.field != PLACE:  # a move is published; what the author drafts is not
            get_writer().publish(proposal.entity_id, settings.COURSE_SYNC_WRITE_BACK_USER)
    except CourseSyncError as error:
        if proposal.note != error.message:  # said once
            Proposal.objects.filter(pk=proposal.pk).update(note=error.message)
            log.warning("course_sync: proposal=%s is not written to Studio: %s", proposal.pk, error.message)
        return False
    return True


def _write(proposal: Proposal, clock: Callable[[], int], *, is_accepted: bool = False) -> None:
    """Write a proposal. It is noted before that, so that its publish is known as an edit of the linked system."""
    never = why_never_written(proposal)
    if never:
        raise ConfigurationError(never)
    writer, entity = get_writer(), entity_of(proposal.course, proposal.entity_id)
    user = settings.COURSE_SYNC_WRITE_BACK_USER
    draft = writer.draft(proposal.entity_id)
    if draft is None:
        raise ConfigurationError(_("{entity} is not in Studio any more.").format(entity=proposal.entity_id))
    if proposal.field == PLACE:
        check_not_moved(draft, proposal)
        parent, after = proposal.value
        writer.move(proposal.entity_id, parent, after, user)
    else:
        _note(proposal, entity, clock(), proposal.value, no_author_edits(draft, proposal, is_accepted))
        read_back = writer.write(proposal.entity_id, {proposal.field: proposal.value}, user)
        _note(proposal, entity, clock(), read_back.get(proposal.field), lambda openedx: None)
    Proposal.objects.filter(pk=proposal.pk).update(state=ProposalState.WRITTEN, note="")


def _note(proposal: Proposal, entity: Entity, clock: int, read_back: Any, check: Callable[[Replica], None]) -> None:
    with transaction.atomic():
        stored = lock_entity(proposal.course, entity, (), clock)
        side = stored.wanted.sides[proposal.field]
        if side.value != proposal.value:
            raise ConfigurationError(_("Proposal {id} has ended already.").format(id=proposal.pk))
        check(stored.openedx)
        sent = {**stored.openedx.sent, proposal.field: side}
        read: Mapping[str, Any] = {**stored.openedx.read_back, proposal.field: read_back}
        save_entity(stored.row, stored.wanted, sending(stored.openedx, sent, read))
