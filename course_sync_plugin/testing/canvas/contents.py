"""Items of modules and what they show follow each other: title, state and deletion.

Source: canvas-lms, app/models/content_tag.rb: ``update_for``, ``delete_for``, ``update_asset_workflow_state!``.
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.canvas.call import Call
from course_sync_plugin.testing.canvas.objects import DELETED, Assignment, Course, Item, Page, Row, Topic

#: The kinds of items that show an object of the course.
KINDS: dict[str, type[Row]] = {"Page": Page, "Assignment": Assignment, "Discussion": Topic}


def rows_of(course: Course, kind: str) -> dict[int, Any]:
    """Return the objects that items of a kind show, by id."""
    tables: dict[str, dict[int, Any]] = {
        "Page": course.pages,
        "Assignment": course.assignments,
        "Discussion": course.topics,
    }
    return tables[kind]


def content_of(course: Course, item: Item) -> Any:
    """Return what an item shows; None for texts and links."""
    return rows_of(course, item.kind)[item.content_id] if item.content_id is not None else None


def title_of(content: Any) -> str:
    """Return the title of an object."""
    return str(content.name if isinstance(content, Assignment) else content.title)


def state_of(content: Row) -> str:
    """Return the state that an item takes from its content (``asset_workflow_state``)."""
    return DELETED if content.deleted else "active" if content.published else "unpublished"


def items_showing(course: Course, content: Row) -> list[Item]:
    """Return the items that show an object."""
    return [item for item in course.items.values() if not item.deleted and content_of(course, item) is content]


def follow(call: Call, course: Course, content: Row) -> None:
    """Give every item of an object its title and its state (``update_for``). No event tells of it (assumed)."""
    for item in items_showing(course, content):
        item.title, item.state = title_of(content), state_of(content)


def delete_items(call: Call, course: Course, content: Row) -> None:
    """Delete every item that shows a deleted object (``delete_for``)."""
    for item in items_showing(course, content):
        delete_item(call, course, item)


def delete_item(call: Call, course: Course, item: Item) -> None:
    """Delete an item. Its content and its position stay, and no other item moves."""
    item.state, item.deleted_at = DELETED, call.now()
    tell_of_item(call, course, item, "updated")


def can_unpublish(course: Course, content: Any) -> bool:
    """Tell whether an object may be unpublished: no submissions, no entries of students, not the front page.

    Source: canvas-lms, ``can_unpublish?`` in wiki_page.rb, discussion_topic.rb and assignment.rb.
    """
    if isinstance(content, Page):
        return content.url != course.front_page_url
    if isinstance(content, Assignment):
        return not content.submitters
    return not any(
        entry.user.roles.get(course.id) == "student" for entry in content.entries.values() if not entry.deleted
    )


def publish(call: Call, course: Course, item: Item, published: bool) -> None:
    """Publish or unpublish an item with its content, as an update of the item does.

    The item changes in any case. If its content may not be unpublished, only the item is: then both differ until the
    content is saved.
    """
    item.state = "active" if published else "unpublished"
    content = content_of(course, item)
    if content is None or content.published == published or not (published or can_unpublish(course, content)):
        return
    content.state = ("published" if isinstance(content, Assignment) else "active") if published else "unpublished"
    for other in items_showing(course, content):
        other.state = item.state


def tell_of_item(call: Call, course: Course, item: Item, what: str) -> None:
    """Tell of an item. Its event has local ids (data services, ``module_item_updated``)."""
    body = {
        "context_id": str(course.id),
        "context_type": "Course",
        "module_id": str(item.module_id),
        "module_item_id": str(item.id),
        "position": item.position,
        "workflow_state": item.state,
    }
    call.tell(f"module_item_{what}", course, body)
