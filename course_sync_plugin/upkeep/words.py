"""Says states, operations and entity types, and times, in the language of the reader.

Programs and commands use the English words, which are the values that are stored. In English both are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

_COURSES_AND_TARGETS = {
    "in step": _("in step"),
    "pending": _("pending"),
    "problems": _("problems"),
    "retrying": _("retrying"),
    "unreachable": _("unreachable"),
    "waiting for context": _("waiting for context"),
    "waiting for link": _("waiting for link"),
    "failing": _("failing"),
    "paused": _("paused"),
    "disabled": _("disabled"),
    "other site": _("other site"),
    "no courses": _("no courses"),
    "unreadable": _("unreadable"),
    "not recorded": _("not recorded"),
    "held": _("held"),
}
_BREAKERS = {"closed": _("closed"), "open": _("open"), "half-open": _("half-open")}
_PROBLEMS_AND_DECISIONS = {
    "all": _("all"),
    "failed": _("failed"),
    "parked": _("parked"),
    "misplaced": _("misplaced"),
    "excluded": _("excluded"),
    "retried": _("planned anew"),
    "skipped": _("given up"),
    "decided": _("decided"),
    "resolved": _("resolved"),
    "ended": _("ended"),
    "gone": _("gone"),
    "written": _("written"),
    "published": _("published"),
    "rejected": _("rejected"),
    "replaced": _("replaced"),
}
_OPERATIONS = {"create": _("create"), "update": _("update"), "move": _("move"), "delete": _("delete")}
_ENTITY_TYPES = {
    "course": _("course"),
    "section": _("section"),
    "subsection": _("subsection"),
    "unit": _("unit"),
    "component": _("component"),
}
_RUNS_AND_SYNCS = {
    "initial": _("initial"),
    "changes": _("changes"),
    "deletion": _("deletion"),
    "snapshot": _("snapshot"),
    "repair": _("repair"),
    "difference": _("difference"),
    "unchanged": _("unchanged"),
    "recorded": _("recorded"),
    "busy": _("busy"),
    "stopped": _("stopped"),
}

#: RIGHT-TO-LEFT MARK.
_MARK = "\u200f"

#: What is shown for each word that is stored. A word that is not here, such as a type of another package, is shown as
#: it is.
WORDS: Mapping[str, str | Promise] = MappingProxyType(
    _COURSES_AND_TARGETS | _BREAKERS | _PROBLEMS_AND_DECISIONS | _OPERATIONS | _ENTITY_TYPES | _RUNS_AND_SYNCS
)


def in_words(name: str) -> str:
    """Return a stored word in the language of the reader."""
    return str(WORDS.get(name, name))


def local_time(moment: datetime | str) -> str:
    """Return a time in UTC in the form of the reader's language. In English it has the form of the commands.

    A text is a time as :func:`course_sync_plugin.data.utc_text` writes it. In English it stays as it is.
    """
    if _is_english():
        return moment if isinstance(moment, str) else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    at = datetime.fromisoformat(moment.replace("Z", "+00:00")) if isinstance(moment, str) else moment
    utc = at.astimezone(UTC)
    return f"{local_day(utc)} {utc:%H:%M:%S}"


def local_day(day: date) -> str:
    """Return a date in the form of the reader's language. In English it has the form of the commands."""
    # Django's Arabic format has marks from right to left, which tear a date apart where numbers run from left to right.
    return f"{day:%Y-%m-%d}" if _is_english() else date_format(day, "SHORT_DATE_FORMAT").replace(_MARK, "")


def _is_english() -> bool:
    return (get_language() or "en").split("-")[0] == "en"
