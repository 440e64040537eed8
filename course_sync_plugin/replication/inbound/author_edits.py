"""Finds what an author has changed in Studio since Open edX was looked at: it is never overwritten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Proposal, ProposalState
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.merge.replica import Replica
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import put
from course_sync_plugin.replication.store.trees import lock_tree
from course_sync_plugin.structure.writer import CourseWriter, Draft


class AuthorIsEditing(ConfigurationError):
    """An author has changed the block in Studio, and that is not recorded yet."""


def no_author_edits(draft: Draft, proposal: Proposal, is_accepted: bool) -> Callable[[Replica], None]:
    """Return the check that no edit of an author is overwritten; it gets what Open edX is known to have.

    It raises AuthorIsEditing. ``is_accepted``: a person says so, also beside other changes in the same draft.
    """

    def check(openedx: Replica) -> None:
        now, known = draft.fields.get(proposal.field), openedx.known[proposal.field].value
        is_edited = now not in (known, openedx.read_back.get(proposal.field, known), proposal.value)
        is_touched = draft.has_unpublished_changes and not openedx.sent and not is_accepted
        if is_edited or is_touched:
            raise _error(proposal, has_draft=CourseWriter.has_draft(proposal.entity_id))

    return check


def check_not_moved(draft: Draft, proposal: Proposal) -> None:
    """Raise AuthorIsEditing if an author has moved an entity: a place has no draft, so it is published already.

    After a change of order, more than one sibling may be the one that was moved. So any other order counts as a move of
    the entity. The next sync compares both orders as lists.
    """
    known, entity_id = _places_without_author(proposal), proposal.entity_id
    siblings = _only(draft.siblings, known.parents)  # learners do not have the others yet
    at = siblings.index(entity_id) if entity_id in siblings else 0
    if (draft.parent_id, siblings[at - 1] if at else None) == tuple(proposal.value):
        return
    before = known.children.get(draft.parent_id or "", ())
    if entity_id not in before or _only(siblings, before) != _only(before, siblings):
        raise _error(proposal, has_draft=False)


def _places_without_author(proposal: Proposal) -> Places:
    """Return the places that a course has in Studio if no author has moved anything since the last look."""
    with transaction.atomic():
        places = lock_tree(proposal.course, lambda: Places(proposal.course.key, {})).openedx.places
    written = Proposal.objects.filter(course=proposal.course, field=PLACE, state=ProposalState.WRITTEN)
    for one in written.exclude(pk=proposal.pk).order_by("pk"):
        parent, after = one.value
        if parent in (places.root, *places.parents):  # else it was deleted since
            places = put(places, one.entity_id, parent, after)
    return places


def _only(entities: Sequence[str], those: Collection[str]) -> list[str]:
    return [one for one in entities if one in those]


def _error(proposal: Proposal, *, has_draft: bool) -> AuthorIsEditing:
    if has_draft:
        text = _("An author has changes of {entity} in Studio that are not published.")
    else:
        text = _("An author has changed {entity} in Studio too. The next sync compares both changes.")
    return AuthorIsEditing(text.format(entity=proposal.entity_id))
