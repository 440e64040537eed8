"""Dates as Canvas reads and writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

#: canvas-lms, lib/api.rb, ``ISO8601_REGEX``: a date and a time, with or without a zone.
_ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|[+-]\d{2}:?\d{2})?")


def read_date(text: object, time_zone: str = "UTC") -> datetime | None:
    """Return a date in UTC, or None for no date. A date without a zone is in the time zone of the user.

    Raises ValueError if the text is not a date and a time in ISO 8601.
    """
    if text in (None, ""):
        return None
    if not isinstance(text, str) or not _ISO_8601.fullmatch(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)


def end_of_day(moment: datetime | None, time_zone: str) -> datetime | None:
    """Return 23:59:59 of the day if it is exactly midnight in the time zone.

    Source: canvas-lms, gems/canvas_time/lib/canvas_time.rb, ``fancy_midnight``, called by ``infer_times`` for due_at
    and lock_at, not for unlock_at.
    """
    if moment is None:
        return None
    local = moment.astimezone(ZoneInfo(time_zone))
    if local.time() != time.min:
        return moment
    return local.replace(hour=23, minute=59, second=59).astimezone(UTC)


def written(moment: datetime | None) -> str | None:
    """Return a date as in the answers: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
