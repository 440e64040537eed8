"""What a user of the fake forum may do.

Sources: discourse, lib/guardian/topic_guardian.rb, post_guardian.rb, category_guardian.rb and
app/models/category.rb (``topic_create_allowed``, ``post_create_allowed``), app/models/concerns/limited_edit.rb (the
limit of time for edits of one's own, not read again).
"""

from __future__ import annotations

from datetime import timedelta

import attrs

from course_sync_plugin.testing.discourse.forum.errors import forbidden
from course_sync_plugin.testing.discourse.forum.records import CREATE_POST, FULL, READONLY, Category, Post, Topic, User
from course_sync_plugin.testing.discourse.forum.state import Forum


def ensure(allowed: bool) -> None:
    """Raise the refusal 403 ``invalid_access`` if something is not allowed."""
    if not allowed:
        raise forbidden()


@attrs.frozen
class Guardian:
    """The rights of a user; None: a visitor without a key."""

    forum: Forum
    user: User | None

    @property
    def staff(self) -> bool:
        return self.user is not None and self.user.staff

    @property
    def admin(self) -> bool:
        return self.user is not None and self.user.admin

    @property
    def level(self) -> int:
        return self.user.trust_level if self.user else -1

    def owns(self, record: Topic | Post) -> bool:
        return self.user is not None and record.user_id == self.user.id

    def right_in(self, category: Category | None) -> int | None:
        """Return the best right of the user's groups in a category: 1 full, 2 posts, 3 reading, None."""
        if category is None or not category.permissions or self.admin:
            return FULL
        groups = self.forum.groups_of(self.user)
        return min((right for group, right in category.permissions.items() if group in groups), default=None)

    def sees_category(self, category: Category | None) -> bool:
        return self.right_in(category) is not None

    def sees_topic(self, topic: Topic | None) -> bool:
        if topic is None:
            return False
        if self.admin:
            return True
        if topic.deleted_at and not self.staff:
            return False
        if topic.private:
            return self.user is not None and self.user.id in topic.allowed_user_ids
        return self.sees_category(self.forum.category_of(topic))

    def sees_post(self, post: Post) -> bool:
        if not self.sees_topic(self.forum.topics[post.topic_id]):
            return False
        return self.staff or post.deleted_at is None

    def creates_topic_in(self, category: Category | None) -> bool:
        """Tell whether the user may begin a topic in a category. An administrator may everywhere."""
        return self.user is not None and self.right_in(category) == FULL

    def moves_topic_to(self, category: Category) -> bool:
        return self.staff or (self.creates_topic_in(category) and not category.require_topic_approval)

    def creates_post_in(self, topic: Topic | None) -> bool:
        """Tell whether the user may reply: never in a deleted topic, and in a closed one only with trust."""
        if topic is None or topic.deleted_at or self.user is None:
            return False
        if self.admin:
            return True
        trusted = self.staff or self.level == 4
        right = self.right_in(self.forum.category_of(topic))
        return (
            (trusted or not (topic.closed or topic.archived))
            and self.sees_topic(topic)
            and right in (FULL, CREATE_POST)
        )

    def edits_topic(self, topic: Topic | None) -> bool:
        if topic is None or self.user is None or not self.sees_topic(topic):
            return False
        if self.staff:
            return True
        if not topic.private and not self.creates_topic_in(self.forum.category_of(topic)):
            return False
        if not topic.private and self.level >= (4 if topic.archived else 3):
            return True
        return self.owns(topic) and not topic.archived and not self.too_late(topic)

    def edits_post(self, post: Post) -> bool:
        topic = self.forum.topics[post.topic_id]
        if self.user is None or not self.sees_post(post):
            return False
        if self.staff or self.level == 4:
            return True
        return self.owns(post) and not (topic.archived or post.user_deleted or post.deleted_at or self.too_late(post))

    def too_late(self, record: Topic | Post) -> bool:
        """Tell whether the time is over in which a person may edit what they wrote."""
        settings = self.forum.settings
        minutes = settings.tl2_post_edit_time_limit if self.level >= 2 else settings.post_edit_time_limit
        return bool(minutes) and self.forum.clock.now() - record.created_at > timedelta(minutes=minutes)

    def deletes_topic(self, topic: Topic | None) -> bool:
        """Tell whether the user may delete a topic. A definition topic goes only with its category."""
        if topic is None or topic.deleted_at or self.forum.defines(topic) or not self.sees_topic(topic):
            return False
        fresh = self.forum.clock.now() - topic.created_at < timedelta(hours=24)
        alone = len(self.forum.posts_of(topic, deleted=False)) <= 1
        return self.staff or (self.owns(topic) and alone and fresh)

    def deletes_post(self, post: Post) -> bool:
        """Tell whether the user may delete a post. The first post goes only with its topic."""
        if post.post_number == 1 or not self.sees_post(post):
            return False
        return self.staff or (
            self.owns(post) and not post.user_deleted and not self.forum.topics[post.topic_id].archived
        )

    def moderates(self, topic: Topic | None) -> bool:
        """Tell whether the user may close, archive, hide and pin a topic."""
        return topic is not None and self.sees_topic(topic) and (self.staff or self.level == 4)

    def manages_categories(self) -> bool:
        """Tell whether the user may make, change and delete categories: administrators, not moderators by default."""
        moderators = self.forum.settings.moderators_manage_categories
        return self.admin or (moderators and self.staff)

    def makes_tags(self) -> bool:
        allowed = self.staff or self.level >= self.forum.settings.create_tag_trust_level
        return self.forum.settings.tagging_enabled and allowed

    def right_shown(self, category: Category) -> int | None:
        """Return the right as the JSON of a category shows it (``Category.set_permission!``)."""
        right = self.right_in(category)
        return right if right in (FULL, CREATE_POST, READONLY) else None
