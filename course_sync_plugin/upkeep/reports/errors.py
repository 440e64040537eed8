"""Reports errors by their cause, and the members of one cause: the failed operations, or the lanes that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import Lane, Problem
from course_sync_plugin.upkeep.causes import Cause, as_listed, find_causes
from course_sync_plugin.upkeep.filters import Filters

#: The most causes that are shown. The filters find the others.
SHOWN = 50


@attrs.frozen
class Members:
    """Some members of a cause, the newest first. ``next``: the key of the last one if there are more, else None."""

    rows: Sequence[dict[str, Any]]
    next: int | None


@attrs.frozen
class Errors:
    """The causes as ``problems --json`` has them, at most ``SHOWN`` of them, and the members of the opened one.

    ``more``: the number of causes that are not shown. ``members``: None if no cause is opened, or if it has ended.
    """

    listed: dict[str, Any]
    more: int
    members: Members | None


def errors(chosen: Filters, opened: str = "", before: int | None = None, size: int = 50) -> Errors:
    """Return the causes of what matches, and the members of the cause whose digest is ``opened``.

    ``before``: the key of the last member that was seen; ``size``: the most members that are returned. Raises the
    errors of :meth:`Filters.problems`.
    """
    causes = find_causes(chosen)
    cause = next((one for one in causes if one.digest == opened), None)
    members = _members(cause, before, size) if cause else None
    return Errors(as_listed(causes, SHOWN), max(0, len(causes) - SHOWN), members)


def _members(cause: Cause, before: int | None, size: int) -> Members:
    keys = sorted((key for key in cause.keys if before is None or key < before), reverse=True)
    shown = keys[:size]
    rows = _problems(shown) if cause.what == "operations" else _lanes(shown)
    return Members(rows, shown[-1] if len(keys) > size else None)


def _problems(keys: Sequence[int]) -> list[dict[str, Any]]:
    rows = Problem.objects.filter(pk__in=keys).select_related("operation", "lane__course").order_by("-pk")
    return [
        {
            "course_id": row.lane.course.key,
            "operation": row.operation.operation,
            "entity_id": row.operation.entity_id,
            "operation_id": str(row.operation.operation_id),
            "reason": row.reason,
            "since": utc_text(row.since),
        }
        for row in rows
    ]


def _lanes(keys: Sequence[int]) -> list[dict[str, Any]]:
    rows = Lane.objects.filter(pk__in=keys).select_related("course").order_by("-pk")
    return [
        {
            "course_id": row.course.key,
            "reason": row.last_error,
            "since": row.retrying_since and utc_text(row.retrying_since),
        }
        for row in rows
    ]
