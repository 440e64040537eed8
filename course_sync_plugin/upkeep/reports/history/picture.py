"""Counts the events of a time in equal parts of it, to draw them. It reads a limited number of times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from django.db.models import QuerySet

from course_sync_plugin.upkeep.reports.history.events import ACTION, ATTEMPT, OPERATION, RUN, HistoryFilters
from course_sync_plugin.upkeep.reports.history.sources import chosen_actions, chosen_attempts, chosen_runs

#: The most times of one kind that are read.
MOST = 2000

#: The most bars, and their lengths in minutes: the first one with which so many are enough is taken.
BARS, LENGTHS = 60, (1, 5, 15, 60, 6 * 60, *(days * 24 * 60 for days in (1, 7, 30, 365)))
#: The fewest bars, unless a time was chosen: a single bar shows nothing.
FEWEST = 20


@attrs.frozen
class Bar:
    """A part of the time, from ``since`` up to ``until``, and the number of events in it."""

    since: datetime
    until: datetime
    count: int


@attrs.frozen
class Picture:
    """The parts of a time, the oldest first. ``begins_late``: older events match too, and are not counted."""

    bars: Sequence[Bar]
    begins_late: bool


def picture(chosen: HistoryFilters) -> Picture:
    """Count the runs, attempts and actions of the chosen courses and target. Operations count with their run.

    ``text`` and ``state`` are not regarded. Actions name courses and targets as texts that a database may compare
    without regard to case, so none is counted while a course or a target is chosen.
    """
    read = [list(times) for times in _times(chosen)]
    cut = [times[-1] for times in read if len(times) == MOST]
    begin = max(cut, default=None)
    times = [at for part in read for at in part if begin is None or at > begin]
    return Picture(_bars(times, None if begin else chosen.since, chosen.until), begin is not None)


def _times(chosen: HistoryFilters) -> Sequence[QuerySet[Any]]:
    """Return the newest times of each kind."""
    everything = chosen.courses is None and not chosen.target
    sources: Mapping[str, tuple[QuerySet[Any] | None, str]] = {
        RUN: (chosen_runs(chosen), "ended_at"),
        OPERATION: (chosen_runs(chosen), "ended_at"),
        ATTEMPT: (chosen_attempts(chosen), "began_at"),
        ACTION: (chosen_actions(chosen) if everything else None, "at"),
    }
    kinds = [kind for kind in chosen.kinds if kind != OPERATION or RUN not in chosen.kinds]
    found = [sources[kind] for kind in kinds if kind in sources]
    return [
        rows.order_by(f"-{column}").values_list(column, flat=True)[:MOST] for rows, column in found if rows is not None
    ]


def _bars(times: Sequence[datetime], since: datetime | None, until: datetime | None) -> list[Bar]:
    if not times:
        return []
    first, last = since or min(times), until or max(times)
    minutes = (last - first).total_seconds() / 60
    length = timedelta(minutes=next((one for one in LENGTHS if minutes / one < BARS - 1), LENGTHS[-1]))
    if since is None:
        first = min(first, last - (FEWEST - 1) * length)
    counts = Counter(_begin(at, length) for at in times)
    begins = [_begin(first, length) + number * length for number in range(BARS)]
    return [Bar(begin, begin + length, counts[begin]) for begin in begins if begin <= last]


def _begin(at: datetime, length: timedelta) -> datetime:
    """Return the begin of the part that a time is in. Parts begin at whole minutes, hours and days in UTC."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return epoch + (at - epoch) // length * length
