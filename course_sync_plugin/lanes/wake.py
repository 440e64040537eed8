"""Making lanes due: when something was recorded, and when a target is new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from course_sync_plugin import bulk
from course_sync_plugin.models import Course, DatabaseNow, Lane, Target


def wake_lanes(course: Course) -> None:
    """Make every lane of a course due, after its journal has grown; make the lanes that are missing.

    A lane that waits for its next attempt keeps its due time. The new end is written in the same UPDATE, so a worker
    that is just falling asleep sees it (:func:`course_sync_plugin.lanes.claim.sleep`).
    """
    lanes = Lane.objects.filter(course=course)
    make_lanes(missing_lanes(_targets(), [course], lanes))
    lanes.update(end=course.last_position, due_at=Coalesce("due_at", DatabaseNow()))


def make_missing_lanes(courses: Iterable[Course]) -> int:
    """Make the lanes that recorded courses should have and have not; return how many.

    A target that is added while a course is recorded for the first time sees no course, and the recorder no target.
    """
    recorded = [course for course in courses if course.published_version]
    missing = missing_lanes(_targets(), recorded, Lane.objects.all())
    make_lanes(missing)
    return len(missing)


def missing_lanes(
    targets: Iterable[Target], courses: Sequence[Course], lanes: QuerySet[Lane]
) -> list[tuple[Target, Course]]:
    """Return the targets with the courses that they want and have no lane for among ``lanes``. One query."""
    there = set(lanes.values_list("target_id", "course_id"))
    pairs = ((target, course) for target in targets for course in courses)
    return [
        (target, course) for target, course in pairs if (target.pk, course.pk) not in there and target.wants(course)
    ]


def make_lanes(wanted: Iterable[tuple[Target, Course]]) -> None:
    """Make lanes, due at once; those that exist stay as they are.

    Sequences begin with the database's time (milliseconds since 1970), so that they grow even where a target is removed
    and added again: a receiver takes a lower one for late.
    """
    wanted = list(wanted)
    if not wanted:
        return
    now = Course.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    first = int(now.timestamp() * 1000)
    lanes = (
        Lane(target=target, course=course, end=course.last_position, due_at=DatabaseNow(), sequence=first)
        for target, course in wanted
    )
    bulk.insert(lanes, ignore_conflicts=True)


def nudge(lanes: QuerySet[Lane]) -> None:
    """Make lanes due now, with all their attempts before them, and looked at again. What the last attempt said is
    forgotten.
    """
    said = {"last_error": "", "last_warning": "", "waiting_for": ""}
    lanes.update(due_at=DatabaseNow(), nudged=True, attempts=0, failing=False, **said)


def _targets() -> QuerySet[Target]:
    return Target.objects.filter(disabled_reason="").prefetch_related("subscriptions")
