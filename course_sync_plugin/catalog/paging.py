"""Going through a list of the catalog, page by page, to its end and no further.

course-discovery pages in two ways, and which one answers depends on the parameters (``ProxiedPagination``): with
``page`` it takes ``page_size``; without, it takes ``limit`` and ``offset`` and ignores ``page_size``. So the first
request has a ``page`` already, and from then on only the place is taken from the ``next`` links, in either style.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

from course_sync_plugin.catalog.answers import NoSuchPage
from course_sync_plugin.catalog.client import CatalogClient
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.limits import CATALOG_RUNS
from course_sync_plugin.log import get_logger

log = get_logger(__name__)

PAGE, OFFSET = "page", "offset"
#: Runs that a catalog which does not count them may have.
LARGEST_LIST = 1_000_000
_SIZE = {PAGE: "page_size", OFFSET: "limit"}


@attrs.frozen
class Place:
    """Where a page begins: the number of a page, or of a run, and how many runs a page has."""

    style: str
    number: int
    size: int

    def query(self) -> dict[str, int]:
        """Return the parameters that ask for it."""
        return {self.style: self.number, _SIZE[self.style]: self.size}


@attrs.frozen
class Page:
    """One page as it came. ``count``: how many runs the catalog says it has, None where it does not. ``next``: None at
    the end. ``moved``: runs were taken away in the part already read, so others may have slipped past. ``problem``: why
    the list cannot be read on.
    """

    rows: list[Any]
    count: int | None
    next: Place | None
    moved: bool = False
    problem: str = ""


def first_place(page_size: int) -> Place:
    """Return the beginning of the list."""
    return Place(PAGE, 1, page_size)


def pages(client: CatalogClient, place: Place, count: int | None = None) -> Iterator[Page]:
    """Yield the pages from a place on to the end. ``count``: how many runs there were when the list was left there.

    Raises what the client raises, and TransientError where the list does not end as lists do. Holds two pages at a
    time.
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
    """Say why there cannot be more, where the catalog says that there is; empty where there can."""
    if page.next is None:
        return ""
    if not page.rows:
        return "The catalog gave an empty page and says that more follows"
    if before is not None and page.rows == before.rows and page.count == before.count:
        return "The catalog gave the same page twice"
    most = LARGEST_LIST if page.count is None else page.count
    return f"The catalog goes on beyond its {most} runs" if read > most + len(page.rows) else ""


def _next_place(link: Any, place: Place, url: str) -> tuple[Place | None, str]:
    """Return the place that a ``next`` link names, and what is wrong with the link. It is never opened itself: behind a
    proxy it often names another host or plain http, and our credentials must go to neither.
    """
    if link is None or link == "":
        return None, ""
    try:
        parts = urlsplit(str(link))
        said = {name: _number(values[-1]) for name, values in parse_qs(parts.query).items()}
    except ValueError:
        return None, "The catalog's link to the next page is no address"
    if parts.netloc and (parts.scheme, parts.netloc) != urlsplit(url)[:2]:
        log.info("course_sync: catalog: its link names %s://%s; only the place is taken", parts.scheme, parts.hostname)
    following = _following(said, place)
    return following, "" if following else "The catalog's link to the next page does not lead on"


def _following(said: Mapping[str, int | None], place: Place) -> Place | None:
    """Return the place after this one: that style of the link which moves on. Raises nothing."""
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
