"""The source of the sandbox: it reads the courses that ``publish_olx`` published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from course_sync_plugin.data import Entity, Structure
from course_sync_plugin.exceptions import CourseNotFound
from sandbox.published.models import PublishedCourse


class PublishedSource:
    """Reads published courses from the sandbox's own table (see ``course_sync_plugin.structure.base``)."""

    def published_version(self, course_id: str) -> str | None:
        """Return the version that is published now, or None."""
        rows = PublishedCourse.objects.filter(course_key=course_id)
        return rows.values_list("published_version", flat=True).first()

    def published_versions(self, course_ids: Collection[str] | None = None) -> Iterable[tuple[str, str]]:
        """Return pairs of course id and published version, one for every course, or for each of ``course_ids``."""
        rows = PublishedCourse.objects.values_list("course_key", "published_version")
        return rows if course_ids is None else rows.filter(course_key__in=course_ids)

    def read(self, course_id: str) -> Structure:
        """Return the published structure. Raises CourseNotFound if the course is not published."""
        row = PublishedCourse.objects.filter(course_key=course_id).first()
        if row is None:
            raise CourseNotFound(f"{course_id} is not published here")
        return from_json(course_id, row.published_version, row.structure)

    def html(self, course_id: str, entity_ids: Collection[str]) -> Mapping[str, str]:
        """Return the published HTML of these components. Raises CourseNotFound if the course is not published."""
        row = PublishedCourse.objects.filter(course_key=course_id).first()
        if row is None:
            raise CourseNotFound(f"{course_id} is not published here")
        return {one: row.html[one] for one in entity_ids if one in row.html}


def to_json(structure: Structure) -> dict[str, Any]:
    """Return a structure as JSON: its entities in document order."""
    entities = [
        [entity.entity_id, entity.entity_type, entity.block_type, entity.parent_id, dict(entity.fields)]
        for entity in structure.entities.values()
    ]
    return {
        "entities": entities,
        "unreadable": sorted(structure.unreadable),
        "warnings": list(structure.warnings),
    }


def from_json(course_id: str, version: str, values: dict[str, Any]) -> Structure:
    """Return the structure from the JSON that :func:`to_json` returned."""
    entities = {row[0]: Entity(*row) for row in values["entities"]}
    children: dict[str, list[str]] = {}
    for entity in entities.values():
        if entity.parent_id is not None:
            children.setdefault(entity.parent_id, []).append(entity.entity_id)
    places = {parent: tuple(kids) for parent, kids in children.items()}
    unreadable = frozenset(values["unreadable"])
    return Structure(course_id, version, entities, places, unreadable, tuple(values["warnings"]))
