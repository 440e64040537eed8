"""Checks of the journal: its last position, and the operations that lanes still need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import (
    Aggregate,
    BigIntegerField,
    Case,
    Count,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.journal.append import lock
from course_sync_plugin.lanes.due import wake_lanes
from course_sync_plugin.models import Course, JournalOperation, Lane, Run
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity, one_by_one


def _find_beyond(scope: Scope) -> Iterator[Found]:
    rows = (
        Course.objects.filter(scope.of_courses()).annotate(top=Subquery(_top("pk"))).filter(top__gt=F("last_position"))
    )
    for pk, key, last, top_position in rows.order_by("pk").values_list("pk", "key", "last_position", "top"):
        values = {"last": last, "top": top_position}
        yield Found(str(pk), course=key, values=values, seen=(last, top_position))


def _top(course: str = "course") -> QuerySet[Any]:
    """Return the last position in the journal of a course. ``course``: the outer column with its key."""
    rows = JournalOperation.objects.filter(course=OuterRef(course)).order_by("-position")
    return rows.values("position")[:1]


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
    """Find lanes for which the journal lacks an operation ahead of them.

    ``prune`` deletes what no lane needs: also ahead of a lane, if it was for another lane only. So positions say
    nothing; each run for all lanes, or for this one, must have all of its operations. The last operation of a course
    always stays.
    """
    behind = Lane.objects.filter(scope.of_lanes(), cursor__lt=F("end"))
    counted = behind.annotate(passed=_run_at_cursor()).annotate(
        written=_sum(_runs_ahead(), Sum("operations_count")),
        there=_sum(_operations_ahead(), Count("pk")),
        inside=Coalesce(Subquery(_of_run_at_cursor(), output_field=IntegerField()), 0),
        at_the_end=F("course__last_position") - Coalesce(Subquery(_top()), 0),
    )
    lacking = Greatest(F("written") - F("there") + F("inside"), F("at_the_end"))
    rows = counted.annotate(lacking=lacking).filter(lacking__gt=0).order_by("pk")
    for lane in rows.select_related("course").only("cursor", "end", "target_id", "course__key"):
        values = {"first": (lane.cursor or 0) + 1, "last": lane.end, "lacking": lane.lacking}
        yield Found(str(lane.pk), scope.target_name(lane.target_id), lane.course.key, values=values)


def _run_at_cursor() -> Case:
    """Return as SQL the run that a lane has begun: that of the operation at its cursor, or else the next run it needs.

    The operation at the cursor may have been for another lane, and be pruned.
    """
    at_cursor = JournalOperation.objects.filter(course=OuterRef("course"), position=OuterRef("cursor"))
    ahead = _operations(Q(position__gt=OuterRef("cursor"))).order_by("position")
    begun = Coalesce(Subquery(at_cursor.values("run")[:1]), Subquery(ahead.values("run")[:1]))
    return Case(When(cursor=0, then=Value(0)), default=begun, output_field=BigIntegerField())


def _runs_ahead() -> QuerySet[Run]:
    return Run.objects.filter(_for_lane(), course=OuterRef("course"), pk__gt=OuterRef("passed"))


def _operations_ahead() -> QuerySet[JournalOperation]:
    return _operations(Q(position__gt=OuterRef("cursor"), run__gt=OuterRef("passed")))


def _of_run_at_cursor() -> QuerySet[Any]:
    """Return how many positions are missing between the first and the last one that is there, from the cursor on."""
    rows = _operations(Q(position__gte=OuterRef("cursor"), run=OuterRef("passed"))).order_by().values("run")
    return rows.annotate(lacking=Max("position") - Min("position") + 1 - Count("pk")).values("lacking")


def _operations(condition: Q) -> QuerySet[JournalOperation]:
    return JournalOperation.objects.filter(_for_lane(), course=OuterRef("course")).filter(condition)


def _for_lane() -> Q:
    return Q(lane=None) | Q(lane=OuterRef("pk"))


def _sum(rows: QuerySet[Any], number: Aggregate) -> Coalesce:
    return Coalesce(Subquery(rows.order_by().values("course").annotate(number=number).values("number")), 0)


JOURNAL_CHECKS = (
    Check(
        "journal-beyond-course", Severity.ERROR,
        _("The course ends at position {last}, but its journal at {top}: the next run could not be recorded."),
        _("The last position of the course is set to that of its journal, and its lanes are made due."),
        _find_beyond, one_by_one(_raise_last),
    ),
    Check(
        "journal-gap", Severity.ERROR,
        _("The journal lacks {lacking} of the operations {first} to {last} that the lane still needs."),
        "",
        _find_gaps,
    ),
)  # fmt: skip
