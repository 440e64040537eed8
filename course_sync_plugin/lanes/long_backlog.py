"""Sends a long backlog as what it amounts to: the difference between what the target holds and the course now.

The target holds the course as of the lane's cursor. That structure is made from the recorded entities by taking the
runs after the cursor back. The difference is planned as a whole and appended to the journal for the lane alone, and the
cursor goes just before it. Where this could be wrong, the operations are sent one after the other, as always.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from course_sync_plugin.data import Operation
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.diff.reverse import CannotReverse, reverse
from course_sync_plugin.journal.append import append, lock
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.lanes.apply_verdict import change
from course_sync_plugin.lanes.batches import visible
from course_sync_plugin.lanes.repairs import Undone, repairs
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import UNDONE_STATES, Course, JournalOperation, Lane, Run, RunKind

log = get_logger(__name__)

_COLUMNS = ("run_id", "operation_id", "operation", "entity_type", "entity_id", "block_type", "parent_id", "index")


class LongBacklog:
    """Looks once in a turn whether the lane is far behind and may get the difference."""

    def __init__(self, lane: Lane):
        self._lane = lane
        self._has_looked = False

    def is_due(self) -> bool:
        """Tell whether to look. No query: ``end`` minus the cursor is at least the number of pending operations.

        The target must hold exactly the course as of the cursor: the last message that was sent was accepted, and it
        ended a run. A message that was withdrawn may have been carried out in part.
        """
        lane, limit = self._lane, settings.COURSE_SYNC_LONG_BACKLOG
        if self._has_looked or not limit or lane.cursor is None or lane.end - lane.cursor <= limit:
            return False
        return not lane.closing and 0 < lane.answered_sequence == lane.sequence - 1

    def shorten(self) -> None:
        """Replace the pending operations by the difference, if that is due and right. Raises LeaseLost."""
        if self.is_due():
            self._has_looked = True
            with transaction.atomic():
                course = lock(self._lane.course)
                change(self._lane, end=course.last_position)
                _shorten(self._lane, course)


def _shorten(lane: Lane, course: Course) -> None:
    pending = _ahead(lane).filter(visible(lane)).count()
    if pending <= settings.COURSE_SYNC_LONG_BACKLOG:
        return
    try:
        kind, operations = _plan(lane, course)
        if len(operations) >= pending:
            raise CannotReverse(f"the difference has {len(operations)} operations")
    except CannotReverse as reason:
        log.info(
            "course_sync: target=%s course=%s backlog=%s is sent as it is: %s", lane.target, course, pending, reason
        )
        return
    start = course.last_position
    if operations:
        append(course, operations, kind, lane=lane)
    change(lane, cursor=start, end=course.last_position)
    log.info(
        "course_sync: target=%s course=%s skipped=%s operations of a long backlog, sent=%s as the difference",
        lane.target,
        course,
        pending,
        len(operations),
    )


def _plan(lane: Lane, course: Course) -> tuple[RunKind, list[Operation]]:
    """Return the difference between what the target holds and the course. Raises CannotReverse."""
    if lane.problems.filter(state__in=UNDONE_STATES).exists():
        raise CannotReverse("the lane has problems")
    runs = _Runs(lane, course)
    now = stored_structure(course)
    operations = diff(reverse(runs.shared(), now), now)
    if runs.own:  # planned for this lane earlier, and not sent: what they were to correct is still uncertain
        operations = repairs(now, [Undone(operation) for operation in (*runs.own, *operations)])
    return RunKind.DIFFERENCE if now.entities else RunKind.DELETION, operations


class _Runs:
    """The runs after the cursor of a lane. ``own``: the operations for the lane alone, in their order."""

    def __init__(self, lane: Lane, course: Course):
        self._lane = lane
        self._course = course
        self.own: list[Operation] = []

    def shared(self) -> Iterator[list[Operation]]:
        """Yield the operations of each run for all lanes, the newest run first. Raises CannotReverse.

        In memory is one run at a time. Afterwards ``own`` is complete.
        """
        known = self._known()
        for run_id, operations in self._operations():
            run = known.pop(run_id)
            if not self._is_whole(run, operations):
                continue
            if run.lane_id:
                self.own[:0] = operations
            else:
                yield operations
        if known:
            raise CannotReverse(f"the journal holds no operation of {len(known)} runs")

    def _known(self) -> dict[int, Run]:
        """Return the runs that the lane has not passed, by their keys, which grow with the positions."""
        runs = Run.objects.filter(Q(lane=None) | Q(lane=self._lane), course=self._course)
        first = _ahead(self._lane).filter(visible(self._lane)).order_by("position").values_list("run_id", flat=True)[:1]
        known = {run.pk: run for run in runs.filter(pk__gte=first[0])}
        kinds = {run.kind for run in known.values()}
        if RunKind.SNAPSHOT in kinds:
            raise CannotReverse("a snapshot is pending")
        if RunKind.DELETION in kinds and self._lane.target.options.get("on_course_deleted") == "keep":
            raise CannotReverse("the course was deleted, and the target keeps deleted courses")
        return known

    def _operations(self) -> Iterator[tuple[int, list[Operation]]]:
        columns = (*_COLUMNS, "after_id", "fields", "previous")
        rows = _ahead(self._lane).filter(visible(self._lane)).order_by("-position").values_list(*columns)
        for run_id, of_run in groupby(rows.iterator(chunk_size=2000), key=lambda row: row[0]):
            yield run_id, [Operation(*[*row[2:], str(row[1])]) for row in of_run][::-1]

    def _is_whole(self, run: Run, operations: list[Operation]) -> bool:
        """Tell whether the lane has all of a run still to send.

        A run that the cursor is inside of, without a wanted operation after it, counts as sent. Raises CannotReverse if
        operations are missing.
        """
        if len(operations) == run.operations_count:
            return True
        wanted = self._lane.target.entity_types
        if not wanted or any(operation.entity_type in wanted for operation in operations):
            raise CannotReverse(f"the journal holds {len(operations)} of {run.operations_count} operations of a run")
        return False


def _ahead(lane: Lane) -> QuerySet[JournalOperation]:
    return JournalOperation.objects.filter(course=lane.course_id, position__gt=lane.cursor)
