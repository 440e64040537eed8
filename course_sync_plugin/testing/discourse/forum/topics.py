"""Changes of topics of the fake forum: fields, status, and the small posts that tell of a status.

Sources: discourse, app/controllers/topics_controller.rb (``update``, ``status``),
app/services/topic_status_updater.rb, app/models/web_hook.rb.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from course_sync_plugin.testing.discourse.forum.errors import (
    CATEGORY_NOT_FOUND,
    EDIT_CONFLICT,
    MOVE_DISALLOWED,
    Refused,
    forbidden,
    invalid,
    invalid_parameters,
)
from course_sync_plugin.testing.discourse.forum.guardian import Guardian, ensure
from course_sync_plugin.testing.discourse.forum.records import SMALL_ACTION, Topic, User
from course_sync_plugin.testing.discourse.forum.revisions import TOPIC_FIELDS, revise
from course_sync_plugin.testing.discourse.forum.state import Forum
from course_sync_plugin.testing.discourse.forum.tags import names_in, tags_for_saving

STATUSES = ("pinned", "pinned_globally", "visible", "closed", "archived")


def update_topic(forum: Forum, user: User, topic: Topic | None, parameters: Mapping[str, Any]) -> Topic:
    """Change ``title``, ``category_id`` and ``tags`` of a topic; all other parameters are ignored.

    ``original_title`` that differs from the title raises Refused 409. A topic that is deleted or not there: 403. A
    category that is not there: 422; one in which the user may not begin topics: 403.
    """
    ensure(topic is not None and topic.deleted_at is None and Guardian(forum, user).edits_topic(topic))
    assert topic is not None  # noqa: S101  # for mypy: ensure() has checked it
    original = parameters.get("original_title")
    if original and original != topic.title:
        raise Refused(409, [EDIT_CONFLICT])
    check_move(forum, user, topic, parameters.get("category_id"), MOVE_DISALLOWED)
    changes = {name: parameters[name] for name in TOPIC_FIELDS if name in parameters}
    if changes.get("title") == topic.title:
        del changes["title"]
    if "category_id" in changes and _number(changes["category_id"]) == (topic.category_id or 0):
        del changes["category_id"]
    if "tags" in changes and _same_tags(forum, user, topic, changes["tags"]):
        del changes["tags"]
    if changes:
        revise(forum, forum.first_post(topic), user, changes, check_body=False)
    return topic


def check_move(forum: Forum, user: User, topic: Topic, value: Any, words: str = "") -> None:
    """Refuse to move a topic to a category that is not there (422) or not open to the user (403)."""
    number = _number(value)
    if value is None or number == (topic.category_id or 0):
        return
    category = forum.categories.get(number) if number else forum.uncategorized
    if category is None:
        raise invalid(CATEGORY_NOT_FOUND)
    if not Guardian(forum, user).moves_topic_to(category):
        raise Refused(403, [words]) if words else forbidden()


def change_status(
    forum: Forum, user: User, topic: Topic | None, status: str, enabled: bool, until: str | None = None
) -> None:
    """Close, archive, list or pin a topic, or undo it. Raises Refused: 400 for another status, 403.

    A small post tells of each change. A status that the topic has already makes none, but a pin always makes one. Only
    opening a topic bumps it. The event is told in any case (app/models/topic.rb ``update_status``).
    """
    if status not in STATUSES:
        raise invalid_parameters("status")
    ensure(topic is not None and topic.deleted_at is None and Guardian(forum, user).moderates(topic))
    assert topic is not None  # noqa: S101  # for mypy: ensure() has checked it
    if _set_status(forum, topic, status, enabled, until):
        _add_small_action(forum, user, topic, f"{status}.{'enabled' if enabled else 'disabled'}")
        if status == "closed" and not enabled:
            topic.bumped_at = forum.clock.now()
    forum.tell(f"topic_{status}_status_updated", "topic", topic)


def _set_status(forum: Forum, topic: Topic, status: str, enabled: bool, until: str | None) -> bool:
    """Set a status, and tell whether a small post must tell of it."""
    if status.startswith("pinned"):
        topic.pinned_at = forum.clock.now() if enabled else None
        topic.pinned_globally = enabled and status == "pinned_globally"
        topic.pinned_until = until if enabled else None
        return True
    changed: bool = getattr(topic, status) != enabled
    setattr(topic, status, enabled)
    return changed


def _add_small_action(forum: Forum, user: User, topic: Topic, code: str) -> None:
    time = forum.clock.now()
    post = forum.new_post(topic, user, "", time, post_type=SMALL_ACTION, action_code=code)
    topic.last_posted_at = time
    forum.tell("post_created", "post", post)


def _same_tags(forum: Forum, user: User, topic: Topic, value: Any) -> bool:
    return sorted(tags_for_saving(names_in(value, forum), Guardian(forum, user))) == sorted(topic.tags)


def _number(value: Any) -> int:
    text = str(value or 0)
    return int(text) if text.isdecimal() else 0
