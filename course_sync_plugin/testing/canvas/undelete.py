"""The page "undelete" of a course, where teachers bring back what was deleted. The API does not offer that.

Source: canvas-lms, app/controllers/context_controller.rb (``undelete_item``, ``ITEM_TYPES``) and ``restore`` in
context_module.rb, wiki_page.rb, assignment.rb and discussion_topic.rb. The items of a page, an assignment or a
discussion stay deleted (content_tag.rb: ``update_for`` leaves out deleted ones), and nothing brings an item back alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_sync_plugin.testing.canvas import contents, refusals
from course_sync_plugin.testing.canvas.assignment_json import event_body
from course_sync_plugin.testing.canvas.call import Call, Json
from course_sync_plugin.testing.canvas.modules import tell_of_module
from course_sync_plugin.testing.canvas.objects import Assignment, Course, Item, Module, Topic
from course_sync_plugin.testing.canvas.page_saving import restore_page
from course_sync_plugin.testing.canvas.parameters import to_integer
from course_sync_plugin.testing.canvas.topic_json import event_body as topic_event_body

#: The items that were deleted so many seconds before or after their module come back with it.
_SECONDS = 5


def undelete(call: Call, course: Course, asset: str) -> Json:
    """Bring a ``wiki_page_5``, ``assignment_5``, ``discussion_topic_5`` or ``context_module_5`` back."""
    kind, _, number = asset.rpartition("_")
    rows: dict[str, tuple[dict[int, Any], Callable[..., None]]] = {
        "wiki_page": (course.pages, restore_page),
        "assignment": (course.assignments, _restore_assignment),
        "discussion_topic": (course.topics, _restore_topic),
        "context_module": (course.modules, _restore_module),
    }
    table, restore = rows.get(kind, ({}, restore_page))
    row = table.get(to_integer(number))
    if call.by_api or row is None:
        raise refusals.not_found()
    restore(call, course, row)
    row.deleted_at = None
    return {kind: {"id": row.id, "workflow_state": row.state}}


def _restore_assignment(call: Call, course: Course, row: Assignment) -> None:
    row.state = "published" if row.submitters else "unpublished"
    row.updated_at = call.now()
    call.tell("assignment_updated", course, event_body(call, course, row))


def _restore_topic(call: Call, course: Course, topic: Topic) -> None:
    topic.state = "unpublished" if contents.can_unpublish(course, topic) else "active"
    call.tell("discussion_topic_updated", course, topic_event_body(course, topic))


def _restore_module(call: Call, course: Course, module: Module) -> None:
    """Bring a module back, unpublished, with the items that were deleted with it and whose contents are there."""
    for item in course.module_items(module.id, deleted=True):
        if item.deleted and _was_deleted_with(item, module):
            _restore_item(call, course, item)
    module.state = "unpublished"
    tell_of_module(call, course, module, "updated")


def _was_deleted_with(item: Item, module: Module) -> bool:
    if item.deleted_at is None or module.deleted_at is None:
        return False
    return abs((item.deleted_at - module.deleted_at).total_seconds()) <= _SECONDS


def _restore_item(call: Call, course: Course, item: Item) -> None:
    content = contents.content_of(course, item)
    if content is None or not content.deleted:
        item.state, item.deleted_at = contents.state_of(content) if content else "unpublished", None
        item.title = contents.title_of(content) if content else item.title
        contents.tell_of_item(call, course, item, "updated")
