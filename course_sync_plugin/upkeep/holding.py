"""Approving a held run: exactly that version, exactly that set."""

from __future__ import annotations

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import CourseSyncError, UnknownName
from course_sync_plugin.held import deleted_ids
from course_sync_plugin.models import HeldRun, digest_of
from course_sync_plugin.sources import get_source
from course_sync_plugin.sync import CourseSync, SyncResult, sync_course


@attrs.frozen
class HeldPlan:
    """What approving a held run would delete now, by entity id.

    ``published_version`` is the one that is published now; ``error`` says why the course cannot be read.
    """

    course_key: str
    published_version: str
    deletes: tuple[str, ...]
    of: int
    error: str = ""


def held_plans(course_key: str = "") -> list[HeldPlan]:
    """Return what is held, of one course or of all, as it would be carried out now. Raises UnknownName."""
    return [_plan(held) for held in _held(course_key)]


def approve(course_key: str = "") -> list[SyncResult]:
    """Approve what is held and record it. A version or a set that has changed since is held anew, unapproved."""
    results = []
    for held in _held(course_key):
        this_one = HeldRun.objects.filter(
            pk=held.pk, published_version=held.published_version, set_digest=held.set_digest
        )
        this_one.update(approved=True)
        results.append(sync_course(held.course.key))
    return results


def _held(course_key: str) -> list[HeldRun]:
    held = HeldRun.objects.select_related("course").order_by("since")
    if course_key:
        held = held.filter(course__key_digest=digest_of(course_key))
        if not held:
            raise UnknownName(_("Nothing of {course} is held.").format(course=course_key))
    return list(held)


def _plan(held: HeldRun) -> HeldPlan:
    try:
        result = CourseSync(held.course.key, get_source()).plan()
    except CourseSyncError as error:
        return HeldPlan(held.course.key, held.published_version, (), held.of, error.message)
    return HeldPlan(held.course.key, result.published_version, tuple(deleted_ids(result.operations)), held.of)
