"""Tells which operations must wait behind the open problems of a lane. Kept in memory during a worker's turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from course_sync_plugin.data import Operation
from course_sync_plugin.models import EXCLUDED_STATES, MISPLACED_STATES, Problem, ProblemState


@attrs.define
class Holders:
    """Problems by the id of the entity that they hold back. One entity can wait behind several problems.

    The ids are compared in Python, because MariaDB and MySQL ignore case.
    """

    _problems: dict[str | None, dict[int, Problem]] = attrs.field(factory=dict)

    def add(self, entity_id: str | None, problem: Problem) -> None:
        """Add a problem that an entity waits behind."""
        self._problems.setdefault(entity_id, {})[problem.pk] = problem

    def discard(self, entity_id: str | None, problem: Problem) -> None:
        """Remove a problem: the entity does not wait behind it any more."""
        problems = self._problems[entity_id]
        del problems[problem.pk]
        if not problems:
            del self._problems[entity_id]

    def get(self, entity_id: str | None) -> Problem | None:
        """Return the problem that an entity waits behind, the last one in the journal if there are several."""
        problems = self._problems.get(entity_id, {}).values()
        return max(problems, key=lambda problem: problem.operation_id, default=None)

    def all(self, entity_id: str) -> list[Problem]:
        """Return every problem of an entity."""
        return list(self._problems.get(entity_id, {}).values())


@attrs.define
class Blocked:
    """The entities that the open problems of a lane hold back, each with its problems.

    ``missing``: entities that the receiver does not have, because their creation failed or is parked.
    ``stale``: entities with an update that failed or is parked: a later update must not overtake it.
    ``undeleted``: entities that the receiver still has although they were deleted: they cannot be created again yet.
    ``unmoved``: entities whose move to another parent failed or is parked: an entity that moves below one of them could
    end below itself.
    ``sheltering``: entities that still contain, at the receiver, an entity that could not be moved away or deleted:
    their deletion would delete that entity too.
    ``displaced``: entities that are not in their place: an entity that is placed after one of them is misplaced.
    ``about``: the entity that each problem is about, whether or not the problem holds it back.

    ``parked``: keys of the journal rows that wait. The worker meets these rows again if the envelope that left them
    out is refused and sent again in smaller parts.
    ``excluded``: the problems that are excluded themselves, and do not wait behind another one, by their keys.
    """

    missing: Holders = attrs.field(factory=Holders)
    stale: Holders = attrs.field(factory=Holders)
    undeleted: Holders = attrs.field(factory=Holders)
    unmoved: Holders = attrs.field(factory=Holders)
    sheltering: Holders = attrs.field(factory=Holders)
    displaced: Holders = attrs.field(factory=Holders)
    about: Holders = attrs.field(factory=Holders)
    parked: set[int] = attrs.field(factory=set)
    excluded: dict[int, Problem] = attrs.field(factory=dict)
    _troubles: set[int] = attrs.field(factory=set)
    _operations: dict[int, Operation] = attrs.field(factory=dict)

    def replace(self, problems: Iterable[tuple[Problem, Operation]]) -> None:
        """Replace all problems by these."""
        Blocked.__init__(self)
        for problem, operation in problems:
            self.add(problem, operation)

    def __bool__(self) -> bool:
        return bool(self._operations)

    @property
    def has_trouble(self) -> bool:
        """Tell whether there is a problem other than those that an exclusion causes: the receiver is not in step."""
        return bool(self._troubles)

    def add(self, problem: Problem, operation: Operation) -> None:
        """Add one problem."""
        self._operations[problem.pk] = operation
        if problem.state not in EXCLUDED_STATES:
            self._troubles.add(problem.pk)
        elif problem.state == ProblemState.EXCLUDED and not problem.behind_id:
            self.excluded[problem.pk] = problem
        for holders, entity_id in self._held_entities(problem, operation):
            holders.add(entity_id, problem)
        if _is_parked(problem):
            self.parked.add(problem.operation_id)

    def remove(self, problem: Problem) -> None:
        """Remove one problem that was closed. The cost does not grow with the number of problems."""
        for holders, entity_id in self._held_entities(problem, self._operations.pop(problem.pk)):
            holders.discard(entity_id, problem)
        self.parked.discard(problem.operation_id)
        self._troubles.discard(problem.pk)
        self.excluded.pop(problem.pk, None)

    def change_state(self, problem: Problem, state: ProblemState) -> None:
        """Change the state of one problem, in memory."""
        operation = self._operations[problem.pk]
        self.remove(problem)
        problem.state = state
        self.add(problem, operation)

    def entity_of(self, problem: Problem) -> str:
        """Return the id of the entity that a problem is about."""
        return self._operations[problem.pk].entity_id

    def holder_of(self, operation: Operation) -> Problem | None:
        """Return the problem that an operation must wait behind, or None if it may be sent."""
        entity_id = operation.entity_id
        if operation.operation == "delete":
            return self.sheltering.get(entity_id)
        if operation.operation == "create":
            return self.undeleted.get(entity_id) or self.missing.get(operation.parent_id)
        if operation.operation == "update":
            return self.missing.get(entity_id) or self.stale.get(entity_id)
        unmoved = self.unmoved.get(operation.parent_id) if _changes_parent(operation) else None
        return self.missing.get(entity_id) or self.missing.get(operation.parent_id) or unmoved

    def displacer_of(self, operation: Operation) -> Problem | None:
        """Return the problem that made an applied operation place its entity wrongly, or None."""
        return self.displaced.get(operation.after_id) if operation.operation in ("create", "move") else None

    def closed_by(self, operation: Operation) -> list[Problem]:
        """Return the problems that an operation closes when the receiver has applied it.

        A deletion closes all problems of its entity, a move closes those about the entity's place.
        """
        if operation.operation == "delete":
            return self.about.all(operation.entity_id)
        if operation.operation == "move":
            return [problem for problem in self.about.all(operation.entity_id) if self._is_about_place(problem)]
        return []

    def _is_about_place(self, problem: Problem) -> bool:
        return self._operations[problem.pk].operation == "move" or problem.state in MISPLACED_STATES

    def _held_entities(self, problem: Problem, operation: Operation) -> Iterator[tuple[Holders, str | None]]:
        """Yield each collection that a problem belongs to, with the id of the entity that the problem holds back."""
        entity_id, kind = operation.entity_id, operation.operation
        yield self.about, entity_id
        if kind in ("create", "move"):
            yield self.displaced, entity_id
        if problem.state in MISPLACED_STATES:
            return
        if _changes_parent(operation):
            yield self.unmoved, entity_id
        held = {"create": self.missing, "update": self.stale, "delete": self.undeleted}.get(kind)
        if held is not None:
            yield held, entity_id
        if kind == "move" or (kind == "delete" and problem.behind_id):
            yield self.sheltering, operation.previous.get("parent_id")


def _is_parked(problem: Problem) -> bool:
    """Tell whether the operation was not sent. An excluded one that an operator includes again becomes retrying."""
    waits = problem.behind_id or problem.state in (ProblemState.EXCLUDED, ProblemState.RETRYING)
    return bool(waits) and problem.state not in MISPLACED_STATES


def _changes_parent(operation: Operation) -> bool:
    return operation.operation == "move" and operation.previous.get("parent_id") != operation.parent_id
