"""What an event of the history is, what names its place, and what chooses events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import Course, Target, digest_of
from course_sync_plugin.sanitize.limits import ROW_ID
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.filters import KINDS as OPERATIONS
from course_sync_plugin.upkeep.moments import read_moment

#: The kinds of events. Of events at one time, those of a later kind come first.
RUN, OPERATION, ATTEMPT, ACTION = KINDS = ("run", "operation", "attempt", "action")

#: All kinds. Without a kind operations are left out: a run may have thousands, and it says how many.
EVERY_KIND = "all"

#: The states of events.
DONE, FAILED = STATES = ("done", "failed")


@attrs.frozen(order=True)
class Place:
    """The place of an event in the history: its time, the rank of its kind, and the key of its row."""

    at: datetime
    rank: int
    id: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.rank}~{self.id}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """Return the place that a text names, or None if it names none."""
        at, _sign, rest = text.partition("~")
        rank, _sign, key = rest.partition("~")
        numbers = [int(word) for word in (rank, key) if word.isascii() and word.isdigit() and len(word) < 20]
        try:
            moment = read_moment(at)
        except ConfigurationError:
            return None
        return cls(moment, numbers[0], min(numbers[1], int(ROW_ID.most))) if moment and len(numbers) == 2 else None


@attrs.frozen
class Event:
    """Something that happened. ``what``: the kind of the run or the operation, the result, or the action.

    ``course_id``, ``target``: empty if it concerned several, or none. ``person``: who acted. ``state``: ``done`` or
    ``failed``. ``id``: the key of the row.
    """

    at: datetime
    kind: str
    id: int
    course_id: str
    target: str
    what: str
    detail: str
    state: str = DONE
    person: str = ""

    @property
    def place(self) -> Place:
        """Return the place of the event in the history."""
        return Place(self.at, KINDS.index(self.kind), self.id)

    def as_dict(self) -> dict[str, Any]:
        """Return the event as programs get it."""
        return {**attrs.asdict(self), "at": utc_text(self.at)}


def _one_of(*known: str) -> Any:
    """Return the check of a filter that must be one of these, or empty."""

    def check(_filters: HistoryFilters, attribute: attrs.Attribute[str], value: str) -> None:
        if value and value not in known:
            text = _("{value} is no {name}; use one of these: {known}.")
            shown = {"value": short_repr(value), "name": attribute.name, "known": ", ".join(known)}
            raise UnknownName(text.format(**shown))

    return check


@attrs.frozen(slots=False)
class HistoryFilters:
    """What chooses events. An empty value chooses all. Raises UnknownName for a wrong value of a filter with choices.

    ``target``: a name, which may be that of a removed target; what concerned every target is chosen too. ``course``: a
    course key. ``org``: an organisation. ``entity_type``, ``operation``: only such operations. ``state``: ``done`` or
    ``failed``. ``since``, ``until``: times with a time zone; what happened at ``until`` is not chosen. ``text``: what
    the event says, in any case of letters. ``kind``: one of ``KINDS``, or ``EVERY_KIND``. ``within``: the keys of the
    rows of the only courses that are shown (None: all of the site).
    """

    target: str = ""
    course: str = ""
    org: str = ""
    entity_type: str = attrs.field(default="", validator=_one_of(*entity_types.names()))
    operation: str = attrs.field(default="", validator=_one_of(*OPERATIONS))
    state: str = attrs.field(default="", validator=_one_of(*STATES))
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    kind: str = attrs.field(default="", validator=_one_of(*KINDS, EVERY_KIND))
    within: Collection[int] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of events that are chosen."""
        asked = {"": (RUN, ATTEMPT, ACTION), EVERY_KIND: KINDS}.get(self.kind, (self.kind,))
        if self.entity_type or self.operation:
            return (OPERATION,) if self.kind in ("", EVERY_KIND, OPERATION) else ()
        return asked

    @cached_property
    def courses(self) -> Mapping[int, str] | None:
        """Return the chosen courses, by the keys of their rows, or None if all of the site are. At most one query."""
        if not (self.course or self.org) and self.within is None:
            return None
        rows = Course.objects.filter(key_digest=digest_of(self.course)) if self.course else Course.objects.all()
        within = None if self.within is None else set(self.within)
        return {
            pk: key
            for pk, key, org in rows.values_list("pk", "key", "org").iterator()
            if self.org in ("", org) and (within is None or pk in within)
        }

    @cached_property
    def target_key(self) -> int:
        """Return the key of the target, or 0, which no target has. At most one query."""
        return dict(Target.objects.values_list("name", "pk")).get(self.target, 0)

    @cached_property
    def course_keys(self) -> frozenset[str] | None:
        """Return the ids of the chosen courses, or None if all of the site are."""
        return None if self.courses is None else frozenset(self.courses.values())

    def choose(self, event: Event) -> bool:
        """Tell whether an event has the state and the text that are looked for, and exactly the names."""
        said = " ".join((event.what, event.detail, event.course_id, event.target, event.person))
        has_names = event.kind != ACTION or (
            self.target in ("", event.target) and (self.course_keys is None or event.course_id in self.course_keys)
        )
        return has_names and self.state in ("", event.state) and self.text.casefold() in said.casefold()
