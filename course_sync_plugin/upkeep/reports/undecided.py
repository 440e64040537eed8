"""Says to the staff of a course which changes of the other side a person must decide about, in their words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.models import Conflict, ConflictState, Course, Proposal, ProposalState
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.store.proposals import PENDING
from course_sync_plugin.upkeep.problems import SHOWN
from course_sync_plugin.upkeep.reports.differences import as_text

#: The fields whose names only programmers know.
_FIELDS = {"display_name": gettext_lazy("title"), "due": gettext_lazy("due date"), "start": gettext_lazy("start date")}


#: What waits for a person: a change here and one there of the same thing, or one there that is not here yet.
Waiting = Conflict | Proposal


@attrs.frozen
class Undecided:
    """Something that waits for a person. ``id``: the number of the conflict, or of the proposal.

    ``take``, ``keep``: the names of the actions that take what is there and keep what is here.
    """

    id: int
    text: str
    take: str
    keep: str


def waiting_for_a_person(course: Course) -> dict[int, list[Waiting]]:
    """Return the first conflicts and proposals of a course that wait, by the id of the target. Two queries."""
    found: dict[int, list[Waiting]] = defaultdict(list)
    conflicts = Conflict.objects.filter(course=course, state=ConflictState.OPEN, link__isnull=False)
    proposals = Proposal.objects.filter(course=course, state__in=PENDING, link__isnull=False)
    for rows in (conflicts, proposals):
        for one in rows.annotate(target_id=F("link__target")).order_by("pk")[:SHOWN]:
            found[one.target_id].append(one)
    return found


def undecided(waiting: Sequence[Waiting], titles: Mapping[str, str]) -> list[Undecided]:
    """Return what is told of these. ``titles``: by the id of the entity."""
    return [_undecided(one, titles.get(one.entity_id) or one.entity_id) for one in waiting]


def _undecided(one: Waiting, title: str) -> Undecided:
    if isinstance(one, Conflict):
        return Undecided(one.pk, _of_conflict(one, title), take="resolve-remote", keep="resolve-openedx")
    return Undecided(one.pk, _of_proposal(one, title), take="accept", keep="reject")


def _of_proposal(proposal: Proposal, title: str) -> str:
    if proposal.field == PLACE:
        return _("“{title}” was moved there. Here it is at its old place.").format(title=title)
    if proposal.state == ProposalState.WRITTEN:
        text = _("The {field} of “{title}” is “{there}” there. It is in the draft here and waits to be published.")
    else:
        text = _("The {field} of “{title}” is “{there}” there, and is not changed here yet.")
    there = as_text(proposal.value)
    return text.format(field=_FIELDS.get(proposal.field, proposal.field), title=title, there=there)


def _of_conflict(conflict: Conflict, title: str) -> str:
    if conflict.field == PLACE:
        return _("“{title}” was moved here and there, to different places.").format(title=title)
    text = _("The {field} of “{title}” was changed on both sides: here “{here}”, there “{there}”.")
    here, there = as_text(conflict.openedx), as_text(conflict.remote)
    return text.format(field=_FIELDS.get(conflict.field, conflict.field), title=title, here=here, there=there)
