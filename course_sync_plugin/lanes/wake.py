"""Making lanes due: when something was recorded, and when a target is new."""

from __future__ import annotations

import time
from collections.abc import Iterable

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from course_sync_plugin.models import Course, DatabaseNow, Lane, Target


def wake_lanes(course: Course) -> None:
    """Make every lane of a course due, after its journal has grown; make the lanes that are missing.

    A lane that waits for its next attempt keeps its due time. The new end is written in the same UPDATE, so a worker
    that is just falling asleep sees it (:func:`course_sync_plugin.lanes.claim.sleep`).
    """
    targets = Target.objects.filter(disabled_reason="").prefetch_related("subscriptions")
    make_lanes((target, course) for target in targets if target.wants(course))
    lanes = Lane.objects.filter(course=course)
    lanes.update(end=course.last_position, due_at=Coalesce("due_at", DatabaseNow()))


def make_lanes(wanted: Iterable[tuple[Target, Course]]) -> None:
    """Make lanes, due at once; those that exist stay as they are.

    Sequences begin with the time (milliseconds since 1970), so that they grow even where a target is removed and added
    again: a receiver takes a lower one for late.
    """
    first = int(time.time() * 1000)
    lanes = [
        Lane(target=target, course=course, end=course.last_position, due_at=DatabaseNow(), sequence=first)
        for target, course in wanted
    ]
    Lane.objects.bulk_create(lanes, ignore_conflicts=True)


def nudge(lanes: QuerySet[Lane]) -> int:
    """Make lanes due now, with all their attempts before them, and looked at again; return how many."""
    return lanes.update(due_at=DatabaseNow(), nudged=True, attempts=0, failing=False, last_error="", waiting_for="")
