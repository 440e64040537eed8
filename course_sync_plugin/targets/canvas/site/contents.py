"""Reads and writes the HTML of pages.

The value in the terms of Canvas is a list: the time of the last change of the page, the digest of its text there, and
the text in our terms. So Canvas may write HTML in its own way: what it answers to our request is what it made of ours.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.targets.canvas import pages
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.targets.canvas.page_text import has_link, text_in
from course_sync_plugin.targets.canvas.pages import Page
from course_sync_plugin.targets.canvas.site.listing import Listing
from course_sync_plugin.targets.two_way.site import Gone

#: The most bytes of HTML. Canvas takes 500 KB for a body (``maximum_long_text_length``); the link comes on top.
LONGEST = 490 * 1024


def value_of(page: Page, text: str | None) -> list[Any]:
    """Return the value of a page that was answered with its body. ``text``: what it is in our terms."""
    return [_time(page), sha256(text_in(page.body).encode()).hexdigest(), text]


def ours(value: Any) -> str | None:
    """Return a value of Canvas in our terms."""
    return value[2] if value else None


@attrs.frozen
class PageContents:
    """The texts of the pages of one course."""

    client: CanvasClient
    course_id: str
    listing: Listing

    def read(self, page_id: str, base: Any) -> Any:
        """Return the value of a page. It is asked for only if the list says that it has changed since ``base``.

        An older time than that of ``base`` is a late read. A page that is not there, or that we did not create, has no
        text of ours: ``base`` is returned.
        """
        listed = self.listing.listed_page(page_id)
        if listed is None or (base and _time(listed) and _time(listed) <= base[0]):
            return base
        try:
            page = pages.show(self.client, self.course_id, page_id)
        except NotThere:
            return base
        self.listing.put_page(page)
        if base is None and not has_link(page.body):
            return None
        found = value_of(page, text_in(page.body) or None)
        return [found[0], found[1], base[2]] if base and found[1] == base[1] else found

    def write(self, page_id: str, link: str, text: str | None) -> Any:
        """Write the text of a page, with the paragraph that has our link. Return the value as Canvas has it now."""
        body = f"{link}{text or ''}"
        try:
            changed = pages.update(self.client, self.course_id, Page(page_id, "", ""), body=body)
        except (NotThere, NoRight) as error:
            self.listing.forget()
            if self.listing.listed_page(page_id):
                raise
            raise Gone("It was deleted in Canvas.", parts={"page", "item"}) from error
        self.listing.put_page(changed)
        return value_of(changed, text)


def _time(page: Page) -> str:
    return utc_text(page.updated_at) if page.updated_at else ""
