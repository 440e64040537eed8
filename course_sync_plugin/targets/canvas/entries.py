"""The entries of a discussion, and the replies to them.

Source of the rules: canvas-lms, lib/api/v1/discussion_topics.rb, app/controllers/discussion_entries_controller.rb.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.targets.canvas.answers import (
    Fields,
    a_flag,
    a_moment,
    a_text,
    an_id,
    ignored,
    rows_of,
    shown_name,
    unique,
)
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.paths import path


@attrs.frozen
class Entry:
    """An entry, or a reply if it has ``parent_id``.

    A deleted entry that has replies stays in lists, without message and author. ``user_name``: the name shown there.
    ``replies``: the newest ten, with the replies to replies; ``has_more_replies``: there are more.
    """

    id: str
    parent_id: str | None = None
    message: str = attrs.field(default="", repr=False)
    user_id: str | None = None
    user_name: str = attrs.field(default="", repr=False)
    is_deleted: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    replies: tuple[Entry, ...] = attrs.field(default=(), repr=False)
    has_more_replies: bool = False


def list_all(client: CanvasClient, course_id: str, topic_id: str) -> list[Entry]:
    """Return all entries that are no replies, the newest first."""
    return unique(client.rows(_path(course_id, topic_id), _read))


def list_replies(client: CanvasClient, course_id: str, topic_id: str, entry_id: str) -> list[Entry]:
    """Return the replies to an entry, and the replies to those, the newest first."""
    return unique(client.rows(_path(course_id, topic_id, entry_id, "replies"), _read))


def find(client: CanvasClient, course_id: str, topic_id: str, entry_id: str) -> Entry | None:
    """Return an entry; None if it is not there or deleted. It proves what a list does not."""
    where = path("courses", course_id, "discussion_topics", topic_id, "entry_list")
    found = client.rows(where, _read, **{"ids[]": entry_id})
    return next((entry for entry in found if not entry.is_deleted), None)


def create(client: CanvasClient, course_id: str, topic_id: str, message: str, *, reply_to: str | None = None) -> Entry:
    """Post an entry, or a reply to another one. The user of the token is its author."""
    below = (reply_to, "replies") if reply_to else ()
    return client.call("POST", _path(course_id, topic_id, *below), _read, {"message": message})


def update(client: CanvasClient, course_id: str, topic_id: str, entry_id: str, message: str) -> Entry:
    """Change the text of an entry. Raises NotThere."""
    return client.call("PUT", _path(course_id, topic_id, entry_id), _read, {"message": message})


def delete(client: CanvasClient, course_id: str, topic_id: str, entry_id: str) -> None:
    """Delete an entry. The replies to it stay. Raises NotThere."""
    client.call("DELETE", _path(course_id, topic_id, entry_id), ignored)


def _path(course_id: str, topic_id: str, *below: str) -> str:
    return path("courses", course_id, "discussion_topics", topic_id, "entries", *below)


def _read(value: Any) -> Entry:
    fields = Fields.of("an entry", value)
    return Entry(
        id=fields.required("id", an_id),
        parent_id=fields.optional("parent_id", an_id),
        message=fields.optional("message", a_text) or "",
        user_id=fields.optional("user_id", an_id),
        user_name=shown_name(fields, "user"),
        is_deleted=fields.optional("deleted", a_flag) or False,
        created_at=fields.optional("created_at", a_moment),
        updated_at=fields.optional("updated_at", a_moment),
        replies=tuple(rows_of(fields.values.get("recent_replies") or [], _read)),
        has_more_replies=fields.optional("has_more_replies", a_flag) or False,
    )
