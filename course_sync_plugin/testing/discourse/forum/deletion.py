"""Deleting and recovering topics and posts of the fake forum. Nothing is ever gone.

Sources: discourse, app/controllers/topics_controller.rb (``destroy``, ``recover``), posts_controller.rb,
lib/post_destroyer.rb (an older version was read), lib/guardian/. The events of a deletion: facts in the shared
``discourse_webhooks.json`` (spec/models/web_hook_spec.rb).
"""

from __future__ import annotations

from course_sync_plugin.testing.discourse.forum.errors import DELETE_TOPIC_FAILED, invalid
from course_sync_plugin.testing.discourse.forum.guardian import Guardian, ensure
from course_sync_plugin.testing.discourse.forum.records import Post, Topic, User
from course_sync_plugin.testing.discourse.forum.state import Forum

DELETED_BY_AUTHOR = "(post deleted by author)"


def delete_topic(forum: Forum, user: User, topic: Topic | None) -> None:
    """Delete a topic and its first post; the replies stay as they are.

    Each reason why it cannot be deleted is the same 422: no right, a definition topic, deleted already, not there.
    """
    if topic is None or not Guardian(forum, user).deletes_topic(topic):
        raise invalid(DELETE_TOPIC_FAILED)
    first = forum.first_post(topic)
    forum.tell("post_edited", "post", first)
    forum.tell("post_destroyed", "post", first)
    first.deleted_at, first.deleted_by_id = forum.clock.now(), user.id
    forum.tell("topic_destroyed", "topic", topic)
    topic.deleted_at, topic.deleted_by_id = first.deleted_at, user.id


def recover_topic(forum: Forum, user: User, topic: Topic | None) -> None:
    """Bring a topic back. Its title is not checked, so two topics may have the same title afterwards."""
    ensure(topic is not None and topic.deleted_at is not None and Guardian(forum, user).staff)
    assert topic is not None  # noqa: S101  # for mypy: ensure() has checked it
    first = forum.first_post(topic)
    for record in (first, topic):
        record.deleted_at = record.deleted_by_id = None
    forum.tell("post_recovered", "post", first)
    forum.tell("topic_recovered", "topic", topic)


def delete_post(forum: Forum, user: User, post: Post) -> None:
    """Delete a reply. Raises Refused 403 for a first post. A person's own post only gets another text."""
    ensure(Guardian(forum, user).deletes_post(post))
    if user.staff:
        forum.tell("post_destroyed", "post", post)
        post.deleted_at, post.deleted_by_id = forum.clock.now(), user.id
        return
    post.grace_raw, post.raw, post.user_deleted = post.raw, DELETED_BY_AUTHOR, True
    post.version += 1
    forum.tell("post_edited", "post", post)
    forum.tell("post_destroyed", "post", post)


def recover_post(forum: Forum, user: User, post: Post) -> None:
    """Bring a reply back. Raises Refused 403 if it is not deleted or not for the user to recover."""
    own = post.user_deleted and post.user_id == user.id
    ensure((user.staff and post.deleted_at is not None) or own)
    post.deleted_at = post.deleted_by_id = None
    if own:
        post.raw, post.user_deleted = post.grace_raw or post.raw, False
    forum.tell("post_recovered", "post", post)
