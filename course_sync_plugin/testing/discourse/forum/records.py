"""The records of the fake forum: users, categories, topics, posts and their revisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

#: Kinds of posts (discourse, app/models/post.rb ``Post.types``).
REGULAR, MODERATOR_ACTION, SMALL_ACTION = 1, 2, 3
#: Rights of a group in a category (discourse, app/models/category_group.rb ``permission_types``).
FULL, CREATE_POST, READONLY = 1, 2, 3


@attrs.define(eq=False)
class User:
    """A person, or the account that an API key stands for. ``groups``: those that an administrator made."""

    id: int
    username: str
    name: str = ""
    admin: bool = False
    moderator: bool = False
    trust_level: int = 1
    groups: set[str] = attrs.field(factory=set)
    suspended: bool = False

    @property
    def staff(self) -> bool:
        return self.admin or self.moderator


@attrs.define(eq=False)
class Category:
    """A category. ``topic_id``: its definition topic. ``permissions``: rights by group name; empty: all for all."""

    id: int
    name: str
    slug: str
    user_id: int
    position: int = 0
    color: str = "0088CC"
    text_color: str = "FFFFFF"
    parent_id: int | None = None
    topic_id: int | None = None
    description: str | None = None
    permissions: dict[str, int] = attrs.field(factory=dict)
    require_topic_approval: bool = False
    require_reply_approval: bool = False

    @property
    def read_restricted(self) -> bool:
        return bool(self.permissions) and "everyone" not in self.permissions


@attrs.define(eq=False)
class Topic:
    """A topic, or a private message (``archetype``), which only ``allowed_user_ids`` may read."""

    id: int
    title: str
    user_id: int
    category_id: int | None
    created_at: datetime
    bumped_at: datetime
    last_posted_at: datetime
    tags: list[str] = attrs.field(factory=list)
    external_id: str | None = None
    closed: bool = False
    archived: bool = False
    visible: bool = True
    pinned_at: datetime | None = None
    pinned_globally: bool = False
    pinned_until: str | None = None
    deleted_at: datetime | None = None
    deleted_by_id: int | None = None
    archetype: str = "regular"
    allowed_user_ids: set[int] = attrs.field(factory=set)

    @property
    def private(self) -> bool:
        return self.archetype == "private_message"


@attrs.define(eq=False)
class Revision:
    """A new version of a post: its number, who made it, and the fields with the values before and after."""

    number: int
    user_id: int
    created_at: datetime
    modifications: dict[str, list[Any]]


@attrs.define(eq=False)
class Post:
    """A post. ``grace_raw``: the text at the begin of the grace period, in which edits make no new version."""

    id: int
    topic_id: int
    post_number: int
    user_id: int
    raw: str
    created_at: datetime
    updated_at: datetime
    last_version_at: datetime
    last_editor_id: int
    post_type: int = REGULAR
    action_code: str | None = None
    reply_to_post_number: int | None = None
    version: int = 1
    edit_reason: str | None = None
    wiki: bool = False
    hidden: bool = False
    user_deleted: bool = False
    deleted_at: datetime | None = None
    deleted_by_id: int | None = None
    grace_raw: str | None = None
    revisions: list[Revision] = attrs.field(factory=list)


@attrs.define(eq=False)
class Pending:
    """A post that waits for the approval of a moderator. ``parameters``: those with which it was sent."""

    id: int
    user_id: int
    created_at: datetime
    parameters: dict[str, Any]
