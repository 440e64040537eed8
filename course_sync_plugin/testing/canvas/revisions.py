"""The history of a page: list, show, and go back.

Source: canvas-lms, app/controllers/wiki_pages_api_controller.rb: ``revisions``, ``show_revision``, ``revert``.
"""

from __future__ import annotations

from course_sync_plugin.testing.canvas import dates, refusals
from course_sync_plugin.testing.canvas.call import Call, Json, Listing, user_json
from course_sync_plugin.testing.canvas.objects import Course, Page, Revision
from course_sync_plugin.testing.canvas.page_saving import save_page
from course_sync_plugin.testing.canvas.pages import found
from course_sync_plugin.testing.canvas.parameters import to_boolean, to_integer


def index(call: Call, course: Course, name: str) -> Listing:
    """List the revisions of a page, the newest first, without their texts."""
    page = found(call, course, name)
    return Listing(page.revisions[::-1], lambda revision: _json(call, page, revision, with_content=False))


def show(call: Call, course: Course, name: str, number: str) -> Json:
    """Show a revision; ``latest`` is the newest. ``summary``: without its text."""
    page = found(call, course, name)
    revision = page.revisions[-1] if number == "latest" else _find(page, number)
    return _json(call, page, revision, not to_boolean(call.parameters.get("summary")))


def revert(call: Call, course: Course, name: str, number: str) -> Json:
    """Write an old revision as the newest one."""
    page = found(call, course, name)
    old = _find(page, number)
    save_page(call, course, page, {"title": old.title, "body": old.body})
    return _json(call, page, page.revisions[-1])


def _find(page: Page, number: str) -> Revision:
    for revision in page.revisions:
        if revision.number == to_integer(number):
            return revision
    raise refusals.not_found()


def _json(call: Call, page: Page, revision: Revision, with_content: bool = True) -> Json:
    value: Json = {
        "revision_id": revision.number,
        "updated_at": dates.written(revision.updated_at),
        "latest": revision is page.revisions[-1],
        "edited_by": user_json(revision.user, call.site),
    }
    if with_content:
        value |= {"url": revision.url, "title": revision.title, "body": call.shown_html(revision.body)}
    return call.dress("revision", value)
