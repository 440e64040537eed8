"""Filling what is there already: courses that were never recorded, and lanes that a target does not have yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin import toggles
from course_sync_plugin.keys import org_of
from course_sync_plugin.lanes.wake import make_lanes, missing_lanes
from course_sync_plugin.models import Course, Lane, Target
from course_sync_plugin.sync import Outcome, sync_course
from course_sync_plugin.upkeep.known import among, published_courses
from course_sync_plugin.upkeep.targets import get_target


@attrs.frozen
class Filled:
    """What came of one course: ``done`` or not, and the ``reason``, which also says what was done."""

    course_key: str
    done: bool
    reason: str
    failed: bool = False


def courses_to_fill(courses: Sequence[str] = ()) -> list[str]:
    """Return the course ids to look at: those named, or all that are published.

    Raises ConfigurationError for what is no course key, UnknownName for a course that is not published.
    """
    published = published_courses()
    return [among(published, course) for course in courses] or sorted(published)


def backfill(courses: Sequence[str], target: str = "", dry_run: bool = False) -> Iterator[Filled]:
    """Record each course that is not recorded yet and give every target its lanes; with ``target``, only what it wants.

    One course that cannot be read does not stop the rest. Only a course that has to be read takes queries of its own.
    """
    only = get_target(target) if target else None
    targets = [only] if only else list(Target.objects.prefetch_related("subscriptions").order_by("name"))
    rows = _rows(courses)
    skipped = _skipped(rows, only)
    recorded = [course for course in rows if course.last_position and course.key not in skipped]
    missing = missing_lanes(targets, recorded, Lane.objects.all())
    if not dry_run:
        make_lanes(missing)
    lacking = defaultdict(list)
    for lacks_it, course in missing:
        lacking[course.key].append(lacks_it.name)
    for course in rows:
        yield skipped.get(course.key) or _fill(course, lacking[course.key], dry_run)


def _rows(courses: Sequence[str]) -> list[Course]:
    """The rows of courses, in their order; one that is not written for a course that was never recorded. One query."""
    known = {course.key: course for course in Course.objects.only("key", "org", "last_position")}
    return [known.get(key) or Course(key=key, org=org_of(key)) for key in courses]


def _skipped(courses: Sequence[Course], only: Target | None) -> dict[str, Filled]:
    """What is not to be looked at, by course, with the reason."""
    unwanted = [course.key for course in courses if only and not only.wants(course)]
    excluded = toggles.excluded_among([course.key for course in courses])
    reasons = dict.fromkeys(unwanted, _("skipped: {name} does not want it").format(name=only.name if only else ""))
    reasons |= dict.fromkeys(excluded, _("skipped: excluded by course_sync.excluded"))
    return {key: Filled(key, False, reason) for key, reason in reasons.items()}


def _fill(course: Course, lacking: Sequence[str], dry_run: bool) -> Filled:
    if not course.last_position:
        return _record(course.key, dry_run)
    if not lacking:
        return Filled(course.key, False, _("skipped: recorded, and every target that wants it has a lane"))
    said = _("would send a snapshot to {names}") if dry_run else _("snapshot due for {names}")
    return Filled(course.key, True, said.format(names=", ".join(lacking)))


def _record(course_key: str, dry_run: bool) -> Filled:
    if dry_run:
        return Filled(course_key, True, _("would be recorded for the first time"))
    result = sync_course(course_key)
    if result.outcome is Outcome.RECORDED:
        return Filled(course_key, True, _("recorded: {n} entities").format(n=len(result.operations)))
    failed = result.outcome in (Outcome.UNREADABLE, Outcome.STOPPED)
    return Filled(course_key, False, result.error or result.outcome.value, failed)
