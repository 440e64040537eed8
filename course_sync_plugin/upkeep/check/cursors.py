"""Checks of the cursor and the end of each lane against the journal of its course."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.journal.append import lock
from course_sync_plugin.lanes.begin_anew import begin_anew
from course_sync_plugin.models import (
    Course,
    DatabaseNow,
    JournalOperation,
    Lane,
    leases,
)
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity, one_by_one


def _beyond_journal() -> QuerySet[Lane]:
    return Lane.objects.filter(cursor__gt=F("course__last_position"))


def _end_beyond_journal() -> QuerySet[Lane]:
    rest = Q(cursor=None) | Q(cursor__lte=F("course__last_position"))
    return Lane.objects.filter(rest, end__gt=F("course__last_position"))


def _end_behind_journal() -> QuerySet[Lane]:
    visible = Q(lane=None) | Q(lane=OuterRef("pk"))
    last = OuterRef("course__last_position")  # later positions are another finding
    later = JournalOperation.objects.filter(visible, course=OuterRef("course"), position__gt=OuterRef("end"))
    later = later.filter(position__lte=last)
    return Lane.objects.filter(Exists(later))


def _end_behind_cursor() -> QuerySet[Lane]:
    return Lane.objects.filter(cursor__gt=F("end"), cursor__lte=F("course__last_position"))


def _finder(rows: Callable[[], QuerySet[Lane]]) -> Callable[[Scope], Iterator[Found]]:
    """Return the function that finds these lanes and remembers their cursor and end."""

    def find(scope: Scope) -> Iterator[Found]:
        columns = ("pk", "target_id", "course_id", "cursor", "end", "course__last_position")
        chosen = rows().filter(scope.of_lanes()).order_by("pk").values_list(*columns)
        for pk, target_id, course_id, cursor, end, last in chosen:
            values = {"cursor": cursor, "end": end, "last": last}
            target, course = scope.target_name(target_id), scope.course_key(course_id)
            yield Found(str(pk), target, course, values=values, seen=(course_id, cursor, end, last))

    return find


@transaction.atomic
def _begin_anew(found: Found) -> bool:
    """Make the lane start with a snapshot. Its next sequence is above every one that the receiver can have had."""
    lane, course = _locked(found)
    if course is None:
        return False
    moment = Course.objects.annotate(now=DatabaseNow()).values_list("now", flat=True).get(pk=course.pk)
    sequence = Greatest(F("sequence") + 1, int(moment.timestamp() * 1000))
    return bool(begin_anew(lane.filter(leases.free()), end=course.last_position, sequence=sequence))


@transaction.atomic
def _set_end(found: Found) -> bool:
    """Set the end of the lane to the end of the journal, and make the lane due."""
    lane, course = _locked(found)
    due_at = Coalesce("due_at", DatabaseNow())
    return course is not None and bool(lane.update(end=course.last_position, due_at=due_at))


@transaction.atomic
def _raise_end(found: Found) -> bool:
    lane, course = _locked(found)
    return course is not None and bool(lane.update(end=F("cursor")))


def _locked(found: Found) -> tuple[QuerySet[Lane], Course | None]:
    """Lock the course, as the recorder does, and return the lane if it still has the cursor and the end that were seen.

    The course is None if its journal has grown or changed since.
    """
    course_id, cursor, end, last = found.seen
    course = lock(Course(pk=course_id))
    lane = Lane.objects.filter(pk=int(found.key), cursor=cursor, end=end)
    return lane, course if course.last_position == last else None


CURSOR_CHECKS = (
    Check(
        "cursor-beyond-journal", Severity.ERROR,
        _("The cursor of the lane is {cursor}, but the journal ends at {last}: changes would be skipped."),
        _("The lane begins anew with a snapshot of the course. Its open envelope and its problems are dropped."),
        _finder(_beyond_journal), one_by_one(_begin_anew),
    ),
    Check(
        "end-beyond-journal", Severity.ERROR,
        _("The end of the lane is {end}, but the journal of the course ends at {last}: changes would be skipped."),
        _("The end of the lane is set to the end of the journal."),
        _finder(_end_beyond_journal), one_by_one(_set_end),
    ),
    Check(
        "end-behind-journal", Severity.ERROR,
        _("The journal holds operations for the lane after its end, {end}. They count as delivered, and are not."),
        _("The end of the lane is set to the end of the journal, and the lane is made due."),
        _finder(_end_behind_journal), one_by_one(_set_end),
    ),
    Check(
        "end-behind-cursor", Severity.INFO,
        _("The end of the lane is {end}, and its cursor is already at {cursor}."),
        _("The end is set to the cursor."),
        _finder(_end_behind_cursor), one_by_one(_raise_end),
    ),
)  # fmt: skip
