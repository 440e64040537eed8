"""Runs for one lane alone: the snapshot that a lane without a baseline starts with, and repairs.

Both are planned from the entities as they are recorded, under the lock of the course's row, so that what the journal
says behind them continues exactly there.
"""

from __future__ import annotations

from django.db import transaction

from course_sync_plugin import journal
from course_sync_plugin.data import Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.lanes.problems import close, open_problems, to_retry
from course_sync_plugin.lanes.repairs import Undone, repairs
from course_sync_plugin.lanes.settle import change
from course_sync_plugin.lanes.slices import visible
from course_sync_plugin.models import Course, JournalOperation, Lane, Problem, ProblemState, RunKind
from course_sync_plugin.stored import stored_structure


def plan_baseline(lane: Lane) -> None:
    """Give a lane without a baseline its cursor: before the course's initial run, if nothing came after it, else before
    a snapshot."""
    with transaction.atomic():
        course = journal.lock(lane.course)
        change(lane)
        start = _start_of_initial_run(course)
        if start is None:
            start = course.last_position
            operations = diff(Structure.empty(course.key), stored_structure(course))
            if operations:
                journal.append(course, operations, RunKind.SNAPSHOT, lane=lane)
        change(lane, cursor=start, end=course.last_position)


def plan_repairs(lane: Lane) -> None:
    """Plan anew what is to be retried, once the lane has come to the end of its journal.

    Only there do the entities as recorded follow from what the receiver was sent, and nothing that is still to come
    can overtake the repair.
    """
    with transaction.atomic():
        course = journal.lock(lane.course)
        change(lane, end=course.last_position)
        if JournalOperation.objects.filter(visible(lane), position__gt=lane.cursor).exists():
            return
        problems = to_retry(open_problems(lane))
        operations = repairs(stored_structure(course), [_undone(problem) for problem in problems])
        if operations:
            journal.append(course, operations, RunKind.REPAIR, lane=lane)
        close(lane, [problem.pk for problem in problems])
        change(lane, end=course.last_position)


def _start_of_initial_run(course: Course) -> int | None:
    """The position before the course's initial run, where no other run of all lanes came after it: it is a snapshot
    already."""
    runs = list(course.runs.filter(lane=None).order_by("-pk")[:1])
    if not runs or runs[0].kind != RunKind.INITIAL:
        return None
    return runs[0].operations.order_by("position").values_list("position", flat=True)[0] - 1


def _undone(problem: Problem) -> Undone:
    return Undone(problem.operation.as_operation(), misplaced=problem.state == ProblemState.MISPLACED)
