"""Finds the courses that are due and syncs them.

A course is due when nothing was published in it for COURSE_SYNC_QUIET_SECONDS. If publishes follow one another without
a pause, it is due after COURSE_SYNC_MAX_WAIT_SECONDS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.models import Max, Min, Q, QuerySet

from course_sync_plugin import toggles
from course_sync_plugin.models import DatabaseNow, Marker, digest_of
from course_sync_plugin.structure.base import Source
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.sync.course import CourseSync, Outcome, SyncResult, sync_course
from course_sync_plugin.sync.record import postpone_markers

#: Least number of seconds between two looks: the sync does not ask all the time for a course that another worker holds.
SHORTEST_WAIT = 1.0


def due_courses() -> list[str]:
    """Return the course ids that are due, the one that has waited longest first. One query."""
    quiet = Q(last__lte=DatabaseNow(-settings.COURSE_SYNC_QUIET_SECONDS))
    too_long = Q(first__lte=DatabaseNow(-settings.COURSE_SYNC_MAX_WAIT_SECONDS))
    due = _marked().filter(quiet | too_long).order_by("first", "key")
    return [row["key"] for row in due]


def marked_courses() -> list[str]:
    """Return the ids of the courses that were published since their last sync, whether they are due or not."""
    return sorted(set(Marker.objects.values_list("course_key", flat=True)))


def sync_marked(seconds: float = 20, done: Callable[[SyncResult], object] = lambda result: None) -> float | None:
    """Sync the courses that are due, for about ``seconds``; a course that fails does not stop the others.

    Returns the seconds until the next look: 0 if the time was up, None if no marker is left that waiting makes due.
    ``done`` is called with the result of each sync.
    """
    until = time.monotonic() + seconds
    if toggles.is_stopped():
        return None
    source = get_source()
    for course_key in due_courses():
        if time.monotonic() > until:
            return 0
        done(sync_due(course_key, source))
    return max(settings.COURSE_SYNC_QUIET_SECONDS, SHORTEST_WAIT) if _marked().exists() else None


def sync_due(course_key: str, source: Source, begun: Callable[[CourseSync], object] = lambda sync: None) -> SyncResult:
    """Sync one course that is due and return the result. An excluded course is postponed."""
    result = sync_course(course_key, source, begun=begun)
    if result.outcome is Outcome.EXCLUDED:
        _postpone(course_key)
    return result


def _postpone(course_key: str) -> None:
    """Postpone the markers of an excluded course."""
    markers = Marker.objects.filter(course_id=digest_of(course_key))
    postpone_markers(list(markers.values_list("pk", flat=True)), toggles.EXCLUDED_WAIT)


def _marked() -> QuerySet[Marker, dict[str, Any]]:
    """Return the marked courses, each with the times of its first and last marker.

    The markers of a course that could not be read lie in the future and do not count.
    """
    there = Marker.objects.filter(seen_at__lte=DatabaseNow())
    # Grouped by the digest of the key: it tells upper case from lower case on every database.
    return there.values("course").annotate(key=Min("course_key"), last=Max("seen_at"), first=Min("seen_at"))
