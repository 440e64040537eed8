"""A Studio in memory beside the shelf of courses: drafts of units, and sections that are published when saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.structure.writer import CourseWriter, Draft
from tests.integration.courses import COURSE, SHELF


def rearranged(course: Structure, version: str, children: Mapping[str, Sequence[str]]) -> Structure:
    """Return a version of a course in which the entities have these children, in document order."""
    parents = {child: parent for parent, below in children.items() for child in below}
    order = [course.course_id]
    for parent in order:  # it grows while it is read
        order[order.index(parent) + 1 : order.index(parent) + 1] = children.get(parent, ())
    entities = {one: attrs.evolve(course.entities[one], parent_id=parents.get(one)) for one in order}
    filled = {parent: tuple(below) for parent, below in children.items() if below}
    return attrs.evolve(course, published_version=version, entities=entities, children=filled)


class Studio(CourseWriter):
    """``drafts``: the fields of units that are not published, by entity id. ``cleans``: it strips titles."""

    drafts: dict[str, dict[str, Any]] = {}
    touched: set[str] = set()
    writes: list[str] = []
    moves: list[tuple[str, str, str | None]] = []
    is_down = False
    cleans = False

    @classmethod
    def reset(cls) -> None:
        cls.drafts, cls.touched, cls.writes, cls.moves, cls.is_down, cls.cleans = {}, set(), [], [], False, False

    def draft(self, entity_id: str) -> Draft | None:
        entity = SHELF.courses[COURSE].entities.get(entity_id)
        if entity is None:
            return None
        fields = {**entity.fields, **self.drafts.get(entity_id, {})}
        return Draft(fields, entity_id in self.drafts or entity_id in self.touched, entity.parent_id, 0)

    def write(self, entity_id: str, fields: Mapping[str, Any], user: str) -> Mapping[str, Any]:
        if self.is_down:
            raise TransientError("Studio does not answer.")
        self.writes.append(entity_id)
        stored = {name: value.strip() if self.cleans and value else value for name, value in fields.items()}
        self.drafts.setdefault(entity_id, {}).update(stored)
        if not self.has_draft(entity_id):
            self.publish(entity_id, user)
        return stored

    def publish(self, entity_id: str, user: str) -> None:
        course = SHELF.courses[COURSE]
        entity = course.entities[entity_id]
        fields = {**entity.fields, **self.drafts.pop(entity_id, {})}
        entities = {**course.entities, entity_id: attrs.evolve(entity, fields=fields)}
        version = f"{course.published_version}+"
        SHELF.publish(attrs.evolve(course, entities=entities, published_version=version))
        api.sync_course(COURSE)

    def move_checked(self, entity_id: str, parent_id: str, after_id: str | None, user: str) -> None:
        course = SHELF.courses[COURSE]
        self.moves.append((entity_id, parent_id, after_id))
        children = {one: [child for child in below if child != entity_id] for one, below in course.children.items()}
        order = children.setdefault(parent_id, [])
        order.insert(order.index(after_id) + 1 if after_id else 0, entity_id)
        SHELF.publish(rearranged(course, f"{course.published_version}+", children))
        api.sync_course(COURSE)
