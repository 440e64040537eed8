"""Reads and writes the part of a course's tree that an envelope concerns.

The number of queries does not grow with the number of operations or of entities, only with the depth of the tree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import attrs

from course_sync_plugin.data import Entity, Operation
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.models import LocalEntity, LocalReplica, bulk, entity_digest

_PLACING = ("create", "move")

#: The columns of a row that can change.
_COLUMNS = ("entity_type", "block_type", "parent_id", "parent_digest", "position", "fields", "named_in")


class PartialTree(Tree):
    """Some entities of a course, with all children of each parent whose children an operation changes.

    It follows the rules for receivers, and it accepts a parent that is not there: the target need not get every type.
    """

    def __init__(self) -> None:
        super().__init__()
        self._failed: dict[str, str | None] = {}  # creates and moves that failed: entity, after_id
        self._missing: set[str] = set()  # entities whose creation failed

    def carry_out(self, operation: Operation) -> None:
        """Apply one operation. Raises PermanentError if it does not fit; then the tree stays as it was."""
        operation = attrs.evolve(operation, after_id=self._sibling_before(operation.after_id))
        try:
            if operation.operation == "create":
                self.upsert(operation)
            else:
                self.apply(operation)
        except (LookupError, ValueError) as error:
            raise PermanentError(f"{operation.operation} does not fit: {operation.entity_id} is not here") from error

    def fail(self, operation: Operation) -> None:
        """Record an operation that is not carried out."""
        if operation.operation in _PLACING:
            self._failed[operation.entity_id] = operation.after_id
        if operation.operation == "create" and operation.entity_id not in self.entities:
            self._missing.add(operation.entity_id)

    def copy(self) -> PartialTree:
        """Return a copy that can be changed independently."""
        other = PartialTree()
        other.entities = dict(self.entities)
        other.children = {parent: list(children) for parent, children in self.children.items()}
        other._failed, other._missing = dict(self._failed), set(self._missing)
        return other

    def below(self, entity_id: str) -> list[Entity]:
        """Return an entity that is there and all entities below it, children before parents."""
        found = [self.entities[one] for one in self._with_descendants(entity_id) if one in self.entities]
        return found[::-1]

    def _update(self, operation: Operation) -> None:
        super()._update(operation)
        entity = self.entities[operation.entity_id]  # a block may belong to another type by now
        self.entities[entity.entity_id] = attrs.evolve(
            entity, entity_type=operation.entity_type, block_type=operation.block_type
        )

    def _require(self, entity_id: str | None) -> None:
        if entity_id in self._missing:
            raise PermanentError(f"{entity_id} is not here: its creation failed")

    def _sibling_before(self, after_id: str | None) -> str | None:
        while after_id in self._failed:
            after_id = self._failed[after_id]
        return after_id


class StoredTree:
    """The rows of the entities that some operations concern, as they are stored.

    ``named_in``: the sequence to note at the entities that the operations name; None outside a snapshot.
    """

    def __init__(self, replica: LocalReplica, operations: Collection[Operation], named_in: int | None = None):
        self.replica = replica
        self.rows: dict[str, LocalEntity] = {}
        self._children: dict[str, list[str]] = {}
        self._named = {operation.entity_id for operation in operations} if named_in is not None else set()
        self._named_in = -1 if named_in is None else named_in
        placing = [operation for operation in operations if operation.operation in _PLACING]
        deleted = {operation.entity_id for operation in operations if operation.operation == "delete"}
        parents = {operation.parent_id for operation in placing if operation.parent_id is not None}
        self._load({operation.entity_id for operation in operations} | parents)
        moving = {one.entity_id for one in placing if one.entity_id in self.rows}
        if moving:
            parents |= self._load_ancestors(parents)
        self._load_children(parents | {*self._parents_of(moving | deleted)})
        self._load_below(deleted)

    def tree(self) -> PartialTree:
        """Return the tree as it is stored."""
        tree = PartialTree()
        tree.entities = {
            row.entity_id: Entity(row.entity_id, row.entity_type, row.block_type, row.parent_id, row.fields)
            for row in self.rows.values()
        }
        tree.children = {parent: list(children) for parent, children in self._children.items()}
        return tree

    def write(self, tree: PartialTree) -> None:
        """Store what differs in ``tree``, which is the result of the operations."""
        gone = [row.pk for entity_id, row in self.rows.items() if entity_id not in tree.entities]
        for keys in bulk.chunks(gone):
            LocalEntity.objects.filter(pk__in=keys).delete()
        places = {child: at for siblings in tree.children.values() for at, child in enumerate(siblings)}
        # An upsert: bulk_update would cost more than ten times as much.
        bulk.upsert(self._changed_rows(tree, places), _COLUMNS, ["key_digest"])

    def _changed_rows(self, tree: PartialTree, places: Mapping[str, int]) -> Iterator[LocalEntity]:
        """Yield a row, without its id, for each entity that is new or differs."""
        for entity_id, entity in tree.entities.items():
            old = self.rows.get(entity_id)
            position = places.get(entity_id, old.position if old else 0)
            named_in = self._named_in if entity_id in self._named or not old else old.named_in
            if old and (old.position, old.named_in) == (position, named_in) and _holds(old, entity):
                continue
            yield LocalEntity(
                replica=self.replica,
                key_digest=self._digest(entity_id),
                entity_id=entity_id,
                entity_type=entity.entity_type,
                block_type=entity.block_type,
                parent_id=entity.parent_id,
                parent_digest=None if entity.parent_id is None else self._digest(entity.parent_id),
                position=position,
                fields=dict(entity.fields),
                named_in=named_in,
            )

    def _digest(self, entity_id: str) -> str:
        return entity_digest(self.replica.course_key, entity_id)

    def _load(self, entity_ids: Iterable[str]) -> set[str]:
        """Load the rows of entities, and return the ids of those that were found."""
        digests = [self._digest(entity_id) for entity_id in entity_ids]
        found: set[str] = set()
        for part in bulk.chunks(digests):
            for row in LocalEntity.objects.filter(key_digest__in=part):
                self.rows[row.entity_id] = row
                found.add(row.entity_id)
        return found

    def _load_ancestors(self, entity_ids: Iterable[str]) -> set[str]:
        """Load everything above some entities, and return its ids. One query for each level that is not known."""
        above: set[str] = set()
        frontier = {*self._parents_of(entity_ids)}
        while frontier:
            above |= frontier
            self._load(frontier - self.rows.keys())
            frontier = {*self._parents_of(frontier)} - above
        return above

    def _load_children(self, parent_ids: Iterable[str]) -> list[str]:
        """Load all children of some parents, and return their ids."""
        wanted = [parent_id for parent_id in parent_ids if parent_id not in self._children]
        self._children.update((parent_id, []) for parent_id in wanted)
        found = []
        for part in bulk.chunks([self._digest(parent_id) for parent_id in wanted]):
            for row in LocalEntity.objects.filter(parent_digest__in=part).order_by("position", "id"):
                kept = self.rows.setdefault(row.entity_id, row)
                self._children[str(kept.parent_id)].append(kept.entity_id)
                found.append(kept.entity_id)
        return found

    def _load_below(self, entity_ids: Iterable[str]) -> None:
        """Load everything below some entities. One query for each level."""
        frontier = [*entity_ids]
        while frontier:
            frontier = self._load_children(frontier)

    def _parents_of(self, entity_ids: Iterable[str]) -> Iterator[str]:
        for entity_id in entity_ids:
            row = self.rows.get(entity_id)
            if row and row.parent_id is not None:
                yield row.parent_id


def _holds(row: LocalEntity, entity: Entity) -> bool:
    return (
        row.entity_type == entity.entity_type
        and row.block_type == entity.block_type
        and row.parent_id == entity.parent_id
        and row.fields == entity.fields
    )
