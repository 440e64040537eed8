"""Tracks how far a pass through the catalog's list has come. A checkpoint stores this state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin.catalog.client.pages import Page, Place
from course_sync_plugin.catalog.records.rows import CatalogRow, read_row


@attrs.define
class ListPass:
    """One pass through the catalog's list at ``url``.

    ``place``: where the next page begins; None at the beginning and at the end. ``count``: how many course runs the
    catalog says it has. ``moved``: the catalog removed course runs from the part already read. ``keyless``: how many
    rows had no key. ``passes``: the number of this pass, from 1.
    """

    url: str
    place: Place | None = None
    count: int | None = None
    moved: bool = False
    keyless: int = 0
    passes: int = 1

    @classmethod
    def resume(cls, stored: Mapping[str, Any], url: str, page_size: int) -> ListPass:
        """Return the pass that :meth:`as_dict` stored, or a new one if that pass cannot be resumed.

        A place is of no use in another catalog. If its pages are larger than ``page_size``, their size may be the
        reason why the run stopped.
        """
        place = Place(**stored["place"]) if stored.get("place") else None
        if place is None or stored["url"] != url or place.size > page_size:
            return cls(url)
        return cls(**{**stored, "place": place})

    def as_dict(self) -> dict[str, Any]:
        """Return the state that a checkpoint stores."""
        return attrs.asdict(self)

    def next_pass(self) -> ListPass:
        """Return the next pass, from the beginning of the list."""
        return ListPass(self.url, passes=self.passes + 1)

    def add_page(self, page: Page) -> list[CatalogRow]:
        """Record where a page ends and what it says about the list; return its rows.

        Only the first pass returns rows without a key: a later pass could not recognize them, and would count them
        twice.
        """
        rows = [read_row(row) for row in page.rows]
        keyed = [row for row in rows if row.key]
        self.place = page.next
        self.count = page.count if page.count is not None else self.count
        self.moved = self.moved or page.moved
        self.keyless += len(rows) - len(keyed)
        return rows if self.passes == 1 else keyed

    def unseen(self, seen: int) -> int:
        """Return how many course runs the pass missed. ``seen``: how many course runs with a key were read.

        The catalog counts more course runs than were read, or it removed some while the list was read; then at least
        one other may have moved to a page that was already read.
        """
        return max(0, (self.count or 0) - self.keyless - seen) or int(self.moved)
