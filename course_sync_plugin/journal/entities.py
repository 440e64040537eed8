"""Reads the recorded entities of a course back as a structure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Structure
from course_sync_plugin.diff.handlers import FIELD_SET_VERSION, handler_for
from course_sync_plugin.models import Course, bulk
from course_sync_plugin.models import Entity as EntityRow


@attrs.frozen(slots=True)
class StoredRow:
    """A row of the table of entities: the entity, its place among its siblings, its digest and its revision."""

    pk: int
    entity: Entity
    index: int | None
    digest: str
    revision: int


def stored_rows(course: Course, new: Structure, digests: Mapping[str, str]) -> dict[str, StoredRow]:
    """Return the recorded rows of a course, by entity id.

    ``digests``: the digests of the fields in ``new``, by entity id. If an entity's digest is the recorded one, its
    fields are taken from ``new``: only changed fields are loaded.
    """
    columns = ("pk", "entity_id", "entity_type", "block_type", "parent_id", "index", "digest", "revision")
    light = list(course.entities.values_list(*columns).iterator(chunk_size=5000))
    fields = dict(_fields(row[0] for row in light if digests.get(row[1]) != row[6]))
    rows = {}
    for pk, entity_id, entity_type, block_type, parent_id, index, digest, revision in light:
        own = fields[pk] if pk in fields else new.entities[entity_id].fields
        entity = Entity(entity_id, entity_type, block_type, parent_id, own)
        rows[entity_id] = StoredRow(pk, entity, index, digest, revision)
    return rows


def stored_structure(course: Course, rows: Mapping[str, StoredRow] | None = None) -> Structure:
    """Return the recorded structure of a course."""
    if rows is None:
        rows = stored_rows(course, Structure.empty(course.key), {})
    children: dict[str | None, list[str]] = {}
    for entity_id in sorted(rows, key=lambda entity_id: rows[entity_id].index or 0):
        children.setdefault(rows[entity_id].entity.parent_id, []).append(entity_id)
    entities = {entity_id: rows[entity_id].entity for entity_id in _document_order(children)}
    places = {parent: tuple(kids) for parent, kids in children.items() if parent is not None}
    return Structure(course.key, course.published_version, entities, places)


def baselined(old: Structure, new: Structure, field_set_version: int) -> Structure:
    """Return ``old`` with the values that ``new`` has in fields that were allow-listed after ``field_set_version``.

    So a newly allow-listed field does not count as a change of every entity that has a value in it.
    """
    if field_set_version >= FIELD_SET_VERSION or not old.entities:
        return old
    entities = dict(old.entities)
    for entity_id, entity in entities.items():
        if entity_id in new.entities:
            known = handler_for(entity.block_type).fields
            fields = new.entities[entity_id].fields
            added = {name: value for name, value in fields.items() if known[name].since > field_set_version}
            entities[entity_id] = attrs.evolve(entity, fields={**entity.fields, **added})
    return attrs.evolve(old, entities=entities)


def _document_order(children: Mapping[str | None, list[str]]) -> Iterator[str]:
    waiting = list(reversed(children.get(None, ())))
    while waiting:
        entity_id = waiting.pop()
        yield entity_id
        waiting.extend(reversed(children.get(entity_id, ())))


def _fields(pks: Iterable[int]) -> Iterator[tuple[int, Any]]:
    for keys in bulk.chunks(list(pks)):
        yield from EntityRow.objects.filter(pk__in=keys).values_list("pk", "fields")
