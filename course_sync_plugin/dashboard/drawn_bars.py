"""Turns the parts of a time into bars that a template draws. Each is a link to the page with that time alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import attrs
from django.http import HttpRequest

from course_sync_plugin import api
from course_sync_plugin.dashboard.paging import with_values
from course_sync_plugin.data import utc_text

#: The units of a drawing: its width and its height, and the least height of a bar that stands for something.
WIDTH, HEIGHT, LEAST = 600, 80, 3


@attrs.frozen
class DrawnBar:
    """A bar: its place and size in the drawing, what it says, and the query string of its link."""

    x: int
    y: int
    width: int
    height: int
    label: str
    count: int
    query: str


def drawn(request: HttpRequest, picture: api.Picture) -> Sequence[DrawnBar]:
    """Return the bars of a picture, in the order of time. Parts without an event have no height."""
    highest = max((bar.count for bar in picture.bars), default=1) or 1
    step = WIDTH // max(1, len(picture.bars))
    return [_drawn(request, bar, number * step, step, highest) for number, bar in enumerate(picture.bars)]


def _drawn(request: HttpRequest, bar: api.Bar, x: int, step: int, highest: int) -> DrawnBar:
    height = max(LEAST, HEIGHT * bar.count // highest) if bar.count else 0
    is_hours = bar.until - bar.since < timedelta(days=1)
    label = f"{api.local_day(bar.since)} {bar.since:%H:%M}" if is_hours else api.local_day(bar.since)
    query = with_values(request, since=utc_text(bar.since), until=utc_text(bar.until), before="")
    return DrawnBar(x, HEIGHT - height, max(1, step - 1), height, label, bar.count, query)
