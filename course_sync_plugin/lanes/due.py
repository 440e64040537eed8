"""Makes lanes due when a run was recorded, creates missing lanes, and wakes lanes for an operator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from course_sync_plugin.models import NO_ATTEMPTS, Course, DatabaseNow, Lane, Target, bulk


def wake_lanes(course: Course, *, urgent: bool = False) -> None:
    """Make every lane of a course due after its journal has grown, and create its missing lanes.

    A lane that waits for its next attempt keeps its due time. The same UPDATE writes the new end of the journal, so a
    worker that is giving the lane back sees it (:func:`course_sync_plugin.lanes.claim.sleep`). ``urgent``: the run
    changes what learners see, so these lanes come before others until they have delivered it.
    """
    lanes = Lane.objects.filter(course=course)
    make_lanes(missing_lanes(_targets(), [course], lanes))
    rank = {"urgent": True} if urgent else {}
    lanes.update(end=course.last_position, due_at=Coalesce("due_at", DatabaseNow()), **rank)


def make_missing_lanes(courses: Iterable[Course]) -> int:
    """Create the lanes that recorded courses should have and do not have. Returns their number.

    A lane is missing if a target was added while a course was recorded for the first time: ``add-target`` did not see
    the course yet, and the recorder did not see the target.
    """
    recorded = [course for course in courses if course.published_version]
    missing = missing_lanes(_targets(), recorded, Lane.objects.all())
    make_lanes(missing)
    return len(missing)


def missing_lanes(
    targets: Iterable[Target], courses: Sequence[Course], lanes: QuerySet[Lane]
) -> list[tuple[Target, Course]]:
    """Return each target with each course that it wants and has no lane for among ``lanes``. One query."""
    there = set(lanes.values_list("target_id", "course_id"))
    pairs = ((target, course) for target in targets for course in courses)
    return [
        (target, course) for target, course in pairs if (target.pk, course.pk) not in there and target.wants(course)
    ]


def make_lanes(wanted: Iterable[tuple[Target, Course]]) -> None:
    """Create lanes that are due at once; lanes that exist stay as they are.

    A lane's sequence begins with the database's time (milliseconds since 1970). So it grows even if a target is removed
    and added again: a receiver ignores a lower sequence as a late message.
    """
    wanted = list(wanted)
    if not wanted:
        return
    now = Course.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    first = int(now.timestamp() * 1000)
    lanes = (
        Lane(
            target=target, course=course, end=course.last_position, due_at=DatabaseNow(), sequence=first, created_at=now
        )
        for target, course in wanted
    )
    bulk.insert(lanes, ignore_conflicts=True)


def nudge(lanes: QuerySet[Lane]) -> None:
    """Make lanes due now, with all their attempts left. A worker that holds one of them reads its state again.

    The error and the warning of the last attempt are cleared.
    """
    lanes.update(due_at=DatabaseNow(), nudged=True, last_warning="", waiting_for="", **NO_ATTEMPTS)


def _targets() -> QuerySet[Target]:
    return Target.objects.filter(disabled_reason="").prefetch_related("subscriptions")
