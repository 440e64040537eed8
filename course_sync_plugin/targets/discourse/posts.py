"""Posts: show, edit, reply, delete. Source: discourse, app/controllers/posts_controller.rb."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import AwaitsApproval
from course_sync_plugin.targets.discourse.fields import Fields, checked_id

#: The types of a post (``Post.types``): one of a person, and one that only tells of a change, such as *closed*.
_REGULAR, _SMALL_ACTION = 1, 3


@attrs.frozen
class Post:
    """A post. ``number``: its place in the topic; the first is 1. ``raw``: Markdown; None if the answer has no text.

    ``username`` and ``name``: the author. ``version``: stays the same at an edit within 5 minutes, so compare ``raw``.
    ``cooked``: the text as HTML. ``is_public``: all who see the topic see the post: it is not hidden by flags and not
    deleted, no small action and no whisper.
    """

    id: str
    topic_id: str
    number: int
    username: str
    name: str | None
    raw: str | None = attrs.field(repr=False)
    version: int
    created_at: datetime
    updated_at: datetime | None
    deleted_at: datetime | None
    reply_to_number: int | None
    is_small_action: bool
    is_hidden: bool
    cooked: str = attrs.field(default="", repr=False)
    is_public: bool = True


def show(client: DiscourseClient, post_id: str) -> Post:
    """Return a post with its text. Raises NotThere, or Forbidden if the user may not see it."""
    return client.get(f"/posts/{checked_id(post_id)}.json", read_post)


def update(
    client: DiscourseClient,
    post_id: str,
    raw: str,
    *,
    original_text: str,
    edit_reason: str | None = None,
    bypass_bump: bool = True,
) -> Post:
    """Edit the text of a post. The answer has the text as the forum keeps it: white space at its end is cut off.

    ``original_text``: the text as it was read, not as it was sent. Raises EditConflict if the post has another one now.
    ``bypass_bump``: the topic stays where it is in the lists; only for staff. A deleted post can be edited by staff.
    """
    fields: dict[str, Any] = {"raw": raw, "original_text": original_text}
    if edit_reason:
        fields["edit_reason"] = edit_reason
    sent = {"post": fields, "bypass_bump": bypass_bump}
    return client.put(f"/posts/{checked_id(post_id)}.json", sent, lambda answer: read_post(answer.inside("post")))


def reply(
    client: DiscourseClient,
    topic_id: str,
    raw: str,
    *,
    reply_to_number: int | None = None,
    created_at: datetime | None = None,
) -> Post:
    """Reply to a topic, or to one of its posts. Raises AwaitsApproval, or Refused, also for a deleted topic.

    Within 120 seconds the same reply again gets the same answer (:func:`course_sync_plugin.targets.discourse.topics.
    create`). After that it is a second reply: look for it before another attempt.
    """
    fields: dict[str, Any] = {"topic_id": checked_id(topic_id), "raw": raw}
    if reply_to_number is not None:
        fields["reply_to_post_number"] = reply_to_number
    return create_post(client, fields, created_at)


def delete(client: DiscourseClient, post_id: str) -> None:
    """Delete a reply. Raises Forbidden for the first post of a topic. A second deletion by staff is no error."""
    client.act("DELETE", f"/posts/{checked_id(post_id)}.json")


def create_post(client: DiscourseClient, fields: dict[str, Any], created_at: datetime | None) -> Post:
    """Send a new post: a reply, or the first post of a topic. Raises AwaitsApproval."""
    if created_at is not None:
        fields["created_at"] = utc_text(created_at, "milliseconds")
    return client.post("/posts.json", fields, _created)


def read_post(shown: Fields) -> Post:
    """Read a post in an answer."""
    return Post(
        id=shown.remote_id("id"),
        topic_id=shown.remote_id("topic_id"),
        number=shown.number("post_number"),
        username=shown.text("username"),
        name=shown.optional_text("name"),
        raw=shown.optional_text("raw"),
        version=shown.number("version"),
        created_at=shown.moment("created_at"),
        updated_at=shown.optional_moment("updated_at"),
        deleted_at=shown.optional_moment("deleted_at"),
        reply_to_number=shown.number("reply_to_post_number") if shown.values.get("reply_to_post_number") else None,
        is_small_action=shown.values.get("post_type") == _SMALL_ACTION,
        is_hidden=shown.flag("hidden"),
        cooked=shown.optional_text("cooked") or "",
        is_public=_is_public(shown),
    )


def _is_public(shown: Fields) -> bool:
    is_gone = shown.flag("hidden") or shown.flag("user_deleted") or shown.values.get("deleted_at") is not None
    return shown.values.get("post_type", _REGULAR) == _REGULAR and not is_gone


def _created(answer: Fields) -> Post:
    if answer.values.get("action") == "enqueued":
        raise AwaitsApproval(
            "A moderator of the forum must approve the new post. To have it published at once, let 'api_username' name "
            "a member of staff, or change the rules of approval of the category."
        )
    return read_post(answer)
