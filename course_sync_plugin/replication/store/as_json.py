"""Turns the states of the merge into JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.replication.strategies.base import Conflict, Side


def side_to_json(side: Side) -> list[Any]:
    """Return a side as ``[value, milliseconds, site, kind]``."""
    return [side.value, side.stamp.milliseconds, side.stamp.site, side.kind]


def side_from_json(stored: Any) -> Side:
    """Return the side that :func:`side_to_json` stored."""
    value, milliseconds, site, kind = stored
    return Side(value, Stamp(milliseconds, site), kind)


def sides_to_json(sides: Mapping[str, Side]) -> dict[str, Any]:
    """Return the sides of several fields, by their names."""
    return {name: side_to_json(side) for name, side in sides.items()}


def sides_from_json(stored: Mapping[str, Any]) -> dict[str, Side]:
    """Return the sides that :func:`sides_to_json` stored."""
    return {name: side_from_json(side) for name, side in stored.items()}


def conflicts_to_json(conflicts: Mapping[str, Conflict]) -> dict[str, Any]:
    """Return the open conflicts of an entity, by field: the base and both sides."""
    return {name: [one.base, side_to_json(one.ours), side_to_json(one.theirs)] for name, one in conflicts.items()}


def conflicts_from_json(stored: Mapping[str, Any], entity_type: str, entity_id: str) -> dict[str, Conflict]:
    """Return the conflicts that :func:`conflicts_to_json` stored."""
    return {
        name: Conflict(entity_type, entity_id, name, base, side_from_json(ours), side_from_json(theirs))
        for name, (base, ours, theirs) in stored.items()
    }
