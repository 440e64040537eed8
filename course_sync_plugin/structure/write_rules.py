"""Decides what may be written back into Open edX: which fields and values, and which places. No store is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_sync_plugin.diff.handlers import Field, handler_for
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.keys import block_type_of, course_holding
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.structure.values import InvalidValue, normalised

#: The fields that may be written, of those that the type of an entity has.
WRITABLE = frozenset({"display_name", "start", "due"})

#: The block types of entities that have no draft: the platform publishes such a block whenever it is saved
#: (``DIRECT_ONLY_CATEGORIES`` in ``xmodule/modulestore/draft_and_published.py``, of which the others are no entities).
PUBLISHED_WHEN_SAVED = frozenset({"course", "chapter", "sequential"})

#: The block type of a unit.
UNIT = "vertical"

#: The block type of the parent of a block; the parent of every other block is a unit.
_PARENT_TYPE = {"chapter": "course", "sequential": "chapter", UNIT: "sequential"}


def named(entity_id: str) -> tuple[str, str]:
    """Return the course id and the block type of an entity.

    Raises PermanentError if the id does not name a course run or a block of one.
    """
    course_id = course_holding(entity_id)
    block_type = block_type_of(entity_id, course_id) if course_id else None
    is_its_root = block_type == "course" and entity_id != course_id  # the id of a course is its course key
    if course_id is None or block_type is None or is_its_root:
        raise PermanentError(f"{short_repr(entity_id)} is not the id of a course run or of a block of one")
    return course_id, block_type


def writable_fields(block_type: str) -> dict[str, Field]:
    """Return the fields of a block of this type that may be written."""
    return {name: field for name, field in handler_for(block_type).fields.items() if name in WRITABLE}


def checked(entity_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as the contract has them. Raises PermanentError if one of them may not be written."""
    allowed = writable_fields(named(entity_id)[1])
    return {name: _checked(entity_id, name, allowed, value) for name, value in fields.items()}


def _checked(entity_id: str, name: str, allowed: Mapping[str, Field], value: Any) -> Any:
    """Return one value. The message of the error does not repeat it: it is content of another system."""
    if name not in allowed:
        may = ", ".join(sorted(allowed))
        raise PermanentError(
            f"{short_repr(name)} of {entity_id} may not be written; these may: {may}", entity=entity_id
        )
    kind = allowed[name].kind
    try:
        if value is None or isinstance(value, str):
            return normalised(kind, value)
        raise InvalidValue
    except InvalidValue:
        raise PermanentError(f"{name} of {entity_id} was refused: the value is no {kind}", entity=entity_id) from None


def check_parent(entity_id: str, parent_id: str) -> None:
    """Raise PermanentError if a block cannot be in this parent: a section is in a course, a component in a unit."""
    (course_id, block_type), (other_course, parent_type) = named(entity_id), named(parent_id)
    holder = None if block_type == "course" else _PARENT_TYPE.get(block_type, UNIT)
    if parent_type == holder and course_id == other_course:
        return
    is_elsewhere = course_id != other_course
    why = "in another course" if is_elsewhere else f"a {parent_type}; it belongs in {holder or 'nothing'}"
    raise PermanentError(f"{entity_id} cannot be put into {parent_id}, which is {why}", entity=entity_id)


def index_after(entity_id: str, after_id: str | None, siblings: Sequence[str]) -> int:
    """Return the index behind a sibling; ``siblings`` are the other blocks of the parent.

    Raises PermanentError if the sibling is not among them.
    """
    if after_id is None:
        return 0
    if after_id not in siblings:
        raise PermanentError(f"{entity_id} cannot be put after {after_id}, which is elsewhere now", entity=entity_id)
    return siblings.index(after_id) + 1


def leaves_learners(entity_id: str) -> PermanentError:
    """Return the error for a unit with unpublished changes that would leave its subsection."""
    return PermanentError(
        f"{entity_id} has unpublished changes, so it cannot move to another subsection: learners would lose it. "
        "Publish or discard the changes in Studio, then move it again.",
        entity=entity_id,
    )
