"""What happens when a page is saved: its url, its revisions, its items and the front page follow."""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas import blueprint, contents, page_names
from course_sync_plugin.testing.canvas.call import Call
from course_sync_plugin.testing.canvas.objects import DELETED, Course, Page, Revision

#: The length at which a Live Event cuts a text.
CUT = 8192


def create_page(call: Call, course: Course, values: dict[str, Any]) -> Page:
    """Create a page with a title, and other values. Raises Refusal 400."""
    title = page_names.unique_title(course, values["title"], None, call.site.behaviour)
    url = page_names.unique_url(course, title, None)
    now = call.now()
    page = Page(
        id=call.site.new_id(), created_at=now, revised_at=now, user=call.user, **{**values, "title": title, "url": url}
    )
    course.pages[page.id] = page
    course.slugs[url] = page.id
    _add_revision(call, page)
    call.tell("wiki_page_created", course, _event(page))
    return page


def save_page(call: Call, course: Course, page: Page, values: dict[str, Any]) -> None:
    """Change attributes of a page. A new title changes its url. Raises Refusal 400."""
    blueprint.check(page, values)
    if values.get("title", page.title) != page.title:
        values = {**values, **_renamed(call, course, page, values["title"])}
    changed = {name for name, value in values.items() if getattr(page, name) != value}
    old = {"old_title": page.title, "old_body": (page.body or "")[:CUT]}
    if page.url == course.front_page_url:
        course.front_page_url = values.get("url", page.url)
    for name, value in values.items():
        setattr(page, name, value)
    page.user = call.user
    if changed & {"title", "body"}:
        page.revised_at = call.now()
    if changed & {"title", "body", "url"}:
        _add_revision(call, page)
    contents.follow(call, course, page)
    if changed:
        call.tell("wiki_page_updated", course, {**_event(page), **old})


def delete_page(call: Call, course: Course, page: Page) -> None:
    """Delete a page and the items that show it."""
    page.state = DELETED
    page_names.free_urls(course, page, call.site.behaviour)
    contents.delete_items(call, course, page)
    event = _event(page)
    call.tell("wiki_page_deleted", course, {name: event[name] for name in ("title", "wiki_page_id")})


def restore_page(call: Call, course: Course, page: Page) -> None:
    """Bring a deleted page back. Its title and its url may be taken by now. Raises Refusal 400."""
    title = page_names.unique_title(course, page.title, page, call.site.behaviour)
    url = page_names.unique_url(course, title, page)
    course.slugs[url] = page.id
    save_page(call, course, page, {"state": "unpublished", "title": title, "url": url})


def _renamed(call: Call, course: Course, page: Page, wanted: str) -> dict[str, Any]:
    title = page_names.unique_title(course, wanted, page, call.site.behaviour)
    url = page_names.unique_url(course, title, page)
    course.slugs[url] = page.id
    return {"title": title, "url": url}


def _add_revision(call: Call, page: Page) -> None:
    number = len(page.revisions) + 1
    page.revisions.append(Revision(number=number, title=page.title, body=page.body, url=page.url, user=call.user,
                                   updated_at=page.revised_at))  # fmt: skip


def _event(page: Page) -> dict[str, Any]:
    """Return the body of an event: it has no course (data services, ``wiki_page_updated``)."""
    return {"body": (page.body or "")[:CUT], "title": page.title[:CUT], "wiki_page_id": page.id}
