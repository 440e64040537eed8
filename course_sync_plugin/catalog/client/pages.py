"""Reads the catalog's list page by page, to its end.

course-discovery has two styles of paging, and the parameters of a request decide which one answers
(``ProxiedPagination``). With ``page`` it uses ``page_size``. Without ``page`` it uses ``limit`` and ``offset``, and
ignores ``page_size``. So the first request already has a ``page``. After that, only the place is taken from the
``next`` links, in either style.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from course_sync_plugin.catalog.client.answers import NoSuchPage
from course_sync_plugin.catalog.client.client import CatalogClient
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.log import get_logger
from course_sync_plugin.sanitize.limits import CATALOG_RUNS

log = get_logger(__name__)

PAGE, OFFSET = "page", "offset"
#: The most course runs that are read from a catalog that does not say how many it has.
LARGEST_LIST = 1_000_000
_SIZE = {PAGE: "page_size", OFFSET: "limit"}


@attrs.frozen
class Place:
    """Where a page begins: the number of the page or of its first course run, and how many course runs a page has."""

    style: str
    number: int
    size: int

    def query(self) -> dict[str, int]:
        """Return the parameters that ask for the page."""
        return {self.style: self.number, _SIZE[self.style]: self.size}


@attrs.frozen
class Page:
    """One page of the list.

    ``count``: how many course runs the catalog says it has; None if it does not say. ``next``: the place of the next
    page; None at the end. ``moved``: the catalog removed course runs from the part already read, so others may have
    moved there unread. ``problem``: why the list cannot be read further.
    """

    rows: list[Any]
    count: int | None
    next: Place | None
    moved: bool = False
    problem: str = ""


def first_place(page_size: int) -> Place:
    """Return the place of the first page."""
    return Place(PAGE, 1, page_size)


def pages(client: CatalogClient, place: Place, count: int | None = None) -> Iterator[Page]:
    """Yield the pages from a place to the end.

    ``count``: how many course runs the catalog had when an earlier run stopped at this place. Holds two pages in
    memory. Raises the errors of the client, and TransientError if the list does not end or cannot be read further.
    """
    before: Page | None = None
    read = 0
    following: Place | None = place
    while following is not None:
        page = _page(client, following, count)
        read += len(page.rows)
        problem = page.problem or _problem(page, before, read)
        yield page
        if problem:
            raise TransientError(problem)
        before, following = page, page.next
        count = page.count if page.count is not None else count


def _page(client: CatalogClient, place: Place, before: int | None) -> Page:
    try:
        answer = client.get(place.query())
    except NoSuchPage as error:
        if place.style == OFFSET or place.number == 1:
            raise ConfigurationError(error.message, **error.context) from error
        return Page([], None, None, moved=True)
    raw = answer.get("count")
    count = raw if CATALOG_RUNS.holds(raw) else None
    moved = before is not None and count is not None and count < before
    following, problem = _next_place(answer.get("next"), place, client.url)
    return Page(answer["results"], count, following, moved, problem)


def _problem(page: Page, before: Page | None, read: int) -> str:
    """Return why the list cannot continue although the catalog says that it does; empty if it can."""
    if page.next is None:
        return ""
    if not page.rows:
        return "The catalog gave an empty page and says that more follows"
    if before is not None and page.rows == before.rows and page.count == before.count:
        return "The catalog gave the same page twice"
    most = LARGEST_LIST if page.count is None else page.count
    return f"The catalog's list goes on beyond its {most} runs" if read > most + len(page.rows) else ""


def _next_place(link: Any, place: Place, url: str) -> tuple[Place | None, str]:
    """Return the place that a ``next`` link names, and what is wrong with the link.

    The link itself is never opened. Behind a proxy it often names another host or plain http, and our credentials must
    be sent to neither.
    """
    if link is None or link == "":
        return None, ""
    try:
        parts = urlsplit(str(link))
        said = {name: _number(values[-1]) for name, values in parse_qs(parts.query).items()}
    except ValueError:
        return None, "The catalog's link to the next page is not a URL"
    if parts.netloc and (parts.scheme, parts.netloc) != urlsplit(url)[:2]:
        log.info("course_sync: catalog: next link at %s://%s; only its place is used", parts.scheme, parts.hostname)
    following = _following(said, place)
    return following, "" if following else "The catalog's link to the next page names no later page"


def _following(said: Mapping[str, int | None], place: Place) -> Place | None:
    """Return the place that a link names, in the style of paging that leads forward; None if neither does."""
    beginnings = {
        PAGE: place.number if place.style == PAGE else 0,
        OFFSET: place.number if place.style == OFFSET else 0,
    }
    for style in (place.style, OFFSET, PAGE):
        number = said.get(style)
        if number is not None and number > beginnings[style]:
            size = min(said.get(_SIZE[style]) or place.size, place.size)
            return Place(style, number, place.size if style == PAGE == place.style else size)
    return None


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 12 else None
