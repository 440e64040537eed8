"""Takes recorded runs back: from what a course is now to what it was before them. Pure: no Django, no I/O.

A run holds everything that is needed: the old values of updates and deletes, and the old places of moves and deletes.
Those are the places before the whole run. So a run is taken back as a whole, never operation by operation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import attrs

from course_sync_plugin.data import Entity, Operation, Structure
from course_sync_plugin.diff.apply import Tree

_PLACE = ("parent_id", "index")


class CannotReverse(Exception):
    """The operations do not lead to the structure from which they are to be taken back. The message says why."""


def reverse(runs: Iterable[Sequence[Operation]], now: Structure) -> Structure:
    """Return the structure from which these runs led to ``now``.

    ``runs``: the newest first; the operations of each in their order. Raises CannotReverse if an operation does not
    lead to what is there, for example because a value was recorded without an operation.
    """
    tree = Tree(now)
    for operations in runs:
        _Run(tree, operations).take_back()
    return tree.structure(now.course_id, now.published_version)


class _Run:
    """One run that is taken back from ``tree``, in place."""

    def __init__(self, tree: Tree, operations: Sequence[Operation]):
        self._tree = tree
        kinds: dict[str, list[Operation]] = defaultdict(list)
        for operation in operations:
            kinds[operation.operation].append(operation)
        self._creates, self._moves = kinds["create"], kinds["move"]
        self._updates, self._deletes = kinds["update"], kinds["delete"]

    def take_back(self) -> None:
        self._check_places()
        for operation in self._updates:
            self._take_back_update(operation)
        for operation in self._creates:
            if self._tree.entities.pop(operation.entity_id).fields != operation.fields:
                raise CannotReverse(f"{operation.entity_id} has other fields than it was created with")
        for operation in self._deletes:
            if operation.entity_id in self._tree.entities:
                raise CannotReverse(f"{operation.entity_id} was deleted and is there")
            self._tree.entities[operation.entity_id] = _before(operation)
        for operation in self._moves:
            entity = self._tree.entities[operation.entity_id]
            self._tree.entities[entity.entity_id] = attrs.evolve(entity, parent_id=operation.previous["parent_id"])
        self._take_back_places()

    def _take_back_update(self, operation: Operation) -> None:
        entity = self._tree.entities.get(operation.entity_id)
        if entity is None or any(entity.fields.get(name) != value for name, value in operation.fields.items()):
            raise CannotReverse(f"{operation.entity_id} has other values than it was updated to")
        old = {**entity.fields, **operation.previous}
        fields = {name: value for name, value in old.items() if value is not None}
        self._tree.entities[entity.entity_id] = attrs.evolve(entity, fields=fields)

    def _check_places(self) -> None:
        """Check that each created and moved entity is where its operation put it."""
        for operation in (*self._creates, *self._moves):
            entity = self._tree.entities.get(operation.entity_id)
            if entity is None or entity.parent_id != operation.parent_id:
                raise CannotReverse(f"{operation.entity_id} is not below {operation.parent_id}")
            if operation.parent_id is not None and not self._is_at(operation.parent_id, operation):
                raise CannotReverse(f"{operation.entity_id} is not at place {operation.index}")

    def _is_at(self, parent_id: str, operation: Operation) -> bool:
        siblings, index = self._tree.children.get(parent_id, []), operation.index
        return index is not None and index < len(siblings) and siblings[index] == operation.entity_id

    def _take_back_places(self) -> None:
        leaving: dict[str | None, set[str]] = defaultdict(set)
        coming: dict[str | None, dict[int, str]] = defaultdict(dict)
        for operation in (*self._creates, *self._moves):
            leaving[operation.parent_id].add(operation.entity_id)
        back = [one for one in (*self._moves, *self._deletes) if one.previous.get("parent_id") is not None]
        for operation in back:
            coming[operation.previous["parent_id"]][operation.previous["index"]] = operation.entity_id
        if sum(map(len, coming.values())) < len(back):
            raise CannotReverse("two entities were at one place")
        for parent_id in {*leaving, *coming} - {None}:
            siblings = self._tree.children.get(parent_id or "", [])
            self._tree.children[parent_id or ""] = _siblings(siblings, leaving[parent_id], coming[parent_id])
        for parent_id in {*coming, *(one.entity_id for one in self._creates)} - {None}:
            if self._tree.children.get(parent_id or "") and parent_id not in self._tree.entities:
                raise CannotReverse(f"{parent_id} had children and was not there")


def _siblings(now: Sequence[str], leaving: Collection[str], coming: Mapping[int, str]) -> list[str]:
    """Return the siblings before the run. Those that stayed keep their order and fill the places that are left."""
    stayed = [child for child in now if child not in leaving]
    size = len(stayed) + len(coming)
    if any(not 0 <= index < size for index in coming):
        raise CannotReverse("an entity was behind the end of its siblings")
    rest = iter(stayed)
    return [coming[at] if at in coming else next(rest) for at in range(size)]


def _before(delete: Operation) -> Entity:
    """Return the entity that an operation deleted."""
    fields = {name: value for name, value in delete.previous.items() if name not in _PLACE}
    parent_id = delete.previous.get("parent_id")
    return Entity(delete.entity_id, delete.entity_type, delete.block_type, parent_id, fields)
