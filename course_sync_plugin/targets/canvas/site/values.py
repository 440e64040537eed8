"""Translates values between our terms and those of Canvas: Canvas answers another value than was sent.

The value of a title that two objects hold differently is a list of both: first the title that somebody has changed.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from course_sync_plugin.data import Entity, utc_text
from course_sync_plugin.targets.canvas.answers import a_moment
from course_sync_plugin.targets.canvas.site.mapping import LONGEST_TITLE, title_of

#: Canvas makes 23:59:59 of a due date at midnight (gems/canvas_time). The day may have 23 or 25 hours, and on Lord Howe
#: Island 23.5 or 24.5.
_TO_THE_END_OF_THE_DAY = {timedelta(hours=hours, seconds=-1) for hours in (23, 24, 25)}
_ON_LORD_HOWE = {timedelta(hours=hours, seconds=-1) for hours in (23.5, 24.5)}

#: What is added to a title that is taken: by Canvas (wiki_page.rb, ``ensure_unique_title``) and by us.
_NUMBER = re.compile(r"(.*)(?:-\d+| \(\d+\))", re.DOTALL)


def moment_of(value: Any) -> datetime | None:
    """Return a date of an entity, in whole seconds; None if it has none."""
    return a_moment(value).replace(microsecond=0) if value else None


def date_text(moment: datetime | None) -> str | None:
    """Return a date of Canvas as text in UTC, to the second."""
    return utc_text(moment.replace(microsecond=0)) if moment else None


def our_value(entity: Entity, field: str, value: Any) -> Any:
    """Return a value of Canvas in our terms: that of the entity if it is what Canvas makes of it."""
    if field == "display_name":
        return _our_title(entity, value)
    ours = entity.fields.get(field)
    return ours if _is_made_of(field, moment_of(value), moment_of(ours)) else value


def shared_title(first: str, second: str, base: Any) -> Any:
    """Return the value of a title that two objects hold. ``base``: the value at the last look, or None.

    If the titles differ, the value is a list: first the title that has changed since, then the other one.
    """
    if first == second:
        return first
    old = base if isinstance(base, list) else [base, base]
    if sorted([first, second]) == sorted(map(str, old)):
        return base
    return [second, first] if first in old else [first, second]


def free_title(title: str, taken: set[str]) -> str:
    """Return a title for a page. Canvas numbers a title that is taken, but refuses it if it ends in a number already.

    Source: canvas-lms, wiki_page.rb, ``ensure_unique_title``.
    """
    if title not in taken or not re.search(r"-\d+\Z", title):
        return title
    number = 2
    while (numbered := f"{title[: LONGEST_TITLE - len(f' ({number})')]} ({number})") in taken:
        number += 1
    return numbered


def _our_title(entity: Entity, value: Any) -> Any:
    """Of two titles the one counts that differs from ours: if both objects had ours, a rename would be complete."""
    if isinstance(value, list):
        first, second = (_our_title(entity, one) for one in value)
        return second if first == entity.fields.get("display_name") else first
    title = title_of(entity)
    return entity.fields.get("display_name") if value == title or _is_numbered(entity, value, title) else value


def _is_numbered(entity: Entity, value: str, title: str) -> bool:
    """Tell whether the title of a page is ours with a number. A long title loses its end for it."""
    found = _NUMBER.fullmatch(value) if entity.entity_type == "unit" else None
    if found is None:
        return False
    return found[1] == title or (len(value) == LONGEST_TITLE and title.startswith(found[1]))


def _is_made_of(field: str, value: datetime | None, ours: datetime | None) -> bool:
    """Tell whether Canvas makes this date of ours.

    Midnight counts in the time zone of the token's user, which the API does not show. So every quarter of an hour may
    be midnight. No date that a person sets is 23:59:59 hours after ours, unless ours was midnight.
    """
    if value == ours or value is None or ours is None:
        return value == ours
    may_be_midnight = field == "due" and ours.second == 0 and ours.minute % 15 == 0
    later = value - ours
    return may_be_midnight and (
        later in _TO_THE_END_OF_THE_DAY or (later in _ON_LORD_HOWE and _is_midnight(ours, "Australia/Lord_Howe"))
    )


def _is_midnight(moment: datetime, zone: str) -> bool:
    return moment.astimezone(ZoneInfo(zone)).time() == time.min
