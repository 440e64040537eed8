"""Keeps the problems of a lane: operations that failed, and operations that must wait behind them.

They are the exceptions to the rule that everything up to the cursor is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.attempts import Sent
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.excluded import Excluded
from course_sync_plugin.models import (
    EXCLUDED_STATES,
    MISPLACED_STATES,
    UNDONE_STATES,
    DatabaseNow,
    JournalOperation,
    Lane,
    Problem,
    ProblemState,
    bulk,
)


def reload(blocked: Blocked, lane: Lane) -> None:
    """Load the open problems of a lane into ``blocked``. One query."""
    blocked.replace((problem, problem.operation.as_operation()) for problem in open_problems(lane))


def open_problems(lane: Lane) -> list[Problem]:
    """Return the open problems of a lane with their operations, in the order of the journal."""
    problems = lane.problems.filter(state__in=UNDONE_STATES).select_related("operation")
    return list(problems.order_by("operation__position"))


def to_retry(problems: Sequence[Problem]) -> list[Problem]:
    """Return those of a lane's open problems for which a repair must be planned.

    These are the problems that an operator asked to retry, and the problems that wait behind one of them or behind a
    problem that is closed by now. A repair covers a whole entity, so the other problems of the entity come along.
    """
    still_open = {problem.pk for problem in problems}
    chosen: set[int] = set()
    while True:
        entities = {_entity_id(one) for one in problems if one.pk in chosen and one.state not in MISPLACED_STATES}
        more = {
            one.pk
            for one in problems
            if one.state == ProblemState.RETRYING
            or one.behind_id in chosen
            or (one.behind_id and one.behind_id not in still_open)
            or _entity_id(one) in entities
        }
        if more == chosen:
            return [problem for problem in problems if problem.pk in chosen]
        chosen = more


def park(lane: Lane, row_id: int, operation: Operation, holder: Problem, blocked: Blocked) -> None:
    """Park an operation behind the problem ``holder``. ``row_id``: the key of the operation's row in the journal."""
    blocked.add(_create_problem(lane, row_id, _parked_behind(holder), holder), operation)


def include_moved(lane: Lane, blocked: Blocked, excluded: Excluded) -> None:
    """Have excluded operations planned anew whose entity is not excluded any more: the course has moved it away."""
    moved = [one for one in blocked.excluded.values() if not excluded.covers(blocked.entity_of(one))]
    for part in bulk.chunks([problem.pk for problem in moved]):
        lane.problems.filter(pk__in=part, state=ProblemState.EXCLUDED).update(state=ProblemState.RETRYING)
    for problem in moved:
        blocked.change_state(problem, ProblemState.RETRYING)


def exclude(lane: Lane, row_id: int, operation: Operation, blocked: Blocked) -> None:
    """Hold an operation back because of an exclusion. ``row_id``: the key of the operation's row in the journal."""
    blocked.add(_create_problem(lane, row_id, ProblemState.EXCLUDED, None), operation)


def write_answer(
    lane: Lane,
    rows: Iterable[JournalOperation],
    failures: Mapping[str, str],
    blocked: Blocked,
    sent: Sent | None = None,
) -> None:
    """Create and close the problems of a lane that follow from an answer.

    ``rows``: the operations of the answered envelope. ``failures``: the receiver's reasons by operation id. ``sent``:
    the request, from which the problems get their class and status. A failed operation that depends on another failed
    one is parked behind it. An applied operation closes earlier problems of its entity (:meth:`Blocked.closed_by`). The
    work grows with the number of rows and of closed problems, not with the number of open problems.
    """
    closed: list[int] = []
    for row in rows:
        operation = row.as_operation()
        if operation.id in failures:
            holder = blocked.holder_of(operation)
            state = _parked_behind(holder) if holder else ProblemState.FAILED
            cause = {"error_class": sent.class_of(operation.id), "status": sent.status} if sent else {}
            problem = _create_problem(lane, row.pk, state, holder, reason=failures[operation.id], **cause)
            blocked.add(problem, operation)
        elif blocked:
            closed += _close_problems_of_applied(lane, row.pk, operation, blocked)
    close(lane, closed)


def close(lane: Lane, keys: Sequence[int]) -> None:
    """Close the open problems of a lane that have these keys."""
    for part in bulk.chunks(keys):
        close_open(lane.problems.filter(pk__in=part))


def close_all(lane: Lane, blocked: Blocked) -> None:
    """Close every problem of a lane, because its course was deleted."""
    close_open(lane.problems.all())
    blocked.replace([])


def close_open(problems: QuerySet[Problem]) -> None:
    """Close those of the problems that are open or excluded."""
    open_ones = problems.filter(state__in=UNDONE_STATES)
    open_ones.update(state=ProblemState.RETRIED, closed_at=DatabaseNow())


def _close_problems_of_applied(lane: Lane, row_id: int, operation: Operation, blocked: Blocked) -> list[int]:
    """Remove the problems that an applied operation closes, and return their keys.

    If the operation placed its entity after one that is not in its place, create a problem in state ``misplaced``, or
    ``beside_excluded`` if that one is excluded.
    """
    closed = blocked.closed_by(operation)
    for problem in closed:
        blocked.remove(problem)
    displacer = blocked.displacer_of(operation)
    if displacer:
        is_excluded = displacer.state in EXCLUDED_STATES
        state = ProblemState.BESIDE_EXCLUDED if is_excluded else ProblemState.MISPLACED
        blocked.add(_create_problem(lane, row_id, state, displacer), operation)
    return [problem.pk for problem in closed]


def _parked_behind(holder: Problem) -> ProblemState:
    return ProblemState.EXCLUDED if holder.state in EXCLUDED_STATES else ProblemState.PARKED


def _entity_id(problem: Problem) -> str:
    return problem.operation.entity_id


def _create_problem(lane: Lane, row_id: int, state: ProblemState, behind: Problem | None, **cause: Any) -> Problem:
    return Problem.objects.create(
        lane=lane, operation_id=row_id, behind=behind, state=state, since=DatabaseNow(), **cause
    )
