"""Tells which operations concern an entity that is excluded from a target, or something below such an entity."""

from __future__ import annotations

from collections.abc import Iterator, Set

import attrs
from django.db.models import Exists, Q

from course_sync_plugin.data import Operation
from course_sync_plugin.models import Exclusion, JournalOperation, Lane, ProblemState

#: The operations that change the tree of a course.
_STRUCTURAL = ("create", "move", "delete")


@attrs.define
class Excluded:
    """The entities of a course that are excluded from a target, and the tree of the course at one place of its journal.

    ``ids``: the excluded entities. ``parents``: the parent of each entity; of a deleted entity its last parent.
    ``has_course``: the course is not deleted. While it is, nothing is excluded: the receiver is to delete all of it.
    ``position``: the position in the journal up to which ``parents`` is known; None: it is not read yet.
    """

    ids: Set[str] = frozenset()
    parents: dict[str, str | None] = attrs.field(factory=dict)
    has_course: bool = True
    position: int | None = None

    def covers(self, entity_id: str | None) -> bool:
        """Tell whether an entity is excluded, or is below one that is."""
        return self.has_course and any(above in self.ids for above in self.with_those_above(entity_id))

    def holds(self, operation: Operation) -> bool:
        """Tell whether an operation must not be sent. A move is judged by the place that it leads to."""
        if not (self.ids and self.has_course):
            return False
        if operation.entity_id in self.ids:
            return True
        if operation.operation in ("create", "move"):
            return self.covers(operation.parent_id)
        if operation.entity_id in self.parents:
            return self.covers(operation.entity_id)
        return self.covers(operation.previous.get("parent_id"))

    def learn(self, operation: Operation) -> None:
        """Apply an operation to the tree. A deleted entity stays in it: operations on it may still wait."""
        if operation.operation in ("create", "move"):
            self.parents[operation.entity_id] = operation.parent_id
        if _is_of_course(operation):
            self.has_course = operation.operation != "delete"

    def keep(self, operation: Operation) -> None:
        """Keep what a deletion that is held back would delete: the target still has it, below its last parent."""
        if operation.operation == "delete":
            self.parents.setdefault(operation.entity_id, operation.previous.get("parent_id"))

    def unlearn(self, operation: Operation) -> None:
        """Take an operation back from the tree."""
        if operation.operation == "create":
            self.parents.pop(operation.entity_id, None)
        elif operation.operation in ("move", "delete"):
            self.parents[operation.entity_id] = operation.previous.get("parent_id")
        if _is_of_course(operation):
            self.has_course = operation.operation == "delete"

    def with_those_above(self, entity_id: str | None) -> Iterator[str]:
        """Yield an entity, its parent, and so on up to the course."""
        seen: set[str] = set()
        while entity_id is not None and entity_id not in seen:
            yield entity_id
            seen.add(entity_id)
            entity_id = self.parents.get(entity_id)


def recorded_tree(lane: Lane, ids: Set[str], position: int) -> Excluded:
    """Return these entities as excluded, with the tree at a position in the journal of the lane's course."""
    excluded = Excluded(ids)
    follow(excluded, lane, position)
    return excluded


def reload_end_and_ids(lane: Lane, excluded: Excluded) -> None:
    """Read the end of a lane's journal again, and which entities are excluded. One query if none is."""
    rows = Exclusion.objects.filter(target=lane.target_id, course=lane.course_id)
    lane.end, is_excluding = Lane.objects.values_list("end", Exists(rows)).get(pk=lane.pk)
    excluded.ids = frozenset(rows.values_list("entity_id", flat=True) if is_excluding else ())


def follow(excluded: Excluded, lane: Lane, position: int) -> None:
    """Bring the tree to a position in the journal of the lane's course. Nothing is read if nothing is excluded."""
    if not excluded.ids:
        return
    if excluded.position is None or excluded.position > position:
        _read_tree(excluded, lane, position)
        return
    for operation in _structural(lane, Q(position__gt=excluded.position, position__lte=position), "position"):
        excluded.learn(operation)
    excluded.position = position


def _read_tree(excluded: Excluded, lane: Lane, position: int) -> None:
    """Read the recorded tree, then take back what the journal has after the position.

    In this order: an operation that is recorded in between may be taken back although it is not in the tree yet.
    """
    now = dict(lane.course.entities.values_list("entity_id", "parent_id").iterator(chunk_size=5000))
    excluded.parents, excluded.position = {**_last_parents(lane), **now}, position
    excluded.has_course = None in now.values()
    for operation in _structural(lane, Q(position__gt=position), "-position"):
        excluded.unlearn(operation)


def _last_parents(lane: Lane) -> dict[str, str | None]:
    """Return the last parents of entities that are deleted, but whose deletion is not sent because of an exclusion."""
    deleted = lane.problems.filter(
        state__in=(ProblemState.EXCLUDED, ProblemState.RETRYING), operation__operation="delete"
    )
    rows = deleted.order_by("operation__position").values_list("operation__entity_id", "operation__previous")
    return {entity_id: previous.get("parent_id") for entity_id, previous in rows}


def _structural(lane: Lane, where: Q, order: str) -> Iterator[Operation]:
    """Yield the operations that change the tree. Those for one lane alone repeat what is recorded already."""
    rows = JournalOperation.objects.filter(where, course=lane.course_id, lane=None, operation__in=_STRUCTURAL)
    columns = ("operation", "entity_type", "entity_id", "block_type", "parent_id", "previous")
    for kind, entity_type, entity_id, block_type, parent_id, previous in rows.order_by(order).values_list(*columns):
        yield Operation(kind, entity_type, entity_id, block_type, parent_id, previous=previous, id="")


def _is_of_course(operation: Operation) -> bool:
    """Tell whether the operation creates or deletes the course itself, the only entity without a parent."""
    parent_id = operation.previous.get("parent_id") if operation.operation == "delete" else operation.parent_id
    return parent_id is None and operation.operation in ("create", "delete")
