"""How the API shows an item of a module.

Source: canvas-lms, lib/api/v1/context_module.rb, ``module_item_json`` and ``content_details``. An item has no
``updated_at``, and the item of a page has no ``content_id`` but ``page_url``.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas import contents, dates
from course_sync_plugin.testing.canvas.call import Call, Json
from course_sync_plugin.testing.canvas.objects import Course, Item

_PATHS = {"Page": "pages", "Assignment": "assignments", "Discussion": "discussion_topics"}


def item_json(call: Call, course: Course, item: Item) -> Json:
    """Return an item as the API shows it."""
    content = contents.content_of(course, item)
    value: Json = {
        "id": item.id,
        "title": item.title,
        "position": item.position,
        "indent": item.indent,
        "type": item.kind,
        "module_id": item.module_id,
        **_addresses(call, course, item, content),
    }
    if call.manages(course):
        value["published"] = item.published
    if "content_details" in call.parameters.get("include", ()):
        value["content_details"] = _details(content)
    return call.dress("item", value)


def _addresses(call: Call, course: Course, item: Item, content: Any) -> Json:
    if item.kind == "SubHeader":
        return {}
    if item.kind == "ExternalUrl":
        path = f"/api/v1/courses/{course.id}/module_item_redirect/{item.id}"
        return {"html_url": call.link(path), "external_url": item.url, "new_tab": item.new_tab}
    name = content.url if item.kind == "Page" else content.id
    return {
        "html_url": call.link(f"/courses/{course.id}/modules/items/{item.id}"),
        "url": call.link(f"/api/v1/courses/{course.id}/{_PATHS[item.kind]}/{name}"),
        **({"page_url": content.url} if item.kind == "Page" else {"content_id": content.id}),
    }


def _details(content: Any) -> Json:
    moments = {name: dates.written(getattr(content, name, None)) for name in ("due_at", "unlock_at", "lock_at")}
    details: Json = {name: moment for name, moment in moments.items() if moment}
    if getattr(content, "points_possible", None):
        details["points_possible"] = content.points_possible
    return {**details, "locked_for_user": False}
