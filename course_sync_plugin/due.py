"""Which courses are due: published, and quiet since, but nobody waits for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet

from course_sync_plugin import toggles
from course_sync_plugin.models import DatabaseNow, Marker, digest_of
from course_sync_plugin.record import put_markers_off
from course_sync_plugin.sources import get_source
from course_sync_plugin.structure.source import Source
from course_sync_plugin.sync import CourseSync, Outcome, sync_course

#: Seconds after which to look again at least: a course in other hands is not asked for all the time.
SHORTEST_WAIT = 1.0


def due_courses() -> list[str]:
    """Return the course ids that are due, the longest waiting first. One query."""
    quiet = Q(last__lte=DatabaseNow(-settings.COURSE_SYNC_QUIET_SECONDS))
    too_long = Q(first__lte=DatabaseNow(-settings.COURSE_SYNC_MAX_WAIT_SECONDS))
    due = _marked().filter(quiet | too_long).order_by("first", "key")
    return [row["key"] for row in due]


def marked_courses() -> list[str]:
    """Return the course ids that were published since they were last synced, quiet or not."""
    return sorted(set(Marker.objects.values_list("course_key", flat=True)))


def sync_marked(seconds: float = 20) -> float | None:
    """Sync the courses that are due, for about so many seconds; one that fails does not stop the rest.

    Returns after how many seconds to look again: 0 where the time was up, None where nothing is marked that waiting
    would make due.
    """
    until = time.monotonic() + seconds
    if toggles.is_stopped():
        return None
    source = get_source()
    for course_key in due_courses():
        if time.monotonic() > until:
            return 0
        sync_due(course_key, source)
    return max(settings.COURSE_SYNC_QUIET_SECONDS, SHORTEST_WAIT) if _marked().exists() else None


def sync_due(course_key: str, source: Source, begun: Callable[[CourseSync], object] = lambda sync: None) -> Outcome:
    """Sync one course that is due; return how it ended. One that is excluded is looked at again later."""
    outcome = sync_course(course_key, source, begun=begun).outcome
    if outcome is Outcome.EXCLUDED:
        _put_off(course_key)
    return outcome


def _put_off(course_key: str) -> None:
    """Look at an excluded course again later."""
    markers = Marker.objects.filter(course=digest_of(course_key))
    put_markers_off(list(markers.values_list("pk", flat=True)), toggles.EXCLUDED_WAIT)


def _marked() -> QuerySet[Marker, dict[str, object]]:
    """Marked courses with their first and last marker. Those of a course that could not be read lie ahead."""
    there = Marker.objects.filter(seen_at__lte=DatabaseNow())
    # By the digest of the key, which knows upper case from lower case on every database.
    return there.values("course").annotate(key=Min("course_key"), last=Max("seen_at"), first=Min("seen_at"))
