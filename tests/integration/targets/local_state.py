"""Reads what the target ``local`` has stored, and compares it with a course."""

from __future__ import annotations

from course_sync_plugin import api
from course_sync_plugin.data import Entity, Structure
from course_sync_plugin.models import LocalEntity, LocalTable
from course_sync_plugin.targets.local.moments import moment


def tables() -> dict[str, type[LocalTable]]:
    """Return the model of each entity type that has a table."""
    found, waiting = {}, list(LocalTable.__subclasses__())
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if not model._meta.abstract:
            found[model.__name__.removeprefix("Local").lower()] = model
    return found


def stored(course: str) -> Structure:
    """Return the course in the tables as a structure, in document order."""
    entities: dict[str, Entity] = {}
    children: dict[str, tuple[str, ...]] = {}

    def put(node: api.LocalNode, parent_id: str | None) -> None:
        entities[node.entity_id] = Entity(node.entity_id, node.entity_type, node.block_type, parent_id, node.fields)
        if node.children:
            children[node.entity_id] = tuple(child.entity_id for child in node.children)
        for child in node.children:
            put(child, node.entity_id)

    root = api.local_outline(course)
    if root:
        put(root, None)
    return Structure(course, "", entities, children)


def differences(structure: Structure) -> list[str]:
    """Return the differences between the tables and a course: its tree, its fields, and the table of each type."""
    here = stored(structure.course_id)
    found = []
    for key in here.entities.keys() | structure.entities.keys():
        if here.entities.get(key) != structure.entities.get(key):
            found.append(f"{key}: {here.entities.get(key)}, should be {structure.entities.get(key)}")
    for key in here.children.keys() | structure.children.keys():
        if here.children_of(key) != structure.children_of(key):
            found.append(f"children of {key}: {here.children_of(key)}, should be {structure.children_of(key)}")
    return found + table_differences(structure)


def table_differences(structure: Structure) -> list[str]:
    """Return the differences between the tables of the types and a course."""
    found = []
    digests = dict(LocalEntity.objects.values_list("key_digest", "entity_id"))
    for entity_type, model in tables().items():
        rows = {digests.get(row.pk, row.pk): row for row in model.objects.all()}
        expected = {key: entity for key, entity in structure.entities.items() if entity.entity_type == entity_type}
        if rows.keys() != expected.keys():
            found.append(f"{model.__name__}: {rows.keys() ^ expected.keys()}")
        for key in rows.keys() & expected.keys():
            found += _row_differences(rows[key], expected[key])
    return found


def _row_differences(row: LocalTable, entity: Entity) -> list[str]:
    title = entity.fields.get("display_name")
    is_same = row.title == ("".join("\ufffd" if ord(one) > 0xFFFF else one for one in title) if title else title)
    wanted = {
        "visible_to_staff_only": entity.fields.get("visible_to_staff_only"),
        "due": moment(entity.fields.get("due")),
        "graded": entity.fields.get("graded"),
    }
    wrong = [name for name, value in wanted.items() if hasattr(row, name) and getattr(row, name) != value]
    return [f"{entity.entity_id}: {name}" for name in [*wrong, *([] if is_same else ["title"])]]
