"""Writes operations as a text table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.sanitize.text import cleaned

_HEADINGS = ("operation", "type", "title", "what")
#: Largest number of characters of a title or a value in the table.
_WIDTH = 48


def as_table(operations: Iterable[Operation], old: Structure, new: Structure) -> str:
    """Return the operations that turn ``old`` into ``new`` as a table: one line for each, and a line with counts."""
    operations = list(operations)
    if not operations:
        return "No change."
    rows = [_row(operation, old, new) for operation in operations]
    return "\n".join([*_aligned([_HEADINGS, *rows]), "", _counts(operations)])


def _row(operation: Operation, old: Structure, new: Structure) -> tuple[str, ...]:
    what = {"create": _place, "move": _old_and_new_place, "update": _changes, "delete": _old_place}[operation.operation]
    title = _title(operation.entity_id, new, old)
    return operation.operation, operation.entity_type, _short(title), what(operation, old, new)


def _place(operation: Operation, old: Structure, new: Structure) -> str:
    if operation.parent_id is None:
        return ""
    return f"in {_quoted(operation.parent_id, new, old)} at {_ordinal(operation.index)}"


def _old_and_new_place(operation: Operation, old: Structure, new: Structure) -> str:
    before = operation.previous
    if before["parent_id"] == operation.parent_id:
        way = f"from {_ordinal(before['index'])} to {_ordinal(operation.index)}"
        return f"in {_quoted(operation.parent_id, new, old)} {way}"
    return f"from {_quoted(before['parent_id'], old, new)} {_place(operation, old, new).replace('in', 'to', 1)}"


def _changes(operation: Operation, old: Structure, new: Structure) -> str:
    """Return the changed fields with both values; for a content digest only ``content``, as people cannot read it."""
    changes = ((name, operation.previous[name], value) for name, value in operation.fields.items())
    return "; ".join(
        "content" if name == "content_digest" else f"{name}: {_short(before)} → {_short(now)}"
        for name, before, now in changes
    )


def _old_place(operation: Operation, old: Structure, new: Structure) -> str:
    parent_id = operation.previous.get("parent_id")
    return f"from {_quoted(parent_id, old, new)}" if parent_id else ""


def _ordinal(index: int | None) -> str:
    """Return an index as people count, from 1."""
    return "–" if index is None else str(index + 1)


def _quoted(entity_id: str, *structures: Structure) -> str:
    return f"“{_short(_title(entity_id, *structures))}”"


def _title(entity_id: str, *structures: Structure) -> str:
    """Return the title in the first structure that has the entity, or the last part of its key if it has no title."""
    known = [structure.entities[entity_id] for structure in structures if entity_id in structure.entities]
    title = known[0].fields.get("display_name") if known else None
    return title or entity_id.rpartition("type@")[2]


def _short(value: Any) -> str:
    text = "–" if value is None else " ".join(cleaned(str(value)).split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _counts(operations: Iterable[Operation]) -> str:
    counts = dict.fromkeys(("create", "move", "update", "delete"), 0)
    for operation in operations:
        counts[operation.operation] += 1
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)
