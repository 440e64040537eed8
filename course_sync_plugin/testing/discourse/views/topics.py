"""Topics in the answers of the fake forum.

Sources: API documentation (``/t/{id}.json``, ``/latest.json``) for the names; discourse, lib/topic_view.rb for chunks
of 20 posts and for what staff sees of deleted posts (not read again). ``external_id`` is not in the documentation.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

from course_sync_plugin.testing.discourse.forum.clock import moment
from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import SMALL_ACTION, Post, Topic
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.views.posts import post_in_stream
from course_sync_plugin.testing.discourse.views.users import avatar, basic_user

#: Posts in one answer (discourse, lib/topic_view.rb ``chunk_size``).
CHUNK = 20
_RIGHTS_OF_STAFF = (
    "can_move_posts can_remove_allowed_users can_convert_topic can_review_topic can_split_merge_topic "
    "can_edit_staff_notes can_banner_topic can_moderate_category"
).split()


def basic_topic(forum: Forum, topic: Topic) -> dict[str, Any]:
    """Return a topic as the answer to a change has it (``BasicTopicSerializer``)."""
    return {
        "id": topic.id,
        "title": topic.title,
        "fancy_title": html.escape(topic.title, quote=False),
        "slug": forum.slug_of(topic),
        "posts_count": len(forum.posts_of(topic, deleted=False)),
    }


def tags_shown(forum: Forum, topic: Topic) -> list[dict[str, Any]]:
    """Return the tags as objects. The slug of a tag that has only digits is made of its id (assumed)."""
    shown = [(forum.tags[name], name) for name in topic.tags]
    return [{"id": number, "name": name, "slug": f"{number}-tag" if name.isdigit() else name} for number, name in shown]


def visible_posts(guardian: Guardian, topic: Topic) -> list[Post]:
    """Return the posts that the user sees. Of the deleted ones staff sees the first."""
    posts = guardian.forum.posts_of(topic)
    return [post for post in posts if post.deleted_at is None or (guardian.staff and post.post_number == 1)]


def topic_facts(guardian: Guardian, topic: Topic) -> dict[str, Any]:
    """Return the fields that the page of a topic and its webhooks share."""
    forum = guardian.forum
    posts = forum.posts_of(topic, deleted=False)
    return {
        **basic_topic(forum, topic),
        "created_at": moment(topic.created_at),
        "views": 0,
        "reply_count": sum(1 for post in posts if post.reply_to_post_number),
        "like_count": 0,
        "last_posted_at": moment(topic.last_posted_at),
        "visible": topic.visible,
        "closed": topic.closed,
        "archived": topic.archived,
        "archetype": topic.archetype,
        "category_id": topic.category_id,
        "tags": tags_shown(forum, topic),
        "tags_descriptions": {},
        "word_count": sum(len(post.raw.split()) for post in posts),
        "deleted_at": moment(topic.deleted_at),
        "deleted_by": basic_user(forum.users[topic.deleted_by_id]) if topic.deleted_by_id else None,
        "user_id": topic.user_id,
        "featured_link": None,
        "pinned_globally": topic.pinned_globally,
        "pinned_at": moment(topic.pinned_at),
        "pinned_until": topic.pinned_until,
        "pinned": topic.pinned_at is not None,
        "unpinned": None,
        "highest_post_number": max((post.post_number for post in posts), default=0),
        **({"has_deleted": any(post.deleted_at for post in forum.posts_of(topic)[1:])} if guardian.staff else {}),
        "bookmarked": False,
        "participant_count": len({post.user_id for post in posts}),
        "thumbnails": None,
        "slow_mode_seconds": 0,
        "slow_mode_enabled_until": None,
        **({"external_id": topic.external_id} if topic.external_id else {}),
    }


def topic_page(guardian: Guardian, topic: Topic, posts: Sequence[Post], raw: bool = False) -> dict[str, Any]:
    """Return a topic with some of its posts, and the ids of all of them (``post_stream.stream``)."""
    stream = visible_posts(guardian, topic)
    return {
        **topic_facts(guardian, topic),
        "post_stream": {
            "posts": [{**post_in_stream(guardian, post, raw), "read": True, "link_counts": []} for post in posts],
            "stream": [post.id for post in stream],
        },
        "timeline_lookup": [[1, 0]] if stream else [],
        "suggested_topics": [],
        "has_summary": False,
        "image_url": None,
        "draft": None,
        "draft_key": f"topic_{topic.id}",
        "draft_sequence": 0,
        "actions_summary": [{"id": 4, "count": 0, "hidden": False, "can_act": guardian.user is not None}],
        "chunk_size": CHUNK,
        "bookmarks": [],
        "topic_timer": None,
        "message_bus_last_id": 0,
        "show_read_indicator": False,
        "current_post_number": posts[0].post_number if posts else 1,
        "details": _details(guardian, topic),
    }


#: Fields that a list does not have.
_NOT_LISTED = (
    "deleted_at deleted_by user_id word_count has_deleted participant_count pinned_at pinned_until slow_mode_seconds "
    "slow_mode_enabled_until external_id thumbnails"
).split()


def topic_in_list(guardian: Guardian, topic: Topic) -> dict[str, Any]:
    """Return a topic as a row of a list."""
    facts = topic_facts(guardian, topic)
    posts = guardian.forum.posts_of(topic, deleted=False) or guardian.forum.posts_of(topic)
    last = guardian.forum.users[posts[-1].user_id]
    poster = {"extras": "latest", "description": "Original Poster", "user_id": topic.user_id, "primary_group_id": None}
    return {
        **{name: value for name, value in facts.items() if name not in _NOT_LISTED},
        "image_url": None,
        "bumped": True,
        "bumped_at": moment(topic.bumped_at),
        "unseen": False,
        "excerpt": posts[0].raw[:220],
        "liked": False,
        "has_summary": False,
        "last_poster_username": last.username,
        "posters": [poster],
    }


def _details(guardian: Guardian, topic: Topic) -> dict[str, Any]:
    forum = guardian.forum
    posts = forum.posts_of(topic, deleted=False) or forum.posts_of(topic)
    moderates = guardian.moderates(topic)
    rights = {
        **dict.fromkeys(_RIGHTS_OF_STAFF, guardian.staff),
        "can_edit": guardian.edits_topic(topic),
        "can_delete": guardian.deletes_topic(topic),
        "can_create_post": guardian.creates_post_in(topic),
        "can_reply_as_new_topic": guardian.user is not None,
        "can_flag_topic": guardian.user is not None,
        "can_close_topic": moderates,
        "can_archive_topic": moderates,
        "can_toggle_topic_visibility": moderates,
        "can_pin_unpin_topic": moderates,
    }
    return {
        **{name: True for name, allowed in rights.items() if allowed},  # a right that is missing is left out
        "notification_level": 1,
        "can_remove_self_id": guardian.user.id if guardian.user else 0,
        "participants": _participants(guardian, topic),
        "created_by": basic_user(forum.users[topic.user_id]),
        "last_poster": basic_user(forum.users[posts[-1].user_id]),
    }


def _participants(guardian: Guardian, topic: Topic) -> list[dict[str, Any]]:
    forum = guardian.forum
    counts = Counter(one.user_id for one in forum.posts_of(topic, deleted=False) if one.post_type != SMALL_ACTION)
    flair = {"primary_group_name": None, "flair_name": None, "flair_url": None, "flair_color": None,
             "flair_bg_color": None, "flair_group_id": None}  # fmt: skip
    users = [(forum.users[number], count) for number, count in counts.most_common()]
    return [
        {
            "id": user.id,
            "username": user.username,
            "name": user.name,
            "avatar_template": avatar(user),
            "post_count": count,
            "admin": user.admin,
            "moderator": user.moderator,
            "trust_level": user.trust_level,
            **flair,
        }
        for user, count in users
    ]
