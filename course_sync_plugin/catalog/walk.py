"""How far the list of the catalog was read, and what is known of it: what a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from course_sync_plugin.catalog.paging import Page, Place
from course_sync_plugin.catalog.rows import CatalogRow, read_row


@attrs.define
class Walk:
    """One passage through the list of the catalog at ``url``.

    ``place``: where it goes on, None at the beginning and at the end. ``count``: how many runs the catalog says there
    are. ``moved``: some were taken away in the part already read. ``keyless``: rows without a key. ``passes``: how
    often the list has been begun.
    """

    url: str
    place: Place | None = None
    count: int | None = None
    moved: bool = False
    keyless: int = 0
    passes: int = 1

    @classmethod
    def left_at(cls, stored: Mapping[str, Any], url: str, page_size: int) -> Walk:
        """Return what :meth:`as_dict` gave, or a new one.

        The place means nothing in another catalog, and larger pages than are wanted now may be why a run stopped.
        """
        place = Place(**stored["place"]) if stored.get("place") else None
        if place is None or stored["url"] != url or place.size > page_size:
            return cls(url)
        return cls(**{**stored, "place": place})

    def as_dict(self) -> dict[str, Any]:
        """Return what a checkpoint stores."""
        return attrs.asdict(self)

    def again(self) -> Walk:
        """Return the next passage, from the beginning."""
        return Walk(self.url, passes=self.passes + 1)

    def take(self, page: Page) -> list[CatalogRow]:
        """Note what a page says of the list, and return its rows.

        Those without a key are given in the first passage alone: they could not be known again.
        """
        rows = [read_row(row) for row in page.rows]
        keyed = [row for row in rows if row.key]
        self.place = page.next
        self.count = page.count if page.count is not None else self.count
        self.moved = self.moved or page.moved
        self.keyless += len(rows) - len(keyed)
        return rows if self.passes == 1 else keyed

    def unseen(self, seen: int) -> int:
        """Return how many runs slipped past while others moved, where ``seen`` with a key were read.

        Those that the catalog counts beyond them, and at least one where some were taken away.
        """
        return max(0, (self.count or 0) - self.keyless - seen) or int(self.moved)
