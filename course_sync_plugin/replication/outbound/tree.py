"""The course as it is recorded now: what a site looks at to find the place of an entity."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from course_sync_plugin.data import Entity
from course_sync_plugin.models import Course, bulk
from course_sync_plugin.models import Entity as EntityRow


class RecordedTree:
    """The recorded entities of a course. The places are read at once, the fields when they are needed."""

    def __init__(self, course: Course):
        self.course_id = course.key
        self._course = course
        self._position: int | None = None
        self._children: dict[str | None, list[str]] = {}
        self._pks: dict[str, int] = {}
        self._types: dict[str, str] = {}
        self._entities: dict[str, Entity] = {}

    def refresh(self) -> None:
        """Read the places again if something was recorded since they were read."""
        position = self._position_now()
        if position == self._position:
            return
        rows = self._course.entities.order_by("index", "pk")
        columns = rows.values_list("pk", "entity_id", "entity_type", "parent_id")
        self._position, self._children, self._pks, self._types, self._entities = position, {}, {}, {}, {}
        for pk, entity_id, entity_type, parent_id in columns.iterator(chunk_size=5000):
            self._pks[entity_id], self._types[entity_id] = pk, entity_type
            self._children.setdefault(parent_id, []).append(entity_id)

    def now(self) -> RecordedTree:
        """Return this tree, or a new one if something was recorded since this one was read."""
        if self._position == self._position_now():
            return self
        tree = RecordedTree(self._course)
        tree.refresh()
        return tree

    def _position_now(self) -> int:
        return Course.objects.values_list("last_position", flat=True).get(pk=self._course.pk)

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._pks

    def type_of(self, entity_id: str) -> str:
        """Return the type of an entity; empty if the course does not have it."""
        return self._types.get(entity_id, "")

    def entity(self, entity_id: str) -> Entity | None:
        """Return an entity; None if the course does not have it."""
        if entity_id in self._pks and entity_id not in self._entities:
            self.load([entity_id])
        return self._entities.get(entity_id)

    def children(self, entity_id: str) -> Sequence[str]:
        """Return the ids of the children of an entity, in their order."""
        return self._children.get(entity_id, ())

    def as_recorded_now(self, entity: Entity) -> Entity:
        """Return an entity as it is recorded at this moment. If it is deleted by now, return it as it is given."""
        pk = self._pks.get(entity.entity_id)
        columns = ("entity_id", "entity_type", "block_type", "parent_id", "fields")
        row = EntityRow.objects.filter(pk=pk).values_list(*columns).first() if pk else None
        return Entity(*row) if row and row[0] == entity.entity_id else entity

    def has_same_children_now(self, entity_id: str) -> bool:
        """Tell whether the children of an entity are recorded at this moment as they were when they were read."""
        rows = EntityRow.objects.filter(course=self._course, parent_id=entity_id).order_by("index", "pk")
        columns = rows.values_list("parent_id", "entity_id", "fields")
        now = [(child, fields) for parent, child, fields in columns if parent == entity_id]
        then = [self.entity(one) for one in self.children(entity_id)]
        return now == [(one.entity_id, one.fields) for one in then if one]

    def load(self, entity_ids: Collection[str]) -> None:
        """Read the fields of entities with few queries."""
        pks = [self._pks[one] for one in entity_ids if one in self._pks and one not in self._entities]
        columns = ("entity_id", "entity_type", "block_type", "parent_id", "fields")
        for part in bulk.chunks(pks):
            for row in EntityRow.objects.filter(pk__in=part).values_list(*columns):
                self._entities[row[0]] = Entity(*row)
