"""Reports the state of targets, from the lanes that are not in step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef

from course_sync_plugin.lanes.site import is_elsewhere
from course_sync_plugin.models import LINK, Lane
from course_sync_plugin.upkeep.status.breakers import breaker_state
from course_sync_plugin.upkeep.status.lanes import STATES, CountedLane, Undone, other_site
from course_sync_plugin.upkeep.status.linked import COUNTS, with_linked_counts
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.status.traffic import read_traffic, with_window


def read_targets(
    selection: Selection, lanes: Iterable[CountedLane], undone: Undone
) -> list[tuple[Any, dict[str, Any]]]:
    """Return the row of each selected target and its state. Two queries.

    The state has the keys of ``targets`` in :func:`course_sync_plugin.upkeep.status.report.status`. ``lanes``: all of
    the selected lanes, or those that are not in step.
    """
    lanes_of = defaultdict(list)
    for lane in lanes:
        lanes_of[lane.lane.target_id].append(lane)
    linked = Lane.objects.filter(target=OuterRef("pk")).exclude(waiting_for=LINK)
    targets = selection.targets().annotate(has_lanes=Exists(linked))
    rows = list(with_window(with_linked_counts(targets, selection.course_key)).order_by("name"))
    traffic = read_traffic(rows)
    return [
        (
            row,
            {
                **_target(row, lanes_of[row.pk]),
                "excluded": undone.excluded.get(row.pk, 0),
                "recent": traffic[row.pk].as_dict(),
                "last_day": traffic[row.pk].last_day,
            },
        )
        for row in rows
    ]


def _target(target: Any, lanes: Sequence[CountedLane]) -> dict[str, Any]:
    """Return what is shown of a target: a row with ``has_lanes`` and ``COUNTS``."""
    since = [lane.waiting_since for lane in lanes if lane.waiting_since]
    return {
        "name": target.name,
        "state": _state_of_target(target, lanes),
        "lag_seconds": round(_seconds_since(min(since)), 1) if since else 0,
        "pending": sum(lane.pending for lane in lanes),
        "problems": sum(lane.open_problems for lane in lanes),
        "error": other_site(target),
        "breaker": breaker_state(target),
        **{count: getattr(target, count) for count in COUNTS},
    }


def _state_of_target(target: Any, lanes: Sequence[CountedLane]) -> str:
    """Return the state of a target: the worst state of its lanes.

    Lanes that are not given are in step, or they wait for a link; ``has_lanes``: there are others than the latter.
    """
    if is_elsewhere(target):
        return "other site"
    held_back = "disabled" if target.disabled_reason else "paused" if target.paused else ""
    at_rest = "in step" if target.has_lanes else "waiting for link" if target.waiting_for_link else ""
    if target.breaker_opened_at and at_rest and not held_back:
        return min(["unreachable", *(lane.state for lane in lanes)], key=STATES.index)
    return min((lane.state for lane in lanes), key=STATES.index, default=at_rest or held_back or "no courses")


def _seconds_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
