"""Says to the staff of a course which of their changes collided with one at the other side, in their words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import attrs
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.models import Conflict, ConflictState, Course
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.upkeep.problems import SHOWN
from course_sync_plugin.upkeep.reports.differences import as_text

#: The fields whose names only programmers know.
_FIELDS = {"display_name": gettext_lazy("title"), "due": gettext_lazy("due date"), "start": gettext_lazy("start date")}


@attrs.frozen
class Undecided:
    """A change here and one there of the same thing. ``id``: the number of the conflict."""

    id: int
    text: str


def open_conflicts(course: Course) -> dict[int, list[Conflict]]:
    """Return the first conflicts of a course that wait for a person, by the id of the target. One query."""
    found: dict[int, list[Conflict]] = defaultdict(list)
    waiting = Conflict.objects.filter(course=course, state=ConflictState.OPEN, link__isnull=False)
    for conflict in waiting.annotate(target_id=F("link__target")).order_by("pk")[:SHOWN]:
        found[conflict.target_id].append(conflict)
    return found


def undecided(conflicts: Sequence[Conflict], titles: Mapping[str, str]) -> list[Undecided]:
    """Return what is told of these conflicts. ``titles``: by the id of the entity."""
    return [Undecided(one.pk, _text(one, titles.get(one.entity_id) or one.entity_id)) for one in conflicts]


def _text(conflict: Conflict, title: str) -> str:
    if conflict.field == PLACE:
        return _("“{title}” was moved here and there, to different places.").format(title=title)
    text = _("The {field} of “{title}” was changed on both sides: here “{here}”, there “{there}”.")
    here, there = as_text(conflict.openedx), as_text(conflict.remote)
    return text.format(field=_FIELDS.get(conflict.field, conflict.field), title=title, here=here, there=there)
