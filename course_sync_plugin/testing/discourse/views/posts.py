"""Posts in the answers of the fake forum.

Sources: API documentation (``/posts.json``, ``/posts/{id}.json``, ``/t/{id}/posts.json``); discourse,
app/serializers/post_serializer.rb for hidden posts (not read again).
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.discourse.forum.clock import moment
from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import Pending, Post
from course_sync_plugin.testing.discourse.forum.texts import cook
from course_sync_plugin.testing.discourse.views.users import avatar

#: Fields that the fake keeps at one value.
_FIXED: dict[str, Any] = {
    "quote_count": 0, "incoming_link_count": 0, "reads": 0, "readers_count": 0, "score": 0, "bookmarked": False,
    "primary_group_name": None, "flair_name": None, "flair_url": None, "flair_bg_color": None, "flair_color": None,
    "flair_group_id": None, "user_title": None, "reviewable_id": None, "reviewable_score_count": 0,
    "reviewable_score_pending_count": 0, "wiki": False, "can_view_edit_history": True,
}  # fmt: skip
_HIDDEN = "<p>This post was flagged by the community and is temporarily hidden.</p>"


def post_in_stream(guardian: Guardian, post: Post, raw: bool = False) -> dict[str, Any]:
    """Return a post as in the stream of a topic. ``raw``: with its text, if the user may see it."""
    forum = guardian.forum
    topic = forum.topics[post.topic_id]
    shown = not post.hidden or guardian.staff or guardian.owns(post)
    replies = [one for one in forum.posts_of(topic, deleted=False) if one.reply_to_post_number == post.post_number]
    return {
        **_FIXED,
        **_author(guardian, post),
        "id": post.id,
        "created_at": moment(post.created_at),
        "updated_at": moment(post.updated_at),
        "cooked": cook(post.raw) if shown else _HIDDEN,
        **({"raw": post.raw} if raw and shown else {}),
        "post_number": post.post_number,
        "post_type": post.post_type,
        "reply_count": len(replies),
        "reply_to_post_number": post.reply_to_post_number,
        "topic_id": topic.id,
        "topic_slug": forum.slug_of(topic),
        "version": post.version,
        "edit_reason": post.edit_reason,
        "hidden": post.hidden,
        "deleted_at": moment(post.deleted_at),
        "user_deleted": post.user_deleted,
        "actions_summary": [{"id": 2, "can_act": True}] if guardian.user and not guardian.owns(post) else [],
        "yours": guardian.owns(post),
        "can_edit": guardian.edits_post(post),
        "can_delete": guardian.deletes_post(post),
        "can_recover": guardian.staff and post.deleted_at is not None,
        "can_wiki": guardian.staff,
        "can_see_hidden_post": shown,
        **({"action_code": post.action_code} if post.action_code else {}),
        **_reply_to(guardian, post),
    }


def single_post(guardian: Guardian, post: Post, draft: bool = False) -> dict[str, Any]:
    """Return a post as its own answer. ``draft``: with ``draft_sequence``, as after a change."""
    forum = guardian.forum
    topic = forum.topics[post.topic_id]
    return {
        **post_in_stream(guardian, post, raw=True),
        "posts_count": len(forum.posts_of(topic, deleted=False)),
        "post_url": f"/t/{forum.slug_of(topic)}/{topic.id}/{post.post_number}",
        **({"draft_sequence": 0} if draft else {}),
    }


def post_pending(guardian: Guardian, pending: Pending) -> dict[str, Any]:
    """Return the answer to a post that waits for approval: status 200 without a post (``action``: ``enqueued``)."""
    mine = [one for one in guardian.forum.pending.values() if one.user_id == pending.user_id]
    shown = {
        "id": pending.id,
        "raw": str(pending.parameters.get("raw") or ""),
        "created_at": moment(pending.created_at),
    }
    return {"action": "enqueued", "success": True, "pending_count": len(mine), "pending_post": shown}


def _author(guardian: Guardian, post: Post) -> dict[str, Any]:
    user = guardian.forum.users[post.user_id]
    return {
        "user_id": user.id,
        "username": user.username,
        "name": user.name,
        "display_username": user.name,
        "avatar_template": avatar(user),
        "moderator": user.moderator,
        "admin": user.admin,
        "staff": user.staff,
        "trust_level": user.trust_level,
    }


def _reply_to(guardian: Guardian, post: Post) -> dict[str, Any]:
    """Return ``reply_to_user`` of a reply to another post than the first (recorded webhooks)."""
    topic = guardian.forum.topics[post.topic_id]
    number = post.reply_to_post_number
    parent = next((one for one in guardian.forum.posts_of(topic) if one.post_number == number), None)
    if parent is None:
        return {}
    user = guardian.forum.users[parent.user_id]
    return {"reply_to_user": {"username": user.username, "name": user.name, "avatar_template": avatar(user)}}
