"""Reports errors by their cause with what was noted, and the members of one cause: operations or lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import Lane, Problem
from course_sync_plugin.upkeep.causes import Cause, as_listed, find_causes
from course_sync_plugin.upkeep.error_notes import (
    NOTED_STATES,
    OPEN,
    Noted,
    Orgs,
    ended_causes,
    is_shown,
    notes_about,
)
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.targets.change import get_target

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

    Each cause has ``noted`` too (:class:`Noted`). ``more``: the number of causes that are not shown. ``hidden``: the
    number of those in another state. ``ended``: causes whose errors are gone, with what was noted. ``members``: None if
    no cause is opened, or if it has ended.
    """

    listed: dict[str, Any]
    more: int
    members: Members | None
    hidden: int = 0
    ended: Sequence[dict[str, Any]] = ()


def errors(
    chosen: Filters,
    opened: str = "",
    before: int | None = None,
    size: int = 50,
    state: str = "open",
    orgs: Orgs = None,
) -> Errors:
    """Return the causes of what matches, and the members of the cause whose digest is ``opened``.

    ``before``: the key of the last member that was seen; ``size``: the most members that are returned. ``state``: one
    of ``NOTED_STATES``; another one counts as ``open``. ``orgs``: the organisations whose notes may be read (None:
    all). Raises the errors of :meth:`Filters.problems`.
    """
    state = state if state in NOTED_STATES else OPEN
    causes = find_causes(chosen)
    notes = notes_about({one.digest: one.last for one in causes}, orgs)
    shown = [one for one in causes if is_shown(notes.get(one.digest, Noted()), state)]
    listed = as_listed(shown, SHOWN)
    for row in listed["causes"]:
        row["noted"] = notes.get(row["cause"], Noted()).as_dict()
    cause = next((one for one in shown if one.digest == opened), None)
    return Errors(
        listed=listed,
        more=max(0, len(shown) - SHOWN),
        members=_members(cause, before, size) if cause else None,
        hidden=len(causes) - len(shown),
        ended=_ended(chosen, causes, state, orgs),
    )


def _ended(chosen: Filters, causes: Sequence[Cause], state: str, orgs: Orgs) -> list[dict[str, Any]]:
    """Return causes that are gone. A filter other than the target chooses none of them: it needs their operations."""
    if state == OPEN or chosen.as_dict().keys() - {"target"}:
        return []
    target = get_target(chosen.target).pk if chosen.target else None
    return ended_causes({one.digest for one in causes}, orgs, state, target)[:SHOWN]


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
