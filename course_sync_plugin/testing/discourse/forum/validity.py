"""Which topics and posts the fake forum accepts.

Sources: discourse, app/models/topic.rb (validations of ``title`` and ``external_id``), lib/validators/.
"""

from __future__ import annotations

import re

from course_sync_plugin.testing.discourse.forum.records import Post, Topic, User
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.forum.texts import body_faults, title_faults, title_quality

#: Characters (discourse, app/models/topic.rb ``EXTERNAL_ID_MAX_LENGTH``).
EXTERNAL_ID_LENGTH = 50


def topic_faults(forum: Forum, topic: Topic, title: str, owner: User) -> list[str]:
    """Return the faults of a topic with this cleaned title.

    The least length is 1 where the owner is an administrator. Quality and uniqueness do not concern private messages.
    """
    settings = forum.settings
    least = settings.min_personal_message_title_length if topic.private else settings.min_topic_title_length
    faults = title_faults(title, 1 if owner.admin else least, settings)
    if topic.private or not title:
        return faults
    return faults + title_quality(title, settings) + ["Title has already been used"] * _taken(forum, topic, title)


def _taken(forum: Forum, topic: Topic, title: str) -> bool:
    """Tell whether another topic has the title, in whatever case. Deleted and private topics do not count."""
    settings = forum.settings
    if settings.allow_duplicate_topic_titles:
        return False
    others = [one for one in forum.listable() if one.id != topic.id and one.title.lower() == title.lower()]
    if settings.allow_duplicate_topic_titles_category:
        others = [one for one in others if one.category_id == topic.category_id]
    return bool(others)


def external_id_faults(forum: Forum, external_id: str) -> list[str]:
    """Return the faults of an ``external_id``: 50 letters, digits, ``_`` and ``-``, unique in whatever case.

    Deleted topics keep theirs. The words are those that Rails makes of the name of the column.
    """
    faults = []
    if any((one.external_id or "").lower() == external_id.lower() for one in forum.topics.values()):
        faults.append("External has already been taken")
    if len(external_id) > EXTERNAL_ID_LENGTH:
        faults.append(f"External is too long (maximum is {EXTERNAL_ID_LENGTH} characters)")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", external_id):
        faults.append("External is invalid")
    return faults


def post_faults(forum: Forum, topic: Topic, raw: str, first: bool) -> list[str]:
    """Return the faults of the cleaned text of a post."""
    settings = forum.settings
    least = settings.min_first_post_length if first else settings.min_post_length
    return body_faults(raw, settings.min_personal_message_post_length if topic.private else least, settings)


def repeated(forum: Forum, user: User, raw: str) -> bool:
    """Tell whether a person who is not staff has posted the same text in the last minutes."""
    minutes = forum.settings.unique_posts_mins
    if user.staff or not minutes:
        return False
    now = forum.clock.now()

    def recent(post: Post) -> bool:
        return post.user_id == user.id and post.raw == raw and (now - post.created_at).total_seconds() < minutes * 60

    return any(recent(post) for post in forum.posts.values())
