"""The exceptions to "everything up to the cursor is done": what failed, and what must wait behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
from django.db.models import Q

from course_sync_plugin.data import Operation
from course_sync_plugin.models import OPEN_STATES, DatabaseNow, JournalOperation, Lane, Problem, ProblemState


@attrs.define
class Blocked:
    """What the open problems of a lane hold back. Each dictionary names the problem that an entity waits behind.

    ``missing``: entities that the receiver does not have, since their creation failed or is parked.
    ``stale``: entities an update of which failed or is parked: a later one must not overtake it.
    ``undeleted``: entities that the receiver still has although they were deleted: they cannot be created again yet.
    ``unmoved``: entities that another parent could not be given yet: what moves below one could go below itself.
    ``sheltering``: entities that still hold, at the receiver, one that could not be moved away or deleted yet:
    deleting them would take it along.
    ``displaced``: entities that are not where they should be: what is placed beside them is misplaced.

    ``parked`` are rows of the journal that wait: they are met again where the envelope that went without them was
    refused and is taken apart.
    """

    missing: dict[str, Problem] = attrs.field(factory=dict)
    stale: dict[str, Problem] = attrs.field(factory=dict)
    undeleted: dict[str, Problem] = attrs.field(factory=dict)
    unmoved: dict[str, Problem] = attrs.field(factory=dict)
    sheltering: dict[str, Problem] = attrs.field(factory=dict)
    displaced: dict[str, Problem] = attrs.field(factory=dict)
    parked: set[int] = attrs.field(factory=set)

    def reload(self, lane: Lane) -> None:
        """Read the open problems of a lane again. One query."""
        self.parked.clear()
        for holders in self._all():
            holders.clear()
        for problem in open_problems(lane):
            self.add(problem, problem.operation.as_operation())

    def __bool__(self) -> bool:
        return any(self._all())

    def add(self, problem: Problem, operation: Operation) -> None:
        """Note one more problem."""
        if operation.operation in ("create", "move"):
            self.displaced[operation.entity_id] = problem
        if problem.state == ProblemState.MISPLACED:
            return
        if problem.behind_id:
            self.parked.add(problem.operation_id)
        if _changes_parent(operation):
            self.unmoved[operation.entity_id] = problem
        if operation.operation == "create":
            self.missing[operation.entity_id] = problem
        elif operation.operation == "update":
            self.stale[operation.entity_id] = problem
        elif operation.operation == "delete":
            self.undeleted[operation.entity_id] = problem
        if operation.operation == "move" or (operation.operation == "delete" and problem.behind_id):
            self.sheltering[operation.previous.get("parent_id")] = problem

    def holder_of(self, operation: Operation) -> Problem | None:
        """Return the problem that an operation has to wait behind, or None where it may go on."""
        entity_id = operation.entity_id
        if operation.operation == "delete":
            return self.sheltering.get(entity_id)
        if operation.operation == "create":
            return self.undeleted.get(entity_id) or self.missing.get(operation.parent_id)
        if operation.operation == "update":
            return self.missing.get(entity_id) or self.stale.get(entity_id)
        unmoved = self.unmoved.get(operation.parent_id) if _changes_parent(operation) else None
        return self.missing.get(entity_id) or self.missing.get(operation.parent_id) or unmoved

    def concerns(self, entity_id: str) -> bool:
        """Tell whether a problem is about this entity."""
        return any(entity_id in holders for holders in self._all())

    def displacer_of(self, operation: Operation) -> Problem | None:
        """Return the problem because of which an operation, though carried out, placed its entity wrongly."""
        return self.displaced.get(operation.after_id) if operation.operation in ("create", "move") else None

    def _all(self) -> tuple[dict[str, Problem], ...]:
        return self.missing, self.stale, self.undeleted, self.unmoved, self.sheltering, self.displaced


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
    settles earlier problems of its entity: a deletion all of them, a move those about its place.
    """
    for row in rows:
        operation = row.as_operation()
        if operation.id in failures:
            holder = blocked.holder_of(operation)
            state = ProblemState.PARKED if holder else ProblemState.FAILED
            blocked.add(_write(lane, row.pk, state, holder, failures[operation.id]), operation)
        elif blocked:
            _write_carried_out(lane, row.pk, operation, blocked)


def settle_all(lane: Lane, blocked: Blocked) -> None:
    """Close every problem of a lane: the course they were about is gone."""
    lane.problems.filter(state__in=OPEN_STATES).update(state=ProblemState.RETRIED)
    blocked.reload(lane)


def _write_carried_out(lane: Lane, row_id: int, operation: Operation, blocked: Blocked) -> None:
    if operation.operation in ("move", "delete") and blocked.concerns(operation.entity_id):
        about_place = Q(operation__operation="move") | Q(state=ProblemState.MISPLACED)
        settled = Q() if operation.operation == "delete" else about_place
        problems = lane.problems.filter(settled, state__in=OPEN_STATES, operation__entity_id=operation.entity_id)
        problems.update(state=ProblemState.RETRIED)
        blocked.reload(lane)
    displacer = blocked.displacer_of(operation)
    if displacer:
        blocked.add(_write(lane, row_id, ProblemState.MISPLACED, displacer), operation)


def _changes_parent(operation: Operation) -> bool:
    return operation.operation == "move" and operation.previous.get("parent_id") != operation.parent_id


def _entity(problem: Problem) -> str:
    return problem.operation.entity_id


def _write(lane: Lane, row_id: int, state: ProblemState, behind: Problem | None, reason: str = "") -> Problem:
    return Problem.objects.create(
        lane=lane, operation_id=row_id, behind=behind, state=state, reason=reason, since=DatabaseNow()
    )
