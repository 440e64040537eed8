"""Checks of the recorded entities: against their own digests, and against the published course, which is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Course, Entity, Marker
from course_sync_plugin.structure.digest import digest
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.sync.course import CourseSync
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity

#: Rows that are read at once.
_ROWS = 500


def _recorded(scope: Scope) -> list[Course]:
    return [course for course in scope.courses.values() if course.published_version]


def _find_digests(scope: Scope) -> Iterator[Found]:
    columns = ("pk", "entity_id", "fields", "digest")
    for course in scope.progress(_recorded(scope), "course"):
        rows = Entity.objects.filter(course=course.pk).order_by("pk").values_list(*columns)
        for pk, entity_id, fields, stored in rows.iterator(chunk_size=_ROWS):
            expected = digest(fields)
            if stored != expected:
                yield Found(str(pk), course=course.key, entity=entity_id, seen=(course.pk, stored, expected))


def _correct_digests(found: Sequence[Found]) -> int:
    return sum(_correct_digest(one) for one in found)


@transaction.atomic
def _correct_digest(found: Found) -> bool:
    """Write the digest of the fields, and have the course read again: the fields may be wrong instead."""
    course_id, stored, expected = found.seen
    _have_read_again(course_id, found.course)
    rows = Entity.objects.filter(pk=int(found.key)).values_list("digest", flat=True)
    if rows.first() != stored:
        transaction.set_rollback(True)
        return False
    Entity.objects.filter(pk=int(found.key)).update(digest=expected)
    return True


def _find_differences(scope: Scope) -> Iterator[Found]:
    """Read each course and compare it. What a coming sync will record is no finding."""
    source = get_source()
    for course in scope.progress(_recorded(scope), "course"):
        try:
            result = CourseSync(course.key, source).plan()
        except CourseSyncError as error:
            scope.could_not_check(course.key, error.message)
            continue
        present = Course.objects.get(pk=course.pk)
        if result.published_version != present.published_version or not present.structure_digest:
            continue
        for one in result.operations:
            how = str(_("a sync would record: {operation}")).format(operation=one.operation)
            seen = (course.pk, present.structure_digest)
            yield Found(f"{course.pk} {one.operation}", "", course.key, one.entity_id, {"how": how}, seen)


def _read_again(found: Sequence[Found]) -> int:
    """Have each course read again, unless it was recorded anew since. Returns the number of differences concerned."""
    courses = {one.course: one.seen for one in found}
    done = {key: _have_read_again(course_id, key, seen) for key, (course_id, seen) in courses.items()}
    return sum(done[one.course] for one in found)


@transaction.atomic
def _have_read_again(course_id: int, course_key: str, structure_digest: str | None = None) -> bool:
    """Forget the digest of the course's structure and put a marker: the next sync reads the course in any case."""
    rows = Course.objects.filter(pk=course_id)
    # Empty: another repair of the same check has forgotten it already.
    rows = rows if structure_digest is None else rows.filter(structure_digest__in=(structure_digest, ""))
    forgotten = bool(rows.update(structure_digest=""))
    if forgotten:
        Marker.put(course_key)
    return forgotten


DEEP_CHECKS = (
    Check(
        "entity-digest", Severity.ERROR,
        _("The stored digest of the entity is not that of its fields, so a sync may not see a change of it."),
        _("The digest is computed anew. The course is marked, and the next sync reads it in any case."),
        _find_digests, _correct_digests,
    ),
    Check(
        "entity-differs", Severity.ERROR,
        _("The recorded entity differs from the published course: {how}."),
        _("The course is marked, and the next sync reads it in any case and records the difference."),
        _find_differences, _read_again,
    ),
)  # fmt: skip
