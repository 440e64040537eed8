"""Appends a run to a course's journal. The lock of the course's row keeps the positions without gaps."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F

from course_sync_plugin.data import Operation
from course_sync_plugin.models import Course, DatabaseNow, JournalOperation, Lane, Run, RunKind, bulk


def lock(course: Course) -> Course:
    """Lock a course's row until the transaction ends and return the row as it is now.

    The lock is an UPDATE: SQLite has no SELECT FOR UPDATE, and a transaction that begins with a write never has to
    upgrade its lock there.
    """
    Course.objects.filter(pk=course.pk).update(last_position=F("last_position"))
    return Course.objects.get(pk=course.pk)


def append(
    course: Course,
    operations: Sequence[Operation],
    kind: RunKind,
    *,
    lane: Lane | None = None,
    seconds: float = 0,
    incomplete: bool = False,
) -> Run:
    """Append a run of ``operations`` after ``course.last_position``, inside the transaction that locked the course.

    ``course`` holds the version that the run leads to. ``lane``: the only lane that gets the run; None for all lanes.
    ``seconds``: the time that the run has taken so far. The number of queries only grows with the number of chunks
    (500 operations or 4 MiB each).
    """
    run = Run.objects.create(
        course=course,
        lane=lane,
        target_name=lane.target.name if lane else None,
        kind=kind,
        published_version=course.published_version,
        began_at=DatabaseNow(-seconds),
        ended_at=DatabaseNow(),
        operations_count=len(operations),
        incomplete=incomplete,
    )
    start = course.last_position + 1
    bulk.insert(JournalOperation.of(operation, run, at) for at, operation in enumerate(operations, start))
    course.last_position += len(operations)
    Course.objects.filter(pk=course.pk).update(last_position=course.last_position)
    return run
