"""The objects that the fake stores. They follow the tables of Canvas: deleted rows stay, with a state."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

DELETED = "deleted"


@attrs.define(kw_only=True, eq=False)
class User:
    """A user. ``roles``: ``teacher`` or ``student`` by the id of a course. ``sis``: may set the ids of a SIS."""

    id: int
    name: str
    roles: dict[int, str] = attrs.field(factory=dict)
    sis: bool = False


@attrs.define(kw_only=True, eq=False)
class Row:
    """A row of a table.

    ``deleted_at``: when it was deleted; Canvas keeps that of modules, and for items the time of the last change.
    ``locked``: what a blueprint course has locked: ``content``, ``settings``, ``state``, ``due_dates``,
    ``availability_dates``, ``points``.
    """

    id: int
    created_at: datetime
    state: str = "unpublished"
    deleted_at: datetime | None = None
    locked: set[str] = attrs.field(factory=set)

    @property
    def deleted(self) -> bool:
        """Whether the row is deleted. Canvas keeps it."""
        return self.state == DELETED

    @property
    def published(self) -> bool:
        """Whether students can see it."""
        return self.state == "active"


@attrs.define(kw_only=True, eq=False)
class Module(Row):
    """A module of a course."""

    name: str
    position: int | None = None
    unlock_at: datetime | None = None
    require_sequential_progress: bool = False
    prerequisites: list[int] = attrs.field(factory=list)


@attrs.define(kw_only=True, eq=False)
class Item(Row):
    """An item of a module ("content tag"). ``content_id``: the id of what it shows; None for texts and links."""

    module_id: int
    title: str
    kind: str
    content_id: int | None = None
    url: str | None = None
    indent: int = 0
    new_tab: bool = False
    position: int | None = None


@attrs.define(kw_only=True, eq=False)
class Revision:
    """A stored version of a page."""

    number: int
    title: str
    body: str | None
    url: str
    user: User
    updated_at: datetime


@attrs.define(kw_only=True, eq=False)
class Page(Row):
    """A page. Its url comes from its title. ``revised_at`` moves with title or body only."""

    title: str
    url: str = ""
    body: str | None = None
    editing_roles: str = "teachers"
    revised_at: datetime
    user: User
    revisions: list[Revision] = attrs.field(factory=list)


@attrs.define(kw_only=True, eq=False)
class Assignment(Row):
    """An assignment. ``submitters``: the ids of the students who have submitted something."""

    name: str
    description: str | None = None
    position: int
    points_possible: float = 0
    grading_type: str = "points"
    submission_types: list[str] = attrs.field(factory=lambda: ["none"])
    due_at: datetime | None = None
    lock_at: datetime | None = None
    unlock_at: datetime | None = None
    integration_id: str | None = None
    sis_assignment_id: str | None = None
    updated_at: datetime
    submitters: set[int] = attrs.field(factory=set)

    @property
    def published(self) -> bool:
        return self.state == "published"


@attrs.define(kw_only=True, eq=False)
class Entry(Row):
    """An entry of a discussion, or a reply to one (``parent_id``)."""

    parent_id: int | None
    message: str
    user: User
    editor: User | None = None
    updated_at: datetime


@attrs.define(kw_only=True, eq=False)
class Topic(Row):
    """A discussion topic. A delayed one (state ``post_delayed``) counts as published."""

    title: str
    message: str | None = None
    discussion_type: str = "side_comment"
    position: int | None = None
    pinned: bool = False
    is_locked: bool = False
    require_initial_post: bool = False
    posted_at: datetime | None = None
    delayed_post_at: datetime | None = None
    lock_at: datetime | None = None
    user: User
    entries: dict[int, Entry] = attrs.field(factory=dict)

    @property
    def published(self) -> bool:
        return self.state in ("active", "post_delayed")


@attrs.define(kw_only=True, eq=False)
class Course:
    """A course with all its objects by id. ``slugs``: the id of the page that has, or had, a url."""

    id: int
    name: str
    course_code: str
    uuid: str
    created_at: datetime
    updated_at: datetime
    state: str = "available"
    concluded: bool = False
    front_page_url: str | None = None
    modules: dict[int, Module] = attrs.field(factory=dict)
    items: dict[int, Item] = attrs.field(factory=dict)
    pages: dict[int, Page] = attrs.field(factory=dict)
    assignments: dict[int, Assignment] = attrs.field(factory=dict)
    topics: dict[int, Topic] = attrs.field(factory=dict)
    slugs: dict[str, int] = attrs.field(factory=dict)

    def module_items(self, module_id: int, *, deleted: bool = False) -> list[Item]:
        """Return the items of a module in the order of the tables; the deleted ones only if asked."""
        items = [item for item in self.items.values() if item.module_id == module_id]
        return items if deleted else living(items)


def living(rows: Any) -> Any:
    """Return the rows that are not deleted, in a list."""
    return [row for row in rows if not row.deleted]
