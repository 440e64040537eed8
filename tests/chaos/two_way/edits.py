"""What people did at the three sites, as the account at the end needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

_BEGIN = datetime(2030, 1, 1, 9, 30, tzinfo=UTC)


@attrs.frozen
class Edit:
    """A value that a person wrote: where, of which entity and field, and when (``time.monotonic``).

    ``objects``: the ids of the objects there that hold the value; none in Open edX.
    """

    site: str
    entity_id: str
    field: str
    value: str
    at: float
    objects: frozenset[str] = frozenset()


class Edits:
    """All edits of a campaign. Each value is written once, so that it is known whose it is.

    ``superseded``: the values that a person saw and replaced, or deleted. ``owners``: the entity of each title that an
    entity ever had.
    """

    def __init__(self) -> None:
        self.written: list[Edit] = []
        self.superseded: set[str] = set()
        self.owners: dict[str, str] = {}
        self._numbers = 0
        self._lock = threading.Lock()

    def new_value(self, field: str, who: str) -> str:
        """Return a value for a field that nobody has written yet."""
        with self._lock:
            self._numbers += 1
            number = self._numbers
        if field == "display_name":
            return f"{who} {number}"
        return as_text(_BEGIN + timedelta(days=number))

    def note(self, edits: Iterable[Edit], superseded: Iterable[str]) -> None:
        """Note what a person has written, and the values that it replaced."""
        with self._lock:
            for edit in edits:
                self.written.append(edit)
                if edit.field == "display_name":
                    self.owners[edit.value] = edit.entity_id
            self.superseded |= {one.strip() for one in superseded if one}

    def by_site(self, site: str) -> list[Edit]:
        """Return the edits of a site."""
        return [one for one in self.written if one.site == site]


def edit_now(site: str, entity_id: str, field: str, value: str, objects: Iterable[Any] = ()) -> Edit:
    """Return an edit that is made now."""
    return Edit(site, entity_id, field, value, time.monotonic(), frozenset(map(str, objects)))


def as_text(moment: datetime | None) -> str:
    """Return a date as the plugin writes it; empty for none."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
