"""Sweeps for missed publishes and forgotten lanes.

It compares the published versions with the recorded ones, so it finds a missed publish for any cause.
"""

from __future__ import annotations

import attrs
from django.db.models import Exists, F, OuterRef, Q

from course_sync_plugin import toggles
from course_sync_plugin.lanes.breaker import heal
from course_sync_plugin.lanes.due import make_missing_lanes
from course_sync_plugin.lanes.site import adopt_targets
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Activity, Course, DatabaseNow, Lane, Marker, bulk
from course_sync_plugin.sanitize.limits import MOMENT
from course_sync_plugin.structure.sources import get_source

log = get_logger(__name__)


@attrs.frozen
class Swept:
    """The result of a sweep.

    ``missed``: ids of courses with a publish that the signal receiver missed; the sweep has marked them. ``unknown``:
    ids of courses that were never recorded; the sweep reports them, and an operator must fill them. ``lanes``: the
    number of lanes that the sweep woke or created.
    """

    missed: tuple[str, ...]
    unknown: tuple[str, ...]
    lanes: int


def sweep() -> Swept:
    """Mark each recorded course whose published version differs from the recorded one; wake and create lanes.

    It wakes lanes that have something to deliver and no due time, creates missing lanes, and lets a target be probed
    whose lanes have all stopped because of it. One query of the source and nine of ours, for any number of courses. Its
    end is stored, so that ``status`` can warn if there are no sweeps.
    """
    if toggles.is_stopped():
        return Swept((), (), 0)
    published = dict(get_source().published_versions())
    known = _recorded_courses()
    unmarked = [course for course, is_marked in known.items() if not is_marked]
    missed = [course for course in unmarked if _is_missed(course, published.get(course.key, ""))]
    bulk.insert(Marker(course=course, course_key=course.key, seen_at=DatabaseNow()) for course in missed)
    forgotten = Q(due_at=None, failing=False, waiting_for="", cursor__lt=F("end"))
    # No wait is that long: an older release allowed it, or the database's clock was wrong.
    lanes = Lane.objects.filter(forgotten | Q(due_at__gt=DatabaseNow(MOMENT.most)))
    swept = Swept(
        tuple(course.key for course in missed),
        tuple(sorted(published.keys() - {course.key for course in known})),
        lanes.update(due_at=DatabaseNow()) + make_missing_lanes(known),
    )
    adopt_targets()
    heal()
    Activity.note_sweep()
    log.info("course_sync: sweep missed=%s unknown=%s lanes=%s", len(swept.missed), len(swept.unknown), swept.lanes)
    return swept


def _recorded_courses() -> dict[Course, bool]:
    """Return the recorded courses, each read with its held run, and whether each of them is marked."""
    marked = Exists(Marker.objects.filter(course=OuterRef("key_digest")))
    courses = Course.objects.exclude(last_position=0).select_related("held").annotate(marked=marked)
    return {course: course.marked for course in courses}


def _is_missed(course: Course, version: str) -> bool:
    """Tell whether a course was published or deleted since, and is not held for an approval."""
    held = getattr(course, "held", None)
    if held and held.approved:  # the process that was to record the approved run died before it did
        return True
    return version not in (course.published_version, held.published_version if held else course.published_version)
