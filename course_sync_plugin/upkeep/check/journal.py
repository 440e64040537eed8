"""Checks of the journal: its last position, and the unbroken positions that lanes still need."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count, F, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.journal.append import lock
from course_sync_plugin.lanes.due import wake_lanes
from course_sync_plugin.models import Course, JournalOperation, Lane
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity, one_by_one


def _find_beyond(scope: Scope) -> Iterator[Found]:
    top = JournalOperation.objects.filter(course=OuterRef("pk")).order_by("-position").values("position")[:1]
    rows = Course.objects.filter(scope.of_courses()).annotate(top=Subquery(top)).filter(top__gt=F("last_position"))
    for pk, key, last, top_position in rows.order_by("pk").values_list("pk", "key", "last_position", "top"):
        values = {"last": last, "top": top_position}
        yield Found(str(pk), course=key, values=values, seen=(last, top_position))


@transaction.atomic
def _raise_last(found: Found) -> bool:
    """Set the last position of the course to the last one in its journal, and make its lanes due."""
    last, top = found.seen
    course = lock(Course(pk=int(found.key)))
    if course.last_position != last:
        return False
    Course.objects.filter(pk=course.pk).update(last_position=top)
    wake_lanes(Course.objects.get(pk=course.pk))
    return True


def _find_gaps(scope: Scope) -> Iterator[Found]:
    """Find courses whose journal lacks a position that a lane has not passed. Older positions may be pruned."""
    lanes = Lane.objects.filter(course=OuterRef("pk"), cursor__isnull=False).order_by()
    low = lanes.values("course").annotate(low=Min("cursor")).values("low")
    ahead = JournalOperation.objects.filter(course=OuterRef("pk"), position__gt=OuterRef("low")).order_by()
    count = ahead.values("course").annotate(count=Count("pk")).values("count")
    behind = Course.objects.filter(scope.of_courses()).annotate(low=Subquery(low)).filter(low__lt=F("last_position"))
    rows = behind.annotate(there=Coalesce(Subquery(count), 0)).filter(there__lt=F("last_position") - F("low"))
    for pk, key, first, last, there in rows.order_by("pk").values_list("pk", "key", "low", "last_position", "there"):
        yield Found(str(pk), course=key, values={"first": first + 1, "last": last, "lacking": last - first - there})


JOURNAL_CHECKS = (
    Check(
        "journal-beyond-course", Severity.ERROR,
        _("The course ends at position {last}, but its journal at {top}: the next run could not be recorded."),
        _("The last position of the course is set to that of its journal, and its lanes are made due."),
        _find_beyond, one_by_one(_raise_last),
    ),
    Check(
        "journal-gap", Severity.ERROR,
        _("The journal lacks {lacking} of the positions {first} to {last}, which a lane still needs."),
        "",
        _find_gaps,
    ),
)  # fmt: skip
