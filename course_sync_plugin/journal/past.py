"""Takes the journal of a course back: what was recorded at an earlier position, or at an earlier time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, pairwise

from django.db.models import Min, Q, QuerySet

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.apply import apply
from course_sync_plugin.diff.reverse import CannotReverse, reverse
from course_sync_plugin.models import Course, JournalOperation, Lane, Run, RunKind

#: Runs for one lane that take the place of runs for all lanes.
_REPLACING = (RunKind.DIFFERENCE, RunKind.DELETION)

_PRUNED = "operations since then were pruned"


def as_of(course: Course, now: Structure, position: int, lane: Lane | None = None) -> Structure:
    """Return a course as it was recorded when ``position`` was the last one in its journal.

    ``now``: the course as it is recorded (``stored_structure``). ``lane``: take back what replaces a backlog of this
    lane too. In the middle of a run only its first operations count. Raises CannotReverse if operations after that
    position were pruned, or do not lead to what is recorded.
    """
    if position >= course.last_position:
        return now
    operations = _changes(course, lane)
    begun = _begun(operations, position)
    start = begun[0].position - 1 if begun else position
    _check_complete(course, start)
    before = reverse(_newest_first(operations.filter(position__gt=start)), now)
    return apply((row.as_operation() for row in begun), before)


def position_at(course: Course, moment: datetime) -> int:
    """Return the last position in a course's journal at a moment."""
    later = _runs(course).filter(ended_at__gt=moment).order_by("pk").annotate(first=Min("operations__position"))
    run = later.exclude(first=None).first()
    return course.last_position if run is None else run.first - 1


def known_since(course: Course) -> datetime | None:
    """Return the time from which on a course can be shown. None: from the beginning, because nothing was pruned."""
    missing = _last_missing(course)
    runs = _runs(course).annotate(first=Min("operations__position")).order_by("pk")
    if not missing:
        return None
    run = runs.filter(first__gt=missing).first() or runs.last()
    return run.ended_at if run else None


def _runs(course: Course) -> QuerySet[Run]:
    return Run.objects.filter(course=course, lane=None)


def _changes(course: Course, lane: Lane | None) -> QuerySet[JournalOperation]:
    wanted = Q(lane=None) | Q(lane=lane, run__kind__in=_REPLACING) if lane else Q(lane=None)
    return JournalOperation.objects.filter(wanted, course=course)


def _begun(operations: QuerySet[JournalOperation], position: int) -> list[JournalOperation]:
    """Return the operations up to ``position`` of the run that goes on after it.

    Raises CannotReverse if that run is not whole: a run can only be taken back as a whole.
    """
    after = operations.filter(position__gt=position).select_related("run").order_by("position").first()
    if after is None:
        return []
    of_run = operations.filter(run=after.run_id)
    if of_run.count() != after.run.operations_count:
        raise CannotReverse(_PRUNED)
    return list(of_run.filter(position__lte=position).order_by("position"))


def _newest_first(operations: QuerySet[JournalOperation]) -> Iterator[list[Operation]]:
    """Yield the operations of each run, the newest run first. In memory is one run at a time."""
    rows = operations.order_by("-position").iterator(chunk_size=2000)
    for _run, of_run in groupby(rows, key=lambda row: row.run_id):
        yield [row.as_operation() for row in of_run][::-1]


def _check_complete(course: Course, position: int) -> None:
    present = JournalOperation.objects.filter(course=course, position__gt=position).count()
    if present != course.last_position - position:
        raise CannotReverse(_PRUNED)


def _last_missing(course: Course) -> int:
    """Return the last position that was pruned, or 0. Only a journal with gaps is walked through."""
    rows = JournalOperation.objects.filter(course=course)
    if rows.count() == course.last_position:
        return 0
    positions = rows.order_by("-position").values_list("position", flat=True).iterator(chunk_size=5000)
    for later, earlier in pairwise([course.last_position + 1, *positions, 0]):
        if later - earlier > 1:
            return later - 1
    return 0
