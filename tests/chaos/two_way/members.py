"""People work at the forum: an administrator renames, moves, closes and deletes; a student replies."""

from __future__ import annotations

from typing import Any

import attrs

from course_sync_plugin.models import LedgerReplica
from course_sync_plugin.testing.discourse import Refused
from course_sync_plugin.testing.discourse.forum.categories import create_category
from tests.chaos.two_way.site import Person

#: What is between the parts of a title of ours.
BETWEEN = " · "

#: What changes of a topic by itself: the forum counts replies.
_NOT_COMPARED = ("bumped_at", "last_posted_at")


def name_in(title: str) -> str:
    """Return the name of the entity in a title."""
    return title.partition(BETWEEN)[0]


class Members(Person):
    """Rename, move, close and delete topics, and make topics and categories of their own."""

    site = "forum"
    refused = Refused
    actions = {
        "_rename_a_topic": 5, "_rename_a_category": 4, "_move_a_topic": 2, "_close": 2, "_reply": 1,
        "_delete_a_topic": 1, "_begin_a_topic": 3, "_edit_what_is_foreign": 3, "_delete_what_is_foreign": 1,
    }  # fmt: skip

    def __init__(self, world: Any, name: str):
        super().__init__(world, name)
        self._forum = world.forum.forum
        self._admin = world.forum.person("admin")

    def lock(self) -> Any:
        return self._admin.lock

    def is_there(self, key: Any) -> bool:
        kind, number = key
        found = (self._forum.topics if kind == "topic" else self._forum.categories).get(int(number))
        return found is not None and getattr(found, "deleted_at", None) is None

    def snapshot(self, key: Any) -> Any:
        kind, number = key
        found = (self._forum.topics if kind == "topic" else self._forum.categories)[number]
        values = {name: repr(one) for name, one in attrs.asdict(found).items() if name not in _NOT_COMPARED}
        texts = [one.raw for one in self._forum.posts_of(found, deleted=False)] if kind == "topic" else []
        return values, texts

    def _rename_a_topic(self, rows: list[LedgerReplica]) -> bool:
        row, topic = self._any_topic(rows)
        if topic is None or row is None:
            return False
        value, old = self.world.edits.new_value("display_name", "Forum"), name_in(topic.title)
        self._admin.edit_topic(topic.id, title=BETWEEN.join([value, *topic.title.split(BETWEEN)[1:]]))
        return self.wrote(row, "display_name", value, old)

    def _rename_a_category(self, rows: list[LedgerReplica]) -> bool:
        row, category = self._any_category(rows)
        if category is None or row is None:
            return False
        value, old = self.world.edits.new_value("display_name", "Forum"), category.name
        self._admin.edit_category(category.id, name=value)
        return self.wrote(row, "display_name", value, old)

    def _move_a_topic(self, rows: list[LedgerReplica]) -> bool:
        (_row, topic), (_other, category) = self._any_topic(rows), self._any_category(rows)
        if topic is None or category is None or topic.category_id == category.id:
            return False
        self._admin.edit_topic(topic.id, category_id=category.id)
        self.world.moved.add(topic.id)
        return True

    def _close(self, rows: list[LedgerReplica]) -> bool:
        _row, topic = self._any_topic(rows)
        if topic:
            self._admin.set_status(topic.id, "closed", not topic.closed)
        return bool(topic)

    def _reply(self, rows: list[LedgerReplica]) -> bool:
        _row, topic = self._any_topic(rows)
        if topic:
            text = self.world.edits.new_value("display_name", "I do not understand this at all")
            post = self._admin.reply(topic.id, text)
            self.world.replies[post.id] = text
        return bool(topic)

    def _delete_a_topic(self, rows: list[LedgerReplica]) -> bool:
        row, topic = self._any_topic(rows)
        if topic is None:
            return False
        self._admin.delete_topic(topic.id)
        self.replaced([name_in(topic.title)])
        self.world.deleted[self.site].add(row.entity_id if row else "")
        return True

    def _begin_a_topic(self, rows: list[LedgerReplica]) -> bool:
        title = self.world.edits.new_value("display_name", "Foreign topic about bees")
        if self.chance.random() < 0.2:
            fields = {"name": title, "parent_category_id": self.world.category_id}
            made = create_category(self._forum, self._admin.user, fields)
            return self.is_kept(("category", made.id))
        _row, category = self._any_category(rows)
        home = category.id if category and self.chance.random() < 0.6 else self.world.category_id
        made = self._admin.create_topic(title, f"{title}: what do you think of it?", home)
        return self.is_kept(("topic", made.id))

    def _edit_what_is_foreign(self, rows: list[LedgerReplica]) -> bool:
        if not self.foreign:
            return False
        kind, number = key = self.chance.choice(sorted(self.foreign))
        title = self.world.edits.new_value("display_name", "Foreign topic about bees")
        if kind == "topic":
            self._admin.edit_topic(number, title=title)
        else:
            self._admin.edit_category(number, name=title)
        return self.is_kept(key)

    def _delete_what_is_foreign(self, rows: list[LedgerReplica]) -> bool:
        topics = [number for kind, number in sorted(self.foreign) if kind == "topic"]
        if topics:
            self._admin.delete_topic(self.chance.choice(topics))
        return bool(topics)

    def _any_topic(self, rows: list[LedgerReplica]) -> tuple[LedgerReplica | None, Any]:
        return self._any("topic", rows, self._forum.topics)

    def _any_category(self, rows: list[LedgerReplica]) -> tuple[LedgerReplica | None, Any]:
        return self._any("category", rows, self._forum.categories)

    def _any(self, part: str, rows: list[LedgerReplica], table: Any) -> tuple[LedgerReplica | None, Any]:
        found = [one for one in rows if part in one.objects_there and self.is_there((part, one.objects_there[part]))]
        row = self.chance.choice(found) if found else None
        return row, table[int(row.objects_there[part])] if row else None
