"""The exceptions to "everything up to the cursor is done": what failed, and what must wait behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from course_sync_plugin import bulk
from course_sync_plugin.data import Operation
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.models import OPEN_STATES, DatabaseNow, JournalOperation, Lane, Problem, ProblemState


def reload(blocked: Blocked, lane: Lane) -> None:
    """Read the open problems of a lane again. One query."""
    blocked.replace((problem, problem.operation.as_operation()) for problem in open_problems(lane))


def open_problems(lane: Lane) -> list[Problem]:
    """Return the open problems of a lane with their operations, in the order of the journal."""
    problems = lane.problems.filter(state__in=OPEN_STATES).select_related("operation")
    return list(problems.order_by("operation__position"))


def to_retry(problems: Sequence[Problem]) -> list[Problem]:
    """Return those of a lane's open problems that are to be planned anew.

    Those an operator asked for, and whatever waits behind them or behind a problem that is settled by now. An entity
    is planned anew as a whole, so its other problems are taken along.
    """
    still_open = {problem.pk for problem in problems}
    chosen: set[int] = set()
    while True:
        entities = {_entity(one) for one in problems if one.pk in chosen and one.state != ProblemState.MISPLACED}
        more = {
            one.pk
            for one in problems
            if one.state == ProblemState.RETRYING
            or one.behind_id in chosen
            or (one.behind_id and one.behind_id not in still_open)
            or _entity(one) in entities
        }
        if more == chosen:
            return [problem for problem in problems if problem.pk in chosen]
        chosen = more


def park(lane: Lane, row_id: int, operation: Operation, holder: Problem, blocked: Blocked) -> None:
    """Write down an operation that must wait behind a problem; ``row_id`` is its row in the journal."""
    blocked.add(_write(lane, row_id, ProblemState.PARKED, holder), operation)


def write_answer(lane: Lane, rows: Iterable[JournalOperation], failures: Mapping[str, str], blocked: Blocked) -> None:
    """Write down what an answer means for the problems of a lane.

    ``failures``: reasons by operation id. One that only followed another is parked behind it. What was carried out
    closes earlier problems of its entity (:meth:`Blocked.closed_by`). The work grows with the number of rows and of
    problems that are closed, not with the number of open problems.
    """
    closed: list[int] = []
    for row in rows:
        operation = row.as_operation()
        if operation.id in failures:
            holder = blocked.holder_of(operation)
            state = ProblemState.PARKED if holder else ProblemState.FAILED
            blocked.add(_write(lane, row.pk, state, holder, failures[operation.id]), operation)
        elif blocked:
            closed += _write_carried_out(lane, row.pk, operation, blocked)
    close(lane, closed)


def close(lane: Lane, keys: Sequence[int]) -> None:
    """Close the open problems of a lane that have these keys."""
    for part in bulk.chunks(keys):
        lane.problems.filter(pk__in=part, state__in=OPEN_STATES).update(state=ProblemState.RETRIED)


def close_all(lane: Lane, blocked: Blocked) -> None:
    """Close every problem of a lane: the course they were about is gone."""
    lane.problems.filter(state__in=OPEN_STATES).update(state=ProblemState.RETRIED)
    blocked.replace([])


def _write_carried_out(lane: Lane, row_id: int, operation: Operation, blocked: Blocked) -> list[int]:
    """Return the keys of the problems that are to be closed."""
    closed = blocked.closed_by(operation)
    for problem in closed:
        blocked.remove(problem)
    displacer = blocked.displacer_of(operation)
    if displacer:
        blocked.add(_write(lane, row_id, ProblemState.MISPLACED, displacer), operation)
    return [problem.pk for problem in closed]


def _entity(problem: Problem) -> str:
    return problem.operation.entity_id


def _write(lane: Lane, row_id: int, state: ProblemState, behind: Problem | None, reason: str = "") -> Problem:
    return Problem.objects.create(
        lane=lane, operation_id=row_id, behind=behind, state=state, reason=reason, since=DatabaseNow()
    )
