"""Checks of courses: old leases, markers that are stuck or missing, and held runs that no longer hold."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models import Course, DatabaseNow, HeldRun, Marker, digest_of
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity, one_by_one
from course_sync_plugin.upkeep.check.lanes import FORGOTTEN_SECONDS, forgotten

#: Seconds ahead from which a marker is stuck: no sync postpones one by more than an hour.
POSTPONED_SECONDS = 24 * 3600


def _find_leases(scope: Scope) -> Iterator[Found]:
    rows = Course.objects.filter(forgotten(), scope.of_courses()).order_by("pk")
    for pk, key, token in rows.values_list("pk", "key", "lease_token"):
        yield Found(str(pk), course=key, seen=(token,))


def _release(found: Found) -> bool:
    """Release the lease and put a marker: the sync that held it did not come to its end."""
    rows = Course.objects.filter(forgotten(), pk=int(found.key), lease_token=found.seen[0])
    released = bool(rows.update(lease_token="", lease_until=None))
    if released:
        Marker.put(found.course)
    return released


def _markers(scope: Scope) -> QuerySet[Marker]:
    return Marker.objects.filter(course_id=scope.course.key_digest) if scope.course else Marker.objects.all()


def _find_postponed(scope: Scope) -> Iterator[Found]:
    rows = _markers(scope).filter(seen_at__gt=DatabaseNow(POSTPONED_SECONDS)).order_by("pk")
    for pk, key in rows.values_list("pk", "course_key"):
        yield Found(str(pk), course=key)


def _make_due(found: Found) -> bool:
    postponed = Marker.objects.filter(seen_at__gt=DatabaseNow(POSTPONED_SECONDS))
    return bool(postponed.filter(pk=int(found.key)).update(seen_at=DatabaseNow()))


def _find_overdue(scope: Scope) -> Iterator[Found]:
    """Find the courses that no process syncs. Those that a worker reads at this moment do not count."""
    first = _markers(scope).values("course").annotate(key=Min("course_key"), first=Min("seen_at"))
    overdue = first.filter(first__lt=DatabaseNow(-FORGOTTEN_SECONDS)).order_by("key")
    leased = set(Course.objects.exclude(lease_token="").values_list("key_digest", flat=True))
    for row in overdue:
        if row["course"] not in leased:
            yield Found(row["course"], course=row["key"])


def _without_marker() -> QuerySet[Course]:
    """Return the recorded courses without a marker. Only a marker makes a course due."""
    marked = Exists(Marker.objects.filter(course=OuterRef("key_digest")))
    return Course.objects.filter(~marked, last_position__gt=0)


def _find_unmarked(scope: Scope) -> Iterator[Found]:
    to_read = Q(structure_digest="") & ~Q(published_version="")
    rows = _without_marker().filter(~Q(last_error="") | to_read, scope.of_courses()).order_by("pk")
    for pk, key in rows.values_list("pk", "key"):
        yield Found(str(pk), course=key)


def _put_marker(found: Found) -> bool:
    is_unmarked = _without_marker().filter(key_digest=digest_of(found.course)).exists()
    if is_unmarked:
        Marker.put(found.course)
    return is_unmarked


def _find_held(scope: Scope) -> Iterator[Found]:
    """Find held runs of a version that is not published any more, and approved runs that were never recorded."""
    rows = HeldRun.objects.filter(scope.of_courses("course_id"), course__in=_without_marker()).select_related("course")
    held = list(rows.order_by("pk"))
    keys = [row.course.key for row in held]
    published = dict(get_source().published_versions(keys)) if held else {}
    for row in held:
        if row.approved or row.published_version != published.get(row.course.key, ""):
            yield Found(str(row.pk), course=row.course.key, values={"deletes": row.deletes, "of": row.of})


COURSE_CHECKS = (
    Check(
        "course-lease", Severity.WARNING,
        _("A sync of the course began and never ended. Its lease ran out long ago."),
        _("The lease is released, and the course is marked for a sync."),
        _find_leases, one_by_one(_release),
    ),
    Check(
        "marker-postponed", Severity.ERROR,
        _("The marker of the course is postponed by more than a day, so its publish waits. A clock was wrong."),
        _("The marker counts from now."),
        _find_postponed, one_by_one(_make_due),
    ),
    Check(
        "marker-overdue", Severity.WARNING,
        _("A publish of the course has waited for more than an hour: no process syncs it."),
        "",
        _find_overdue,
    ),
    Check(
        "course-without-marker", Severity.WARNING,
        _("The course must be read again, and no marker makes it due."),
        _("The course is marked for a sync."),
        _find_unmarked, one_by_one(_put_marker),
    ),
    Check(
        "held-run-outdated", Severity.WARNING,
        _(
            "A run is held for a version that is not published, or is approved. "
            "Entities that it deletes: {deletes} of {of}."
        ),
        _("The course is marked for a sync, which records, holds or discards the run."),
        _find_held, one_by_one(_put_marker),
    ),
)  # fmt: skip
