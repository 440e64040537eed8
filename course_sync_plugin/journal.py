"""Appending a run to a course's journal: positions are handed out under the lock of the course's row."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F

from course_sync_plugin import bulk
from course_sync_plugin.data import Operation
from course_sync_plugin.models import Course, DatabaseNow, JournalOperation, Lane, Run, RunKind


def lock(course: Course) -> Course:
    """Lock a course's row until the transaction ends and return it as it is now.

    An UPDATE, since SQLite knows no SELECT FOR UPDATE and a transaction that begins with a write never has to be
    upgraded there.
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
    """Append a run of ``operations`` behind ``course.last_position``, inside the transaction that locked the course.

    ``course`` carries the version that the run leads to; ``seconds`` is how long it took so far. The number of queries
    grows with chunks of 500 operations, or of 4 MiB, alone.
    """
    run = Run.objects.create(
        course=course,
        lane=lane,
        target_name=lane and lane.target.name,
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
