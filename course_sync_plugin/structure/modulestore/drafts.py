"""Reads a block of the draft branch, and sets its values, in the terms of the contract. A block here is an XBlock."""

from __future__ import annotations

from typing import Any, TypeAlias

from course_sync_plugin.diff.handlers import Field
from course_sync_plugin.keys import course_id
from course_sync_plugin.structure.modulestore.blocks import ERROR_TYPE
from course_sync_plugin.structure.values import read
from course_sync_plugin.structure.write_rules import PUBLISHED_WHEN_SAVED, writable_fields
from course_sync_plugin.structure.writer import Draft

#: edx-platform has no annotations, and cannot be imported here.
Block: TypeAlias = Any


def entity_id_of(location: Any) -> str:
    """Return the entity id of a block: its usage key without branch and version; the course key for the course."""
    is_course = location.block_type == "course"
    return course_id(location.course_key) if is_course else str(location.for_branch(None).version_agnostic())


def draft_of(store: Any, block: Block) -> Draft:
    """Return what the draft branch has of a block."""
    parent = block.get_parent()
    place = (None, ()) if parent is None else (entity_id_of(parent.location), _siblings(parent))
    return Draft(_values(block), _has_changes(store, block), *place)


def value_of(block: Block, name: str, field: Field) -> Any:
    """Return a value as the contract has it, or None. A value that may be inherited is that of the nearest ancestor."""
    one = block
    while one is not None:
        if _is_set(one, name):
            return read(field.kind, one.fields[name].to_json(getattr(one, name))).value
        one = one.get_parent() if field.effective else None
    return None


def differs(block: Block, name: str, field: Field, value: Any) -> bool:
    """Tell whether a value must be written. None means that the block shall have no value of its own."""
    return _is_set(block, name) if value is None else value_of(block, name, field) != value


def set_value(block: Block, name: str, value: Any) -> None:
    """Set a value of the contract on a block, or remove the block's own value (None), as Studio does."""
    field = block.fields[name]
    if value is None:
        field.delete_from(block)
    else:
        field.write_to(block, field.from_json(value))


def _is_set(block: Block, name: str) -> bool:
    """Tell whether a block has a value of its own. A copy from a v1 library has the library's as a default."""
    stored = block.runtime.service(block, "field-data")._kvs
    return bool(block.fields[name].is_set_on(block) or stored.has_default_value(name))


def _values(block: Block) -> dict[str, Any]:
    fields = writable_fields(block.location.block_type)
    values = {name: value_of(block, name, field) for name, field in fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _siblings(parent: Block) -> tuple[str, ...]:
    """Return the ids of the blocks in a parent. ``error`` blocks do not count: they are no entities."""
    return tuple(entity_id_of(one) for one in parent.children if one.block_type != ERROR_TYPE)


def _has_changes(store: Any, block: Block) -> bool:
    """Tell whether learners have something else.

    For a section the platform also counts the drafts below it, which nobody publishes with the section. So for blocks
    without a draft their own values are compared. They differ in a rerun whose settings were never saved.
    """
    if block.location.block_type not in PUBLISHED_WHEN_SAVED:
        return bool(store.has_changes(block))
    from xmodule.modulestore import ModuleStoreEnum

    own, location = _values(block), block.location.for_branch(None).version_agnostic()
    with store.branch_setting(ModuleStoreEnum.Branch.published_only, location.course_key):
        return _values(store.get_item(location)) != own
