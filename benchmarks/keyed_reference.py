"""The smallest possible keyed comparison: dictionaries in, the operations of the contract as dictionaries out.

It has no types, no handlers and no chain. The time that the engine needs beyond this is the cost of its design.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any


def keyed_diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the operations between two plain courses (see ``courses.py``), in the order of the contract."""
    before, after, old_kids, new_kids = old["entities"], new["entities"], old["children"], new["children"]
    created, updates = set(), []
    for key, row in after.items():
        known = before.get(key)
        if known is None:
            created.add(key)
        elif known["fields"] != row["fields"]:
            updates.append(_update(known, row))
    moved = set()
    for parent, kids in new_kids.items():
        if kids != old_kids.get(parent):
            moved |= _moved(before, old_kids.get(parent, ()), kids)
    gone = [key for key in before if key not in after]
    places = _indexes(new_kids, {after[key]["parent_id"] for key in created | moved})
    old_places = _indexes(old_kids, {before[key]["parent_id"] for key in [*gone, *moved]})
    creates_and_moves = (
        _placed(after[key], new_kids, places, None if key in created else (before[key], old_places))
        for key in (after if created or moved else ())
        if key in created or key in moved
    )
    return [*creates_and_moves, *updates, *(_delete(before[key], old_places) for key in reversed(gone))]


def _indexes(kids: Mapping[str, Sequence[str]], parents: set[str | None]) -> dict[str, int]:
    return {key: at for parent in parents for at, key in enumerate(kids.get(parent, ()))}


def _moved(before: Mapping[str, Any], old: Sequence[str], new: Sequence[str]) -> set[str]:
    """Return the blocks that come from another parent, and the siblings outside the longest increasing run."""
    old_at = {key: at for at, key in enumerate(old)}
    common = [key for key in new if key in old_at]
    tails: list[int] = []
    runs: list[list[str]] = []
    for key in common:
        length = bisect_left(tails, old_at[key])
        tails[length:], runs[length:] = (
            [old_at[key], *tails[length + 1 :]],
            [[*(runs[length - 1] if length else ()), key], *runs[length + 1 :]],
        )
    staying = set(runs[-1]) if runs else set()
    return {key for key in new if key in before and key not in staying}


def _operation(kind: str, row: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "operation": kind,
        "entity_type": row["entity_type"],
        "entity_id": row["entity_id"],
        "block_type": row["block_type"],
        "parent_id": None,
        "index": None,
        "after_id": None,
        "fields": {},
        "previous": {},
        **values,
    }


def _placed(row: Mapping[str, Any], kids: Any, places: Mapping[str, int], moved_from: Any) -> dict[str, Any]:
    index = places.get(row["entity_id"])
    place = {
        "parent_id": row["parent_id"],
        "index": index,
        "after_id": kids[row["parent_id"]][index - 1] if index else None,
    }
    if moved_from is None:
        return _operation("create", row, **place, fields=row["fields"])
    known, old_places = moved_from
    previous = {"parent_id": known["parent_id"], "index": old_places[row["entity_id"]]}
    return _operation("move", row, **place, previous=previous)


def _update(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    before, after = old["fields"], new["fields"]
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    fields = {name: after.get(name) for name in names}
    return _operation("update", new, fields=fields, previous={name: before.get(name) for name in names})


def _delete(row: Mapping[str, Any], old_places: Mapping[str, int]) -> dict[str, Any]:
    place = {"parent_id": row["parent_id"], "index": old_places[row["entity_id"]]} if row["parent_id"] else {}
    return _operation("delete", row, previous={**row["fields"], **place})
