"""Carries out the operations of an envelope, each in a savepoint of its own if one of them fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.db import InterfaceError, OperationalError, transaction

from course_sync_plugin.data import Entity, FailedOperation, Operation
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, TransientError
from course_sync_plugin.log import get_logger
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.targets.local.database_errors import is_unmigrated
from course_sync_plugin.targets.local.strategy import Change, Strategy, strategy_for
from course_sync_plugin.targets.local.tree import PartialTree
from course_sync_plugin.targets.reports import REASON_CHARACTERS

log = get_logger(__name__)

#: Errors that concern the whole envelope: the database as a whole, or the target.
OF_THE_ENVELOPE = (OperationalError, InterfaceError, TransientError, ConfigurationError)

Failures = list[FailedOperation]


class Operations:
    """Carries out operations on the tree of one course, with the strategies of their types.

    A type without a strategy is in the tree only.
    """

    def __init__(self, course_id: str, find_strategy: Callable[[str], Strategy | None] = strategy_for):
        self.course_id = course_id
        self._find_strategy = find_strategy
        self._strategies: dict[str, Strategy | None] = {}

    def carry_out(self, tree: PartialTree, operations: Sequence[Operation]) -> tuple[PartialTree, Failures]:
        """Carry out the operations, and return the new tree and those that failed. ``tree`` stays as it is.

        At first all operations share one savepoint, and the strategies write in bulk. If a strategy fails, all of this
        is rolled back, and each operation gets a savepoint of its own. The result is the same.
        """
        try:
            with _savepoint():
                return self._together(tree.copy(), operations)
        except PermanentError:  # of a strategy: now it turns out which operation it was
            return self._singly(tree, operations)

    def delete(self, entities: Sequence[Entity]) -> None:
        """Delete entities that a snapshot has not named. Raises PermanentError if a strategy fails."""
        batches = _Batches(self._apply)
        for entity in entities:
            operation = Operation("delete", entity.entity_type, entity.entity_id, entity.block_type)
            batches.add("delete", Change(self.course_id, operation, entity))
        with _savepoint():
            batches.write()

    def _together(self, tree: PartialTree, operations: Sequence[Operation]) -> tuple[PartialTree, Failures]:
        failures: Failures = []
        batches = _Batches(self._apply)
        for operation in operations:
            try:
                changes = self._changes(tree, operation)
            except PermanentError as error:
                failures.append(_failed(tree, operation, error))
                continue
            for kind, change in changes:
                batches.add(kind, change)
        batches.write()
        return tree, failures

    def _singly(self, tree: PartialTree, operations: Sequence[Operation]) -> tuple[PartialTree, Failures]:
        failures: Failures = []
        for operation in operations:
            attempt = tree.copy()
            try:
                with _savepoint():
                    for kind, change in self._changes(attempt, operation):
                        self._apply(kind, [change])
                tree = attempt
            except PermanentError as error:  # this operation becomes a problem, the others stand
                failures.append(_failed(tree, operation, error))
        return tree, failures

    def _changes(self, tree: PartialTree, operation: Operation) -> list[tuple[str, Change]]:
        """Apply an operation to the tree; return what the strategies must do, each with its kind.

        Raises PermanentError if the operation does not fit; then the tree stays as it was.
        """
        before = tree.entities.get(operation.entity_id)
        gone = tree.below(operation.entity_id) if operation.operation == "delete" else []
        tree.carry_out(operation)
        if operation.operation == "delete":
            return [("delete", Change(self.course_id, operation, entity)) for entity in gone]
        after = Change(self.course_id, operation, tree.entities[operation.entity_id])
        if before and before.entity_type != after.entity.entity_type:  # the block belongs to another type by now
            return [("delete", Change(self.course_id, operation, before)), ("create", after)]
        return [(operation.operation, after)]

    def _apply(self, kind: str, changes: Sequence[Change]) -> None:
        """Hand changes of one entity type to its strategy, if it has one."""
        strategy = self._strategy(changes[0].entity.entity_type)
        if strategy:
            strategy.apply(kind, changes)

    def _strategy(self, entity_type: str) -> Strategy | None:
        if entity_type not in self._strategies:
            self._strategies[entity_type] = self._find_strategy(entity_type)
        return self._strategies[entity_type]


class _Batches:
    """Collects changes by kind and entity type, and hands each batch to its strategy.

    Changes of one entity keep their order: the second one writes what has been collected before it.
    """

    def __init__(self, apply: Callable[[str, Sequence[Change]], None]):
        self._apply = apply
        self._entity_ids: set[str] = set()
        self._changes: dict[tuple[str, str], list[Change]] = {}

    def add(self, kind: str, change: Change) -> None:
        entity = change.entity
        if entity.entity_id in self._entity_ids:
            self.write()
        self._entity_ids.add(entity.entity_id)
        self._changes.setdefault((kind, entity.entity_type), []).append(change)

    def write(self) -> None:
        for (kind, _entity_type), changes in self._changes.items():
            self._apply(kind, changes)
        self._entity_ids, self._changes = set(), {}


@contextmanager
def _savepoint() -> Iterator[None]:
    """Open a savepoint. An error of a strategy becomes a PermanentError, an error of the envelope stays as it is."""
    try:
        with transaction.atomic():
            yield
    except (PermanentError, *OF_THE_ENVELOPE):
        raise
    except Exception as error:
        if is_unmigrated(error):
            raise
        # The text of an error, of the database for example, may hold course content.
        raise PermanentError(f"{type(error).__name__} in the strategy, at {_place_of(error)}") from error


def _place_of(error: Exception) -> str:
    """Return the last line of the traceback that is not Django's, as ``file:line``."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "/django/" not in one.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"


def _failed(tree: PartialTree, operation: Operation, error: PermanentError) -> FailedOperation:
    tree.fail(operation)
    log.warning("course_sync: a local operation failed: operation=%s error=%s", operation.id, error)
    return FailedOperation(operation.id, single_line(error.message, REASON_CHARACTERS))
