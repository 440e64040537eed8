"""What the open problems of a lane hold back. It is kept in memory while a worker has its turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from course_sync_plugin.data import Operation
from course_sync_plugin.models import Problem, ProblemState


@attrs.define
class Holders:
    """Problems by the entity that they hold back. One entity can wait behind several.

    Entities are told apart by their exact ids, in Python: MariaDB and MySQL compare without regard to case.
    """

    _problems: dict[str | None, dict[int, Problem]] = attrs.field(factory=dict)

    def add(self, entity_id: str | None, problem: Problem) -> None:
        """Let an entity wait behind one more problem."""
        self._problems.setdefault(entity_id, {})[problem.pk] = problem

    def discard(self, entity_id: str | None, problem: Problem) -> None:
        """Let an entity not wait behind this problem any more."""
        problems = self._problems[entity_id]
        del problems[problem.pk]
        if not problems:
            del self._problems[entity_id]

    def get(self, entity_id: str | None) -> Problem | None:
        """Return the problem that an entity waits behind: of several, the last one in the journal."""
        problems = self._problems.get(entity_id, {}).values()
        return max(problems, key=lambda problem: problem.operation_id, default=None)

    def all(self, entity_id: str) -> list[Problem]:
        """Return every problem of an entity."""
        return list(self._problems.get(entity_id, {}).values())


@attrs.define
class Blocked:
    """What the open problems of a lane hold back, each by the entity that waits.

    ``missing``: entities that the receiver does not have, since their creation failed or is parked.
    ``stale``: entities an update of which failed or is parked: a later one must not overtake it.
    ``undeleted``: entities that the receiver still has although they were deleted: they cannot be created again yet.
    ``unmoved``: entities that another parent could not be given yet: what moves below one could go below itself.
    ``sheltering``: entities that still hold, at the receiver, one that could not be moved away or deleted yet:
    deleting them would take it along.
    ``displaced``: entities that are not where they should be: what is placed beside them is misplaced.
    ``about``: the entity that each problem is about, whatever it holds back.

    ``parked`` are rows of the journal that wait: they are met again where the envelope that went without them was
    refused and is taken apart.
    """

    missing: Holders = attrs.field(factory=Holders)
    stale: Holders = attrs.field(factory=Holders)
    undeleted: Holders = attrs.field(factory=Holders)
    unmoved: Holders = attrs.field(factory=Holders)
    sheltering: Holders = attrs.field(factory=Holders)
    displaced: Holders = attrs.field(factory=Holders)
    about: Holders = attrs.field(factory=Holders)
    parked: set[int] = attrs.field(factory=set)
    _operations: dict[int, Operation] = attrs.field(factory=dict)

    def replace(self, problems: Iterable[tuple[Problem, Operation]]) -> None:
        """Hold these problems alone."""
        self.__init__()  # type: ignore[misc]
        for problem, operation in problems:
            self.add(problem, operation)

    def __bool__(self) -> bool:
        return bool(self._operations)

    def add(self, problem: Problem, operation: Operation) -> None:
        """Note one more problem."""
        self._operations[problem.pk] = operation
        for holders, entity_id in self._places(problem, operation):
            holders.add(entity_id, problem)
        if _is_parked(problem):
            self.parked.add(problem.operation_id)

    def remove(self, problem: Problem) -> None:
        """Forget one problem: it is closed. The cost does not grow with the number of problems."""
        for holders, entity_id in self._places(problem, self._operations.pop(problem.pk)):
            holders.discard(entity_id, problem)
        self.parked.discard(problem.operation_id)

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

    def displacer_of(self, operation: Operation) -> Problem | None:
        """Return the problem because of which an operation, though carried out, placed its entity wrongly."""
        return self.displaced.get(operation.after_id) if operation.operation in ("create", "move") else None

    def closed_by(self, operation: Operation) -> list[Problem]:
        """Return the problems that an operation closes when it was carried out.

        A deletion closes all problems of its entity, a move those about its place.
        """
        if operation.operation == "delete":
            return self.about.all(operation.entity_id)
        if operation.operation == "move":
            return [problem for problem in self.about.all(operation.entity_id) if self._is_about_place(problem)]
        return []

    def _is_about_place(self, problem: Problem) -> bool:
        return self._operations[problem.pk].operation == "move" or problem.state == ProblemState.MISPLACED

    def _places(self, problem: Problem, operation: Operation) -> Iterator[tuple[Holders, str | None]]:
        """Yield where a problem stands: what it holds back, and which entity it is held for."""
        entity_id, kind = operation.entity_id, operation.operation
        yield self.about, entity_id
        if kind in ("create", "move"):
            yield self.displaced, entity_id
        if problem.state == ProblemState.MISPLACED:
            return
        if _changes_parent(operation):
            yield self.unmoved, entity_id
        held = {"create": self.missing, "update": self.stale, "delete": self.undeleted}.get(kind)
        if held is not None:
            yield held, entity_id
        if kind == "move" or (kind == "delete" and problem.behind_id):
            yield self.sheltering, operation.previous.get("parent_id")


def _is_parked(problem: Problem) -> bool:
    return bool(problem.behind_id) and problem.state != ProblemState.MISPLACED


def _changes_parent(operation: Operation) -> bool:
    return operation.operation == "move" and operation.previous.get("parent_id") != operation.parent_id
