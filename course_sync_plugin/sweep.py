"""Finding what was missed, whatever the cause: one comparison of versions, and lanes that nobody woke."""

from __future__ import annotations

import attrs
from django.db.models import Exists, F, OuterRef, Q

from course_sync_plugin import bulk, toggles
from course_sync_plugin.lanes.wake import make_missing_lanes
from course_sync_plugin.limits import MOMENT
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Course, DatabaseNow, Lane, Marker
from course_sync_plugin.sources import get_source

log = get_logger(__name__)


@attrs.frozen
class Swept:
    """What a sweep found. ``missed``: courses that were published without our noticing, now marked.
    ``unknown``: courses that were never recorded; they are reported and never filled by themselves. ``lanes``: lanes
    that nobody had woken, or made.
    """

    missed: tuple[str, ...]
    unknown: tuple[str, ...]
    lanes: int


def sweep() -> Swept:
    """Mark every known course whose published version is not the recorded one, wake forgotten lanes, make missing ones.

    One query of the source and six of ours, whatever the number of courses.
    """
    if toggles.is_stopped():
        return Swept((), (), 0)
    published = dict(get_source().published_versions())
    known = _known()
    missed = [course for course in known if _is_missed(course, published.get(course.key, ""))]
    bulk.insert(Marker(course=course, course_key=course.key, seen_at=DatabaseNow()) for course in missed)
    forgotten = Q(due_at=None, failing=False, waiting_for="", cursor__lt=F("end"))
    # No wait is so long: it was let through by an older version, or the database's clock was wrong.
    lanes = Lane.objects.filter(forgotten | Q(due_at__gt=DatabaseNow(MOMENT.most)))
    swept = Swept(
        tuple(course.key for course in missed),
        tuple(sorted(published.keys() - {course.key for course in known})),
        lanes.update(due_at=DatabaseNow()) + make_missing_lanes(known),
    )
    log.info("course_sync: sweep missed=%s unknown=%s lanes=%s", len(swept.missed), len(swept.unknown), swept.lanes)
    return swept


def _known() -> list[Course]:
    """Courses that were recorded, each with whether it is marked and what is held of it."""
    marked = Exists(Marker.objects.filter(course=OuterRef("key_digest")))
    return list(Course.objects.exclude(last_position=0).select_related("held").annotate(marked=marked))


def _is_missed(course: Course, version: str) -> bool:
    """Tell whether a course moved on, or is gone, and neither is marked nor waits for an operator's word."""
    held = getattr(course, "held", None)
    if course.marked:
        return False
    if held and held.approved:  # whoever was to carry it out died on the way
        return True
    return version not in (course.published_version, held.published_version if held else course.published_version)
