"""Changes structures as an edit in Studio does: values with what inherits them, parts to publish, and differences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from course_sync_plugin.data import Entity, Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.diff.handlers import Field, handler_for


def with_values(structure: Structure, entity_id: str, values: Mapping[str, Any]) -> Structure:
    """Return the structure with the values of one entity changed; None removes a value.

    The sandbox does not know which values are inherited. So a child that had the same value as its parent gets the new
    one too, and an entity whose value is removed gets that of its parent.
    """
    entities = dict(structure.entities)
    for name, value in values.items():
        new = _own_or_inherited(entities, entity_id, name, value)
        for one in [*_inheriting(structure, entities, entity_id, name)]:
            entities[one] = _with_value(entities[one], name, new)
    return attrs.evolve(structure, entities=entities)


def _inheriting(structure: Structure, entities: Mapping[str, Entity], entity_id: str, name: str) -> Iterator[str]:
    """Yield an entity, and those below it that have the same value of an effective field."""
    old = entities[entity_id].fields.get(name)
    waiting = [entity_id]
    while waiting:
        current = waiting.pop()
        yield current
        for child in structure.children_of(current):
            if _is_effective(entities[child], name) and entities[child].fields.get(name) == old:
                waiting.append(child)


def _own_or_inherited(entities: Mapping[str, Entity], entity_id: str, name: str, value: Any) -> Any:
    parent_id = entities[entity_id].parent_id
    if value is not None or parent_id is None or not _is_effective(entities[entity_id], name):
        return value
    return entities[parent_id].fields.get(name)


def _is_effective(entity: Entity, name: str) -> bool:
    return handler_for(entity.block_type).fields.get(name, Field("text")).effective


def _with_value(entity: Entity, name: str, value: Any) -> Entity:
    fields = {**entity.fields, name: value}
    return attrs.evolve(entity, fields={name: one for name, one in fields.items() if one is not None})


def with_subtree(published: Structure, draft: Structure, root: str) -> Structure:
    """Return the published structure with one entity, and all below it, as the draft has them.

    What left the entity in the draft is not published any more, as in the platform. What came is not elsewhere any
    more.
    """
    taken = [*subtree(draft, root)]
    changed = {*taken, *subtree(published, root)} - {root}
    tree = Tree()
    tree.entities = {one: entity for one, entity in published.entities.items() if one not in changed}
    tree.entities |= {one: draft.entities[one] for one in taken}
    tree.entities[root] = attrs.evolve(draft.entities[root], parent_id=published.entities[root].parent_id)
    tree.children = {
        parent: [child for child in children if child not in changed]
        for parent, children in published.children.items()
        if parent not in changed
    }
    tree.children |= {one: list(draft.children_of(one)) for one in taken}
    return rebuilt(tree, published)


def subtree(structure: Structure, root: str) -> Iterator[str]:
    """Yield the id of an entity, if it is there, and of all below it."""
    waiting = [root] if root in structure.entities else []
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(structure.children_of(current))


def rebuilt(tree: Tree, like: Structure) -> Structure:
    """Return the structure of a changed tree, with the warnings and the version of the structure that it was."""
    found = tree.structure(like.course_id, like.published_version)
    return attrs.evolve(found, unreadable=like.unreadable & found.entities.keys(), warnings=like.warnings)


def differ_at(one: Structure, other: Structure, entity_id: str) -> bool:
    """Tell whether an entity has other values in one of two structures."""
    found, wanted = one.entities.get(entity_id), other.entities.get(entity_id)
    return found is None or wanted is None or found.fields != wanted.fields


def differ_below(one: Structure, other: Structure, root: str) -> bool:
    """Tell whether an entity, or one below it, has other values or other children in one of two structures."""
    return any(
        differ_at(one, other, entity_id) or one.children_of(entity_id) != other.children_of(entity_id)
        for entity_id in subtree(one, root)
    )
