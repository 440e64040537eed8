"""What was read of the forum in this turn: the linked category, its sub-categories, and the topics in all of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import attrs

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.discourse import categories, lists, topics
from course_sync_plugin.targets.discourse.categories import Category
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import Forbidden, NotThere
from course_sync_plugin.targets.discourse.lists import TopicRow
from course_sync_plugin.targets.two_way.freshness import FRESH_SECONDS, is_fresh

#: Seconds for which a list is used. A forum allows 60 requests a minute, and a course has many pages and envelopes. A
#: title is written only if it is the one that was read.
LIST_SECONDS = 60
#: Seconds for which a list is used where the forum checks nothing: for deletions, and for names of categories.
NEWEST_SECONDS = FRESH_SECONDS


class NoCategory(ConfigurationError):
    """The linked category is gone, or the user may not see it."""


class Listing:
    """Reads each list when it is needed, and notes what this turn changes.

    ``newest``: the list is at most ``NEWEST_SECONDS`` old, otherwise ``LIST_SECONDS``.
    """

    def __init__(self, client: DiscourseClient, category_id: str):
        self._client, self._category_id = client, category_id
        self._linked: Category | None = None
        self._sections: dict[str, Category] | None = None
        self._topics: dict[str, TopicRow] | None = None
        self._linked_at = self._sections_at = self._topics_at = 0.0
        self._shown_at: dict[str, float] = {}

    def forget(self) -> None:
        """Forget both lists: somebody has changed what is in them."""
        self._sections = self._topics = None
        self._shown_at.clear()

    @property
    def linked(self) -> Category:
        """Return the linked category. Raises NoCategory if it is gone."""
        if self._linked is None:
            try:
                self._linked = categories.show(self._client, self._category_id)
            except (NotThere, Forbidden) as error:
                raise NoCategory(
                    f"The forum has no category {self._category_id}, or its user may not see it. Restore it and resume "
                    f"the lane, or end the link with 'unlink'. {error.message}",
                    **error.context,
                ) from error
            self._linked_at = time.monotonic()
        return self._linked

    @property
    def title_read(self) -> str | None:
        """The name of the linked category, if it was read."""
        return self._linked.name if self._linked else None

    def sections(self, *, newest: bool = False) -> Mapping[str, Category]:
        """Return the sub-categories of the linked category, by their ids."""
        if self._sections is None or _is_old(self._sections_at, newest):
            self._sections = {one.id: one for one in categories.children(self._client, self._category_id)}
            self._sections_at = time.monotonic()
        return self._sections

    def section(self, category_id: str) -> Category | None:
        """Return a category, wherever it is; None if it is not there any more."""
        found = self.sections(newest=True).get(category_id)
        if found:
            return found
        try:
            return categories.show(self._client, category_id)
        except NotThere:
            self._check_linked()
            return None

    def has_category(self, category_id: str) -> bool:
        """Tell whether a category is there. A list that was read before is enough to know it."""
        known = category_id == self.linked.id or category_id in self.sections()
        return known or self.section(category_id) is not None

    def topics(self, *, newest: bool = False) -> Collection[TopicRow]:
        """Return the topics of the linked category and its sub-categories."""
        return self._rows(newest).values()

    def topic(self, topic_id: str, *, newest: bool = False) -> TopicRow | None:
        """Return a topic, wherever it is; None if it is deleted."""
        is_shown = not _is_old(self._shown_at.get(topic_id, 0.0), newest=True)
        rows = self._rows(newest and not is_shown)
        if topic_id not in rows:
            row = self.shown(topic_id)
            if row is None:
                self._check_linked()
                return None
            rows[topic_id] = row
        return rows[topic_id]

    def show_topic(self, topic_id: str) -> TopicRow | None:
        """Read a topic by itself, whatever the list says; None if it is deleted."""
        rows, row = self._rows(newest=False), self.shown(topic_id)
        before = rows.pop(topic_id, None)
        if row:
            likes = max(row.likes or 0, before.likes or 0) if before else row.likes
            rows[topic_id] = attrs.evolve(row, likes=likes)
            self._shown_at[topic_id] = time.monotonic()
        return row

    def show_section(self, category_id: str) -> None:
        """Read a category by itself, whatever the list says."""
        rows = dict(self.sections())
        rows.pop(category_id, None)
        try:
            rows[category_id] = categories.show(self._client, category_id)
        except NotThere:
            self._check_linked()
        self._sections = rows

    def has_fresh_topic(self, topic_id: str) -> bool:
        """Tell whether a topic was read a moment ago, in the list or by itself."""
        return is_fresh(None if self._topics is None else max(self._topics_at, self._shown_at.get(topic_id, 0.0)))

    @property
    def has_fresh_sections(self) -> bool:
        """Tell whether the list of sub-categories was read a moment ago."""
        return is_fresh(None if self._sections is None else self._sections_at)

    def note_section(self, category: Category) -> None:
        """Note a category that was created or changed."""
        if self._sections is not None:
            self._sections[category.id] = category

    def note_topic(self, topic_id: str, **values: Any) -> None:
        """Note a topic that was changed."""
        if self._topics is not None and topic_id in self._topics:
            self._topics[topic_id] = attrs.evolve(self._topics[topic_id], **values)

    def note_new_topic(self, row: TopicRow) -> None:
        """Note a topic that was created."""
        if self._topics is not None:
            self._topics[row.id] = row

    def note_deleted(self, remote_id: str, lists_of: str) -> None:
        """Note that a ``section`` or a ``topic`` was deleted."""
        rows: dict[str, Any] | None = self._sections if lists_of == "section" else self._topics
        if rows is not None:
            rows.pop(remote_id, None)

    def _check_linked(self) -> None:
        """Raise ConfigurationError if the linked category is gone: then not only this object was deleted."""
        if _is_old(self._linked_at, newest=True):
            self._linked = None
        _ = self.linked

    def _rows(self, newest: bool) -> dict[str, TopicRow]:
        if self._topics is None or _is_old(self._topics_at, newest):
            self._topics = {row.id: row for row in lists.topics(self._client, self.linked)}
            self._topics_at = time.monotonic()
        return self._topics

    def shown(self, topic_id: str) -> TopicRow | None:
        """Return a topic that is in no list: somebody has moved it, or it was missed between two pages."""
        try:
            topic = topics.show(self._client, topic_id)
        except NotThere:
            return None
        return None if topic.deleted_at else _as_row(topic)


def _is_old(read_at: float, newest: bool) -> bool:
    return time.monotonic() - read_at > (NEWEST_SECONDS if newest else LIST_SECONDS)


def _as_row(topic: topics.Topic) -> TopicRow:
    return TopicRow(
        id=topic.id,
        title=topic.title,
        category_id=topic.category_id,
        tags=topic.tags,
        bumped_at=None,
        posts_count=len(topic.post_ids),
        is_pinned=False,
        visible=topic.visible,
        closed=topic.closed,
        archived=topic.archived,
        likes=topic.likes,
    )
