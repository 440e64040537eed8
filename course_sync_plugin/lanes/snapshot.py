"""Plans runs for one lane alone: the snapshot that a lane without a baseline starts with, and repairs.

Both are planned from the recorded entities, under the lock of the course's row. So the operations that follow in the
journal continue exactly from that state.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.journal.append import append, lock
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.lanes.apply_verdict import change
from course_sync_plugin.lanes.batches import visible
from course_sync_plugin.lanes.problems import close, open_problems, to_retry
from course_sync_plugin.lanes.repairs import Undone, repairs
from course_sync_plugin.lanes.skipped import lacking, skipped_problems
from course_sync_plugin.models import (
    MISPLACED_STATES,
    OPEN_STATES,
    Course,
    DatabaseNow,
    Envelope,
    JournalOperation,
    Lane,
    Problem,
    ProblemState,
    RunKind,
    leases,
)


def plan_baseline(lane: Lane) -> None:
    """Set the cursor of a lane that has no baseline.

    The cursor is set before the course's initial run if no run came after that one, else before a new snapshot. A lane
    that was reset always gets a new snapshot: its receiver may have carried out operations of the initial run, and
    would ignore them because of their ids.
    """
    with transaction.atomic():
        course = lock(lane.course)
        change(lane)
        start = None if lane.reset_at else _start_of_initial_run(course)
        if start is None:
            start = course.last_position
            operations = diff(Structure.empty(course.key), stored_structure(course))
            if operations:
                append(course, operations, RunKind.SNAPSHOT, lane=lane)
        change(lane, cursor=start, end=course.last_position)


def plan_repairs(lane: Lane) -> None:
    """Plan repairs for the problems to retry, if the lane is at the end of its journal.

    Only there the receiver was sent everything that led to the recorded entities, and the repair cannot overtake an
    operation that is still to be sent.
    """
    with transaction.atomic():
        course = lock(lane.course)
        change(lane, end=course.last_position)
        if JournalOperation.objects.filter(visible(lane), position__gt=lane.cursor).exists():
            return
        problems = to_retry(open_problems(lane))
        now = stored_structure(course)
        operations = repairs(now, [_undone(problem) for problem in problems], _lacking(lane, now, problems))
        if operations:
            append(course, operations, RunKind.REPAIR, lane=lane)
        close(lane, [problem.pk for problem in problems])
        change(lane, end=course.last_position)


def idle_lanes() -> QuerySet[Lane]:
    """Return the lanes whose receiver has everything: no worker, envelope, problem or operation is left in them."""
    problems = Problem.objects.filter(lane=OuterRef("pk"), state__in=OPEN_STATES)
    rest = Lane.objects.filter(leases.free(), closing=False, cursor__gte=F("end"), answered_sequence__gt=0)
    return rest.filter(~Exists(Envelope.objects.filter(lane=OuterRef("pk"))), ~Exists(problems))


def record_repairs(lane: Lane, operations: Sequence[Operation], last_position: int) -> bool:
    """Append repairs that were planned for an idle lane. Returns False if anything has changed since; then do nothing.

    ``lane``: as it was when the repairs were planned. ``last_position``: that of its course at that time.
    """
    with transaction.atomic():
        course = lock(lane.course)
        same = idle_lanes().filter(pk=lane.pk, cursor=lane.cursor, sequence=lane.sequence)
        if course.last_position != last_position or not same.update(due_at=DatabaseNow()):
            return False
        append(course, operations, RunKind.REPAIR, lane=lane)
        Lane.objects.filter(pk=lane.pk).update(end=course.last_position)
    return True


def _start_of_initial_run(course: Course) -> int | None:
    """Return the position before the course's initial run, or None if a lane cannot start with that run.

    An initial run is the same as a snapshot, so a lane can start with it. It cannot if another run for all lanes came
    after it, or if operations of it may have been pruned. The last run for all lanes itself is never pruned.
    """
    runs = list(course.runs.filter(lane=None).order_by("-pk")[:1])
    if not runs or runs[0].kind != RunKind.INITIAL or runs[0].pruned_at:
        return None
    return runs[0].operations.order_by("position").values_list("position", flat=True)[0] - 1


def _lacking(lane: Lane, now: Structure, problems: Sequence[Problem]) -> set[str]:
    asked = [problem for problem in problems if problem.state == ProblemState.RETRYING]
    return lacking(now, asked, skipped_problems(lane)) if asked else set()


def _undone(problem: Problem) -> Undone:
    return Undone(problem.operation.as_operation(), misplaced=problem.state in MISPLACED_STATES)
