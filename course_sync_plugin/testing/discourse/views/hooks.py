"""The records in webhooks of the fake forum.

Sources: the recorded deliveries in the shared ``discourse_webhooks.json``; discourse,
app/serializers/web_hook_topic_view_serializer.rb (topics carry no posts). The newest Discourse writes tags as objects;
the recorded deliveries, of 2023, have their names (``docs/references/fake_discourse.rst``).
"""

from __future__ import annotations

from typing import Any

from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import Category, Post, Topic
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.views.categories import basic_category
from course_sync_plugin.testing.discourse.views.posts import single_post
from course_sync_plugin.testing.discourse.views.topics import topic_facts
from course_sync_plugin.testing.discourse.views.users import basic_user


def hook_record(forum: Forum, kind: str, record: Any) -> dict[str, Any]:
    """Return a topic, post or category as its webhook has it. It is written as the user ``system`` sees it."""
    guardian = Guardian(forum, forum.system)
    if kind == "topic":
        return _topic(guardian, record)
    return _post(guardian, record) if kind == "post" else _category(guardian, record)


def _topic(guardian: Guardian, topic: Topic) -> dict[str, Any]:
    forum = guardian.forum
    posts = forum.posts_of(topic, deleted=False) or forum.posts_of(topic)
    created_by, last = forum.users[topic.user_id], forum.users[posts[-1].user_id]
    facts = topic_facts(guardian, topic)
    return {**facts, "created_by": basic_user(created_by), "last_poster": basic_user(last)}


def _post(guardian: Guardian, post: Post) -> dict[str, Any]:
    forum = guardian.forum
    topic = forum.topics[post.topic_id]
    category = forum.category_of(topic)
    count = len(forum.posts_of(topic, deleted=False))
    rights = ("can_edit", "can_delete", "can_recover", "can_wiki", "can_see_hidden_post", "can_view_edit_history")
    unwanted = (*rights, "actions_summary", "yours", "posts_count", "post_url", "readers_count")
    facts = single_post(guardian, post)
    return {
        **{name: value for name, value in facts.items() if name not in unwanted},
        "category_id": topic.category_id,
        "category_slug": category.slug if category else None,
        "topic_title": topic.title,
        "topic_archetype": topic.archetype,
        "topic_posts_count": count,
        "topic_filtered_posts_count": count,
    }


def _category(guardian: Guardian, category: Category) -> dict[str, Any]:
    return {**basic_category(guardian, category), "custom_fields": {}}
