"""Discussion topics, without announcements.

Source of the rules: canvas-lms, app/controllers/discussion_topics_controller.rb.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack

import attrs

from course_sync_plugin.targets.canvas.answers import (
    Fields,
    a_flag,
    a_moment,
    a_text,
    a_whole_number,
    an_id,
    ignored,
    shown_name,
    unique,
    written,
)
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.paths import path


@attrs.frozen
class Topic:
    """A discussion topic. It has no time of its last change.

    ``assignment_id``: set if it is graded. ``entries``: how many entries and replies it has. ``can_unpublish``: False
    if students have posted. ``author``: the name shown. ``is_restricted``: not all of the course see all of it: it is
    for groups or sections, delayed, anonymous, or one must post before one may read.
    """

    id: str
    title: str
    message: str | None = None
    published: bool | None = None
    lock_at: datetime | None = None
    assignment_id: str | None = None
    entries: int = 0
    can_unpublish: bool = True
    is_announcement: bool = False
    author: str = attrs.field(default="", repr=False)
    is_restricted: bool = False
    last_reply_at: datetime | None = None


class TopicValues(TypedDict, total=False):
    """What can be set. What is not named stays; None removes ``lock_at``.

    A new ``lock_at`` publishes a draft unless ``published`` is named too.
    """

    title: str
    message: str
    published: bool
    lock_at: datetime | None


def list_all(client: CanvasClient, course_id: str) -> list[Topic]:
    """Return all topics that are no announcements, the newest first."""
    return [topic for topic in unique(client.rows(_path(course_id), _read)) if not topic.is_announcement]


def show(client: CanvasClient, course_id: str, topic_id: str) -> Topic:
    """Show a topic. Raises NotThere."""
    return client.call("GET", _path(course_id, topic_id), _read)


def create(client: CanvasClient, course_id: str, **values: Unpack[TopicValues]) -> Topic:
    """Create a topic in which replies can have replies. It is a draft unless said otherwise."""
    return client.call("POST", _path(course_id), _read, {"discussion_type": "threaded", **written(values)})


def update(client: CanvasClient, course_id: str, topic_id: str, **values: Unpack[TopicValues]) -> Topic:
    """Change a topic. Raises NotThere."""
    return client.call("PUT", _path(course_id, topic_id), _read, written(values))


def delete(client: CanvasClient, course_id: str, topic_id: str) -> None:
    """Delete a topic with what people posted in it, and all items that show it. Raises NotThere."""
    client.call("DELETE", _path(course_id, topic_id), ignored)


def _path(course_id: str, *topic_id: str) -> str:
    return path("courses", course_id, "discussion_topics", *topic_id)


def _read(value: Any) -> Topic:
    fields = Fields.of("a discussion", value)
    can_unpublish = fields.optional("can_unpublish", a_flag)
    return Topic(
        id=fields.required("id", an_id),
        title=fields.required("title", a_text),
        message=fields.optional("message", a_text),
        published=fields.optional("published", a_flag),
        lock_at=fields.optional("lock_at", a_moment),
        assignment_id=fields.optional("assignment_id", an_id),
        entries=fields.optional("discussion_subentry_count", a_whole_number) or 0,
        can_unpublish=can_unpublish is not False,
        is_announcement=fields.optional("is_announcement", a_flag) or False,
        author=shown_name(fields, "author"),
        is_restricted=_is_restricted(fields),
        last_reply_at=fields.optional("last_reply_at", a_moment),
    )


def _is_restricted(fields: Fields) -> bool:
    flags = ("is_section_specific", "require_initial_post", "only_visible_to_overrides")
    texts = ("anonymous_state", "group_category_id")
    delayed = fields.optional("delayed_post_at", a_moment)
    return (
        any(fields.values.get(name) for name in (*flags, *texts))
        or fields.values.get("visible_to_everyone") is False
        or bool(delayed and delayed > datetime.now(UTC))
    )
