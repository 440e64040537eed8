"""Reads the times that operators type: a date, a time in UTC, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.limits import AGO, DAY, YEAR
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.filters import ago

#: Seconds of each unit of a duration.
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}

_DURATION = re.compile(r"([0-9]{1,9})([smhdw])", re.ASCII)


def read_moment(text: str) -> datetime | None:
    """Return the time in UTC that a text names, or None for an empty text. A time without a time zone is in UTC.

    Raises ConfigurationError for a text that names no time between the years 2000 and 9998.
    """
    text = text.strip()
    if not text:
        return None
    duration = _DURATION.fullmatch(text)
    moment = _time_ago(duration) if duration else _time(text)
    if moment is None or not YEAR.holds(moment.year):
        sentence = _(
            "{text} is not a time. Give a date or a time such as 2026-01-31 or 2026-01-31T08:00, or how long ago in "
            "seconds, minutes, hours, days or weeks: 30s, 15m, 2h, 3d, 1w, up to 366d."
        )
        raise ConfigurationError(sentence.format(text=short_repr(text)))
    return moment


def _time_ago(duration: re.Match[str]) -> datetime | None:
    seconds = int(duration[1]) * _SECONDS[duration[2]]
    return ago(seconds) if AGO.holds(seconds) else None


def _time(text: str) -> datetime | None:
    try:
        date, _t, time = text.partition("T")  # in an address, the + of a time zone was read as a space
        moment = datetime.fromisoformat(f"{date}T{time.replace(' ', '+')}" if time else date)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
