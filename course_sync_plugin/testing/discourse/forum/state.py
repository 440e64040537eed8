"""The state of the fake forum: its records, its clock, and who is told of what happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from course_sync_plugin.testing.discourse.forum.clock import Clock
from course_sync_plugin.testing.discourse.forum.records import Category, Pending, Post, Topic, User
from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.forum.slugs import slug_for

#: Event name, kind of the record (``topic``, ``post`` or ``category``), record.
Listener = Callable[[str, str, Any], None]
#: Groups that every forum has, with their ids (discourse, app/models/group.rb ``AUTO_GROUPS``).
AUTO_GROUPS = {
    "everyone": 0,
    "admins": 1,
    "moderators": 2,
    "staff": 3,
    **{f"trust_level_{n}": 10 + n for n in range(5)},
}


class Forum:
    """Everything that the forum holds. Nothing is ever removed from ``topics`` and ``posts``: deletion is a mark."""

    def __init__(self, settings: SiteSettings | None = None):
        self.settings = settings or SiteSettings()
        self.clock = Clock()
        self.users: dict[int, User] = {}
        self.categories: dict[int, Category] = {}
        self.topics: dict[int, Topic] = {}
        self.posts: dict[int, Post] = {}
        self.pending: dict[int, Pending] = {}
        self.tags: dict[str, int] = {}
        self.groups: dict[str, int] = dict(AUTO_GROUPS)
        self.listeners: list[Listener] = []
        #: What people were notified of: the field of a topic that was changed, and the id of the topic.
        self.notifications: list[tuple[str, int]] = []
        #: Former slugs of categories, which lead to the category (discourse, ``create_category_permalink``).
        self.permalinks: dict[str, int] = {}
        self._numbers: Counter[str] = Counter()
        self._streams: defaultdict[int, list[Post]] = defaultdict(list)
        self.system = User(-1, "system", "system", admin=True, moderator=True, trust_level=4)
        self.users[-1] = self.system
        self.uncategorized = Category(self.number("category"), "Uncategorized", "uncategorized", -1)
        self.categories[self.uncategorized.id] = self.uncategorized

    def number(self, kind: str) -> int:
        """Return the next id of a kind of record."""
        self._numbers[kind] += 1
        return self._numbers[kind]

    def add_user(
        self,
        username: str,
        *,
        admin: bool = False,
        moderator: bool = False,
        trust_level: int = 1,
        groups: Collection[str] = (),
    ) -> User:
        """Add a user, and the groups that are new."""
        user = User(self.number("user"), username, username.title(), admin, moderator, trust_level, set(groups))
        self.users[user.id] = user
        for group in groups:
            self.groups.setdefault(group, 40 + len(self.groups))
        return user

    def user_named(self, username: str) -> User | None:
        """Return the user of this name, in whatever case it is written."""
        return next((one for one in self.users.values() if one.username.lower() == username.lower()), None)

    def groups_of(self, user: User | None) -> set[str]:
        """Return the names of all groups of a user."""
        if user is None:
            return {"everyone"}
        levels = {f"trust_level_{level}" for level in range(user.trust_level + 1)}
        roles = {"admins"} if user.admin else set()
        roles |= {"moderators"} if user.moderator else set()
        return {"everyone", *levels, *roles, *({"staff"} if user.staff else ()), *user.groups}

    def posts_of(self, topic: Topic, deleted: bool = True) -> list[Post]:
        """Return the posts of a topic in their order; without the deleted ones if not ``deleted``."""
        return [post for post in self._streams[topic.id] if deleted or not post.deleted_at]

    def first_post(self, topic: Topic) -> Post:
        return self.posts_of(topic)[0]

    def children(self, category: Category) -> list[Category]:
        return [one for one in self.categories.values() if one.parent_id == category.id]

    def category_of(self, topic: Topic) -> Category | None:
        return self.categories.get(topic.category_id or 0)

    def defines(self, topic: Topic) -> Category | None:
        """Return the category whose definition topic this is."""
        return next((one for one in self.categories.values() if one.topic_id == topic.id), None)

    def listable(self) -> Iterable[Topic]:
        """Return the topics that are neither private nor deleted."""
        return [topic for topic in self.topics.values() if not topic.private and topic.deleted_at is None]

    def slug_of(self, topic: Topic) -> str:
        return slug_for(topic.title)

    def slug_path(self, category: Category) -> list[str]:
        """Return the slugs from the top category down to this one."""
        parent = self.categories.get(category.parent_id or 0)
        return [*(self.slug_path(parent) if parent else ()), category.slug or f"{category.id}-category"]

    def new_post(self, topic: Topic, user: User, raw: str, time: datetime, **fields: Any) -> Post:
        """Add a post to a topic, unchecked."""
        number = len(self._streams[topic.id]) + 1
        post = Post(self.number("post"), topic.id, number, user.id, raw, time, time, time, user.id, **fields)
        self.posts[post.id] = post
        self._streams[topic.id].append(post)
        return post

    def tell(self, event: str, kind: str, record: Any) -> None:
        """Tell the listeners of an event. They read the record as it is now."""
        for listener in self.listeners:
            listener(event, kind, record)
