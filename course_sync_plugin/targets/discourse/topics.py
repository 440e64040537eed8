"""Topics: create, find, show, change, delete, recover. Source: discourse, app/controllers/topics_controller.rb."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import NotThere
from course_sync_plugin.targets.discourse.fields import Fields, checked_external_id, checked_id
from course_sync_plugin.targets.discourse.posts import Post, create_post, read_post
from course_sync_plugin.targets.discourse.tags import tag_names

Status = Literal["closed", "archived", "visible"]

#: How many posts an answer has (lib/topic_view.rb, ``chunk_size``).
_CHUNK = 20

#: The path of a topic, with or without its slug.
_TOPIC_PATH = re.compile(r"/t/(?:[^/]+/)?([0-9]+)(?:\.json)?", re.ASCII)


@attrs.frozen
class Topic:
    """A topic. ``posts``: the first 20 with their texts. ``post_ids``: of all posts that the user sees.

    ``likes``: of all its posts; None if the answer does not say it.
    ``deleted_at``: only staff sees deleted topics; others get NotThere.
    """

    id: str
    title: str
    category_id: str | None
    tags: tuple[str, ...]
    external_id: str | None
    visible: bool
    closed: bool
    archived: bool
    deleted_at: datetime | None
    posts: tuple[Post, ...]
    post_ids: tuple[str, ...]
    likes: int | None = None

    @property
    def first_post(self) -> Post | None:
        """Return the post that began the topic; None if the user does not see it."""
        return next((post for post in self.posts if post.number == 1), None)


@attrs.frozen
class ChangedTopic:
    """The answer to a change: the title as the forum keeps it now, and the tags if tags were sent."""

    id: str
    title: str
    tags: tuple[str, ...] | None


def create(
    client: DiscourseClient,
    *,
    title: str,
    raw: str,
    category_id: str,
    external_id: str | None = None,
    tags: Sequence[str] = (),
    created_at: datetime | None = None,
    skip_validations: bool = False,
) -> Post:
    """Create a topic, and return its first post. The answer has no title: the forum may have cleaned it, so show it.

    For 120 seconds the forum remembers its answer to these parameters of this user, a 422 as well as a post, if the
    address and the ``User-Agent`` of the sender are the same, too (posts_controller.rb: ``DistributedMemoizer``,
    ``signature_for``). So an attempt in this time makes no second topic. But an attempt after the cause of a refusal
    was removed must differ from the first one, for example in ``created_at``, or it gets the old refusal.

    After this time only ``external_id`` prevents a second topic. It is unique, in whatever case, and a deleted topic
    keeps it. After any error, also Refused, look the topic up (:func:`find`) before the next attempt.

    ``skip_validations``: title and text are not checked. Raises AwaitsApproval and Refused.
    """
    fields: dict[str, Any] = {"title": title, "raw": raw, "category": checked_id(category_id)}
    if external_id is not None:
        fields["external_id"] = checked_external_id(external_id)
    if tags:
        fields["tags"] = list(tags)
    if skip_validations:
        fields["skip_validations"] = True
    return create_post(client, fields, created_at)


def find(client: DiscourseClient, external_id: str) -> str | None:
    """Return the id of the topic with this ``external_id``; None if there is none, or only a deleted one.

    The forum answers with a redirect. It is not followed; the id is taken from its address.
    """
    path = f"/t/external_id/{checked_external_id(external_id)}.json"
    try:
        found = client.location(path, _TOPIC_PATH)
    except NotThere:
        return None
    if found is None:
        raise PermanentError("The forum's answer is not understood: the look-up of an external_id is no redirect.")
    return found


def show(client: DiscourseClient, topic_id: str) -> Topic:
    """Return a topic with the texts of its first posts. Raises NotThere, also for a deleted topic if not by staff."""
    return client.get(f"/t/{checked_id(topic_id)}.json", _topic, {"include_raw": "true"})


def more_posts(client: DiscourseClient, topic: Topic) -> Iterator[Post]:
    """Yield the posts of a topic that :func:`show` did not return, with their texts, 20 with each request."""
    known = {post.id for post in topic.posts}
    rest = [one for one in topic.post_ids if one not in known]
    for begin in range(0, len(rest), _CHUNK):
        query = urlencode([("include_raw", "true"), *(("post_ids[]", one) for one in rest[begin : begin + _CHUNK])])
        path = f"/t/{checked_id(topic.id)}/posts.json?{query}"
        yield from client.get(path, lambda answer: [*map(read_post, answer.inside("post_stream").each("posts"))])


def update(
    client: DiscourseClient,
    topic_id: str,
    *,
    original_title: str | None = None,
    title: str | None = None,
    category_id: str | None = None,
    tags: Sequence[str] | None = None,
) -> ChangedTopic:
    """Change what is given. Raises Forbidden for a deleted topic, and EditConflict if it has not ``original_title``.

    A new category or new tags notify those who watch them. :func:`course_sync_plugin.targets.discourse.moves.move`
    changes the category without that.

    The parameters are at the top level. Discourse answers 200 and ignores them if they are inside ``topic``, as its own
    description has them. A forum that ignores one answers 200 too, so compare the title in the answer with what was
    there before. Send a title only if it differs from the one that was read: an unclean one makes a new version each
    time.
    """
    fields: dict[str, Any] = {"title": title, "original_title": original_title}
    fields["category_id"] = None if category_id is None else checked_id(category_id)
    fields["tags"] = None if tags is None else [*tags] or [""]  # as the web client sends that there are none
    sent = {name: value for name, value in fields.items() if value is not None}
    changed = client.put(f"/t/-/{checked_id(topic_id)}.json", sent, _changed)
    if changed.id != topic_id:
        raise PermanentError(f"The forum's answer is not understood: it is about topic {changed.id}, not {topic_id}.")
    return changed


def set_status(client: DiscourseClient, topic_id: str, status: Status, enabled: bool) -> None:
    """Close, archive or list a topic, or undo it. Raises Forbidden, also for a deleted topic.

    Each change makes a small post in the topic. A status that the topic has already makes none.
    """
    fields = {"status": status, "enabled": "true" if enabled else "false"}
    client.act("PUT", f"/t/{checked_id(topic_id)}/status.json", fields)


def delete(client: DiscourseClient, topic_id: str) -> None:
    """Delete a topic with its first post; it can be recovered. Its replies go out of sight.

    Raises Refused for every reason against it: no right, a definition topic, deleted already, not there. Show the topic
    to know which one.
    """
    client.act("DELETE", f"/t/{checked_id(topic_id)}.json")


def recover(client: DiscourseClient, topic_id: str) -> None:
    """Bring a deleted topic back. Raises Forbidden if it is not deleted or the user is not staff.

    Its title is not checked: while another topic has it, no other change of the topic is accepted.
    """
    client.act("PUT", f"/t/{checked_id(topic_id)}/recover.json")


def _topic(shown: Fields) -> Topic:
    stream = shown.inside("post_stream")
    ids = stream.values.get("stream")
    return Topic(
        id=shown.remote_id("id"),
        title=shown.text("title"),
        category_id=shown.optional_id("category_id"),
        tags=tag_names(shown),
        external_id=shown.optional_text("external_id"),
        visible=shown.flag("visible", absent=True),
        closed=shown.flag("closed"),
        archived=shown.flag("archived"),
        deleted_at=shown.optional_moment("deleted_at"),
        posts=tuple(map(read_post, stream.each("posts"))),
        post_ids=tuple(map(str, ids)) if isinstance(ids, list) else (),
        likes=shown.number("like_count") if "like_count" in shown.values else None,
    )


def _changed(answer: Fields) -> ChangedTopic:
    basic = answer.inside("basic_topic")
    tags = tag_names(answer) if answer.values.get("tags") is not None else None
    return ChangedTopic(basic.remote_id("id"), basic.text("title"), tags)
