"""Pages. They are named by their ``page_id``, because a new title changes the url.

Source of the rules: canvas-lms, app/controllers/wiki_pages_api_controller.rb, app/models/wiki.rb (``find_page``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict, Unpack

import attrs

from course_sync_plugin.targets.canvas.answers import (
    Fields,
    Unreadable,
    a_flag,
    a_moment,
    a_text,
    an_id,
    ignored,
    unique,
)
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.errors import NoRight, NotThere
from course_sync_plugin.targets.canvas.paths import path


@attrs.frozen
class Page:
    """A page. ``id``: its ``page_id``. ``url``: follows the title; items of modules name a page by it.

    ``body``: None in a list. ``updated_at``: the time of the last change of title or body.
    """

    id: str
    url: str
    title: str
    body: str | None = None
    published: bool | None = None
    is_front_page: bool = False
    updated_at: datetime | None = None


class PageValues(TypedDict, total=False):
    """What can be set. What is not named stays."""

    title: str
    body: str
    published: bool


def list_all(client: CanvasClient, course_id: str) -> list[Page]:
    """Return all pages, without their bodies."""
    return unique(client.rows(path("courses", course_id, "pages"), _read))


def show(client: CanvasClient, course_id: str, page_id: str) -> Page:
    """Show a page with its body. Raises NotThere, and NoRight if the page is there and may not be seen.

    Canvas refuses a deleted page in the same way as one that may not be seen. So the list says which of them it is: a
    page that is taken for deleted would be created again.
    """
    try:
        return client.call("GET", _path(course_id, page_id), _read)
    except NoRight as error:
        if page_id in {one.id for one in list_all(client, course_id)}:
            raise
        raise NotThere(error.message, **error.context) from error


def create(client: CanvasClient, course_id: str, **values: Unpack[PageValues]) -> Page:
    """Create a page, unpublished unless said otherwise. If the title is taken, Canvas chooses another one."""
    return client.call("POST", path("courses", course_id, "pages"), _read, {"wiki_page": values})


def update(client: CanvasClient, course_id: str, seen: Page, **values: Unpack[PageValues]) -> Page:
    """Change a page. ``seen``: the page as the caller has just read it.

    It must have been read, because Canvas creates a page where there is none. If it was deleted since, and Canvas
    answers about another page than this one, PermanentError names that page.
    """
    return client.call("PUT", _path(course_id, seen.id), lambda value: _same(seen, _read(value)), {"wiki_page": values})


def delete(client: CanvasClient, course_id: str, page_id: str) -> None:
    """Delete a page with all items that show it. Raises NotThere, or NoRight if it was deleted before."""
    client.call("DELETE", _path(course_id, page_id), ignored)


def _path(course_id: str, page_id: str) -> str:
    return path("courses", course_id, "pages", f"page_id:{page_id}")


def _same(seen: Page, answered: Page) -> Page:
    if answered.id != seen.id:
        raise Unreadable(
            f"about page {answered.id} when page {seen.id} was changed. That page was deleted, and Canvas has "
            f"probably created page {answered.id} in its place: delete it in Canvas if nobody needs it"
        )
    return answered


def _read(value: Any) -> Page:
    fields = Fields.of("a page", value)
    return Page(
        id=fields.required("page_id", an_id),
        url=fields.required("url", a_text),
        title=fields.required("title", a_text),
        body=fields.optional("body", a_text),
        published=fields.optional("published", a_flag),
        is_front_page=fields.optional("front_page", a_flag) or False,
        updated_at=fields.optional("updated_at", a_moment),
    )
