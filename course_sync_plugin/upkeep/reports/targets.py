"""Reports targets for operators: how each is set up, without its secrets, and how it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from django.db.models import prefetch_related_objects

from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Target
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.targets.base import Target as Backend
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.upkeep.status.attention import Attention, attention_of_target
from course_sync_plugin.upkeep.status.lanes import CountedLane, Undone, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.status.targets import read_targets


@attrs.frozen
class TargetReport:
    """A target and its state. It holds no secret, no token, and of a URL the host only.

    ``options``: those that are set, as texts by name. ``orgs``, ``courses``, ``entity_types``: what the target is
    subscribed to; if they are empty, all. ``needs_link``: it gets a course only when that is linked to a counterpart.
    ``has_secret``: its messages or its notices are signed with one. ``uses_token``: its API needs one.
    ``state``: as in ``targets`` of a status. ``attention``: what an operator should know, the most urgent first.
    """

    name: str
    backend: str
    host: str
    options: dict[str, str]
    orgs: tuple[str, ...]
    courses: tuple[str, ...]
    entity_types: tuple[str, ...]
    needs_link: bool
    has_secret: bool
    uses_token: bool
    state: dict[str, Any]
    attention: Sequence[Attention]


def target_reports() -> list[TargetReport]:
    """Return all targets, sorted by name. The number of queries does not grow with the number of rows."""
    return [report for _row, report, _lanes in read_reports(Selection())]


def read_reports(selection: Selection) -> list[tuple[Any, TargetReport, Sequence[CountedLane]]]:
    """Return the row of each selected target, its report, and its lanes that are not in step. Five queries."""
    undone = Undone.read(selection)
    lanes = read_lanes(selection, undone, all_of_them=False)
    found = read_targets(selection, lanes, undone)
    named = [selection.target] if selection.target else [row for row, _state in found]
    prefetch_related_objects(named, "subscriptions")  # no query for a target that was looked up by its name
    return [
        (row, _report(target, state), [lane for lane in lanes if lane.lane.target_id == row.pk])
        for target, (row, state) in zip(named, found, strict=True)
    ]


def backend_of(target: Target) -> type[Backend] | None:
    """Return the class of a kind of target; None if its package is not installed any more."""
    try:
        found: type[Backend] = targets.get(target.backend)
    except CourseSyncError:
        return None
    return found


def _report(row: Target, state: dict[str, Any]) -> TargetReport:
    subscriptions, backend = list(row.subscriptions.all()), backend_of(row)
    return TargetReport(
        name=row.name,
        backend=row.backend,
        host=host_of(row.url),
        options={name: _shown(value) for name, value in sorted(row.options.items())},
        orgs=tuple(sorted(one.org for one in subscriptions if one.org)),
        courses=tuple(sorted(one.course_key for one in subscriptions if one.course_key)),
        entity_types=tuple(row.entity_types),
        needs_link=bool(backend and backend.needs_link),
        has_secret=bool(backend and (backend.uses_secret or backend.inbound)),
        uses_token=bool(backend and backend.uses_token),
        state=state,
        attention=attention_of_target(state),
    )


def _shown(value: Any) -> str:
    """Return the value of an option as a text. Of a URL it is the host: the path may hold a token."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    text = str(value)
    return host_of(text) if "://" in text else text
