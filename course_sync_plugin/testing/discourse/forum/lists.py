"""The lists of topics of the fake forum.

Sources: discourse, lib/topic_query.rb (30 a page, no private messages, sub-categories with their topics but without
their definition topics, unlisted topics for staff only), app/controllers/list_controller.rb. That pinned topics come
first, is ``prioritize_pinned_topics``; that a person has put a pin away is not imitated.
"""

from __future__ import annotations

from course_sync_plugin.testing.discourse.forum.guardian import Guardian
from course_sync_plugin.testing.discourse.forum.records import Category, Topic
from course_sync_plugin.testing.discourse.forum.state import Forum

#: discourse, lib/topic_query.rb ``DEFAULT_PER_PAGE_COUNT``.
PER_PAGE = 30


def latest(guardian: Guardian, category: Category | None = None, tag: str | None = None) -> list[Topic]:
    """Return all topics of a list: pinned ones first, by the time of the pin; then those with the newest posts."""
    forum = guardian.forum
    topics = [topic for topic in forum.listable() if _listed(guardian, topic, category)]
    if tag is not None:
        topics = [topic for topic in topics if tag in topic.tags]
    pinned = [topic for topic in topics if _pinned(topic, category)]
    others = [topic for topic in topics if topic not in pinned]
    pinned.sort(key=lambda topic: topic.pinned_at or topic.created_at, reverse=True)
    return pinned + sorted(others, key=lambda topic: topic.bumped_at, reverse=True)


def private_messages(forum: Forum, user_id: int, sent: bool = False) -> list[Topic]:
    """Return the private messages that a user has got, or has sent."""
    topics = [topic for topic in forum.topics.values() if topic.private and topic.deleted_at is None]
    mine = [topic for topic in topics if user_id in topic.allowed_user_ids and (topic.user_id == user_id) == sent]
    return sorted(mine, key=lambda topic: topic.bumped_at, reverse=True)


def _listed(guardian: Guardian, topic: Topic, category: Category | None) -> bool:
    forum = guardian.forum
    definition = forum.defines(topic)
    if not guardian.sees_topic(topic) or not (topic.visible or guardian.staff):
        return False
    if category is None:
        return definition is None or forum.settings.show_category_definitions_in_topic_lists
    inside = {category.id, *(child.id for child in forum.children(category))}
    return topic.category_id in inside and (definition is None or topic.category_id == category.id)


def _pinned(topic: Topic, category: Category | None) -> bool:
    """Tell whether a topic is pinned in a list: globally in the list of all topics, in its own category in others."""
    if topic.pinned_at is None:
        return False
    return topic.category_id == category.id if category else topic.pinned_globally
