"""Searches by exact keys, which the database finds by an index. Nothing is searched by a part of a text."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.keys import course_of_entity, parse_course_id
from course_sync_plugin.models import Course, JournalOperation, digest_of

#: The most operations of one entity that a search finds.
MOST = 1000


def course_pk(text: str) -> int | None:
    """Return the key of the row of a course, or None if the text names no recorded course."""
    try:
        digest = digest_of(parse_course_id(text))
    except ConfigurationError:
        return None
    return Course.objects.filter(key_digest=digest).values_list("pk", flat=True).first()


def operation_pks(text: str) -> list[int]:
    """Return the keys of the operations in the journal that have this id, or that concern the entity of this id."""
    try:
        operation_id = uuid.UUID(text)
    except ValueError:
        return _of_entity(text)
    return list(JournalOperation.objects.filter(operation_id=operation_id).values_list("pk", flat=True))


def _of_entity(text: str) -> list[int]:
    """Return the newest operations of an entity. Only the journal of its course is read: the id has no index."""
    course = course_pk(course_of_entity(text) or text)
    if course is None:
        return []
    # MariaDB and MySQL compare without regard to case, so the ids are compared once more.
    rows: QuerySet = JournalOperation.objects.filter(course=course, entity_id=text).order_by("-position")
    return [pk for pk, entity_id in rows.values_list("pk", "entity_id")[:MOST] if entity_id == text]
