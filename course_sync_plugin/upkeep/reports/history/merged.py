"""Merges the events of all kinds into one order, page by page, without counting and without skipping rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from course_sync_plugin.upkeep.reports.history.events import Event, HistoryFilters, Place
from course_sync_plugin.upkeep.reports.history.sources import SOURCES

#: The most events of an export, and how many are read at once for it.
EXPORTED, _AT_ONCE = 10_000, 500

#: The most pages that an export reads: few of their events may be chosen.
_PAGES = 200


@attrs.frozen
class HistoryPage:
    """Events, the newest first. ``next``: the place from which the next page goes on, or None at the end."""

    events: Sequence[Event]
    next: Place | None


def history(chosen: HistoryFilters, before: Place | None, size: int) -> HistoryPage:
    """Return the events before a place (None: the newest), at most ``size``.

    A page may have fewer events, or none, and a next page: of each table a limited number of rows is looked through.
    """
    found = [SOURCES[kind](chosen, before, size + 1) for kind in chosen.kinds if kind in SOURCES]
    floor = max((one.reached for one in found if one.reached), default=None)
    # Below the floor a source may have events that it has not read yet.
    merged = sorted((event for one in found for event in one.events), key=lambda event: event.place, reverse=True)
    complete = [event for event in merged if floor is None or event.place >= floor]
    if len(complete) > size:
        return HistoryPage(complete[:size], complete[size - 1].place)
    return HistoryPage(complete, floor)


def exported_history(chosen: HistoryFilters) -> Iterator[Event]:
    """Yield the newest events that match, at most ``EXPORTED``, in parts that need little memory."""
    before, left = None, EXPORTED
    for _number in range(_PAGES):
        page = history(chosen, before, min(_AT_ONCE, left))
        yield from page.events
        before, left = page.next, left - len(page.events)
        if before is None or left <= 0:
            return
