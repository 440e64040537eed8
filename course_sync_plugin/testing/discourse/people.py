"""People who work in the web interface of the fake forum.

A person's action has the same effects and the same events as that of an API key, but nothing of it is remembered for
120 seconds, and no rate limit of API keys concerns it.
"""

from __future__ import annotations

import threading
from typing import Any

import attrs

from course_sync_plugin.testing.discourse.forum import categories, creation, deletion, topics
from course_sync_plugin.testing.discourse.forum.records import Category, Pending, Post, Topic, User
from course_sync_plugin.testing.discourse.forum.revisions import revise
from course_sync_plugin.testing.discourse.forum.state import Forum


@attrs.frozen
class Person:
    """A person with the rights of their user. Each method raises Refused if the forum does not let them."""

    forum: Forum
    user: User
    lock: threading.RLock

    def create_topic(self, title: str, raw: str, category_id: int | None = None, **parameters: Any) -> Topic:
        """Begin a topic, and return it."""
        sent = {"title": title, "raw": raw, "category": category_id, **parameters}
        return self.forum.topics[self._create(sent).topic_id]

    def reply(self, topic_id: int, raw: str, to: int | None = None) -> Post:
        """Reply to a topic; ``to``: the number of the post that is answered."""
        return self._create({"topic_id": topic_id, "raw": raw, "reply_to_post_number": to})

    def message(self, to: str, title: str, raw: str) -> Topic:
        """Send a private message to the users of these names, with commas between them."""
        sent = {"title": title, "raw": raw, "archetype": "private_message", "target_recipients": to}
        return self.forum.topics[self._create(sent).topic_id]

    def ask(self, **parameters: Any) -> Pending:
        """Send a post that must be approved."""
        made = self._make(parameters)
        assert isinstance(made, Pending)  # noqa: S101  # a test that calls this expects it
        return made

    def approve(self, pending: Pending) -> Post:
        """Approve a post that waits, as a moderator."""
        with self.lock:
            return creation.approve(self.forum, pending)

    def edit_topic(self, topic_id: int, **parameters: Any) -> Topic:
        """Change ``title``, ``category_id`` or ``tags`` of a topic."""
        with self.lock:
            return topics.update_topic(self.forum, self.user, self.forum.topics[topic_id], parameters)

    def edit_post(self, post_id: int, raw: str, edit_reason: str = "") -> bool:
        """Edit the text of a post."""
        with self.lock:
            fields = {"raw": raw, "edit_reason": edit_reason}
            return revise(self.forum, self.forum.posts[post_id], self.user, fields)

    def set_status(self, topic_id: int, status: str, enabled: bool = True) -> None:
        """Close, archive, list (``visible``) or pin a topic, or undo it."""
        with self.lock:
            topics.change_status(self.forum, self.user, self.forum.topics[topic_id], status, enabled)

    def delete_topic(self, topic_id: int) -> None:
        """Delete a topic."""
        with self.lock:
            deletion.delete_topic(self.forum, self.user, self.forum.topics[topic_id])

    def recover_topic(self, topic_id: int) -> None:
        """Bring a deleted topic back."""
        with self.lock:
            deletion.recover_topic(self.forum, self.user, self.forum.topics[topic_id])

    def delete_post(self, post_id: int) -> None:
        """Delete a reply."""
        with self.lock:
            deletion.delete_post(self.forum, self.user, self.forum.posts[post_id])

    def hide_post(self, post_id: int) -> None:
        """Let flags of the community hide a post."""
        with self.lock:
            self.forum.posts[post_id].hidden = True

    def edit_category(self, category_id: int, **parameters: Any) -> Category:
        """Change the fields of a category."""
        with self.lock:
            category = self.forum.categories[category_id]
            return categories.update_category(self.forum, self.user, category, parameters)

    def delete_category(self, category_id: int) -> None:
        """Delete an empty category."""
        with self.lock:
            categories.delete_category(self.forum, self.user, self.forum.categories[category_id])

    def _create(self, parameters: dict[str, Any]) -> Post:
        made = self._make(parameters)
        assert isinstance(made, Post)  # noqa: S101  # a test that uses a moderated category calls ask()
        return made

    def _make(self, parameters: dict[str, Any]) -> Post | Pending:
        with self.lock:
            return creation.create_post(self.forum, self.user, parameters)
