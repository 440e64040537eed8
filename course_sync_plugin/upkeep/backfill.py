"""Filling what is there already: courses that were never recorded, and lanes that a target does not have yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin import toggles
from course_sync_plugin.keys import org_of
from course_sync_plugin.lanes.wake import make_lanes, missing_lanes
from course_sync_plugin.models import Course, Lane, Target, digest_of
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


def backfill(courses: Iterable[str], target: str = "", dry_run: bool = False) -> Iterator[Filled]:
    """Record each course that is not recorded yet and give every target its lanes; with ``target``, only what it wants.

    One course that cannot be read does not stop the rest.
    """
    targets = list(Target.objects.prefetch_related("subscriptions").order_by("name"))
    only = get_target(target) if target else None
    for course_key in courses:
        course = Course.objects.filter(key_digest=digest_of(course_key)).first()
        course = course or Course(key=course_key, org=org_of(course_key))
        yield _skipped(course, only) or _fill(course, [only] if only else targets, dry_run)


def _skipped(course: Course, only: Target | None) -> Filled | None:
    if toggles.is_excluded(course.key):
        return Filled(course.key, False, _("skipped: excluded by course_sync.excluded"))
    if only and not only.wants(course):
        return Filled(course.key, False, _("skipped: {name} does not want it").format(name=only.name))
    return None


def _fill(course: Course, targets: Sequence[Target], dry_run: bool) -> Filled:
    course_key = course.key
    if not course.last_position:
        return _record(course_key, dry_run)
    missing = missing_lanes(targets, [course], Lane.objects.filter(course=course))
    if not missing:
        return Filled(course_key, False, _("skipped: recorded, and every target that wants it has a lane"))
    names = ", ".join(target.name for target, _course in missing)
    if dry_run:
        return Filled(course_key, True, _("would send a snapshot to {names}").format(names=names))
    make_lanes(missing)
    return Filled(course_key, True, _("snapshot due for {names}").format(names=names))


def _record(course_key: str, dry_run: bool) -> Filled:
    if dry_run:
        return Filled(course_key, True, _("would be recorded for the first time"))
    result = sync_course(course_key)
    if result.outcome is Outcome.RECORDED:
        return Filled(course_key, True, _("recorded: {n} entities").format(n=len(result.operations)))
    failed = result.outcome in (Outcome.UNREADABLE, Outcome.STOPPED)
    return Filled(course_key, False, result.error or result.outcome.value, failed)
