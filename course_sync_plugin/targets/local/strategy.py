"""Defines a strategy, which writes the entities of one type to tables of this site, and finds the registered ones.

A strategy of another package is registered in the same way as the built-in ones: an entry point in the group
``course_sync_plugin.local_strategy`` whose name is the entity type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import attrs

from course_sync_plugin.data import Entity, Operation
from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import entity_digest
from course_sync_plugin.registry import Registry

strategies = Registry("course_sync_plugin.local_strategy")


@attrs.frozen
class Change:
    """One operation for a strategy. ``entity``: the whole entity after it; for a deletion, as it was before."""

    course_id: str
    operation: Operation
    entity: Entity

    @property
    def digest(self) -> str:
        """The key of the entity: ``LocalEntity.key_digest``, 64 characters."""
        return entity_digest(self.course_id, self.entity.entity_id)


class Strategy(ABC):
    """Writes the entities of one type to tables. It needs one method for each operation.

    A method runs inside the transaction of the envelope and inside a savepoint. It may write to the default database
    only, because the transaction may be rolled back and the method called again. An exception makes the operation a
    problem. Its text is shown only if it is a PermanentError; the text of another exception may hold course content.
    """

    #: The tables that must be there, for ``course_sync test``.
    tables: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def create(self, change: Change) -> None:
        """Write an entity. It may be there already: then it gets exactly these fields."""

    def update(self, change: Change) -> None:
        """Write the changed fields. By default the whole entity is written again."""
        self.create(change)

    def move(self, change: Change) -> None:
        """Write the new place. By default nothing is done: ``LocalEntity`` has the place of every entity."""

    @abstractmethod
    def delete(self, change: Change) -> None:
        """Delete an entity. It may be gone already."""

    def apply(self, operation: str, changes: Sequence[Change]) -> None:
        """Carry out changes of the same kind, of different entities. A strategy may do them in bulk."""
        for change in changes:
            getattr(self, operation)(change)


def strategy_for(entity_type: str) -> Strategy | None:
    """Return the strategy of an entity type, or None if it has none.

    Raises ConfigurationError if its package is broken.
    """
    if entity_type not in strategies.names():
        return None
    try:
        strategy: Strategy = strategies.get(entity_type)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"The strategy for '{entity_type}' in {strategies.group} cannot be loaded: {type(error).__name__}."
        ) from error
    return strategy


def misnamed() -> list[str]:
    """Return a sentence for each strategy whose name is no entity type, with the name that was probably meant."""
    found = []
    for name in strategies.names():
        try:
            entity_types.get(name)
        except UnknownName as error:
            found.append(f"A strategy has a name that is no entity type. {error.message}")
    return found
