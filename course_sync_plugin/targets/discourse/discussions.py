"""The discussions of a category of a forum and its sub-categories, for the mirror.

Public is a listed topic in a category that all may read who read the linked one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.discourse import categories, lists, posts, topics
from course_sync_plugin.targets.discourse.categories import Category
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.targets.discourse.errors import Forbidden, NotThere, Refused
from course_sync_plugin.targets.discourse.first_post import is_first_post
from course_sync_plugin.targets.discourse.lists import TopicRow
from course_sync_plugin.targets.discourse.titles import TITLE_LENGTH, clean_title, cut, short_digest
from course_sync_plugin.targets.discourse.topics import Topic
from course_sync_plugin.targets.two_way.budget import Budget
from course_sync_plugin.targets.two_way.discussions import Discussions, ListedTopic, Post, Thread
from course_sync_plugin.targets.two_way.post_html import harmless, token_in

#: Stands for the token of the topic of an entity, which has none in its text.
_OF_AN_ENTITY = "entity"


class DiscourseDiscussions(Discussions):
    """The topics of a category. The user of the API key writes in them, in the linked category itself."""

    name = "Discourse"

    def __init__(self, config: TargetConfig, remote_id: str, budget: Budget):
        self._client = DiscourseClient(config, budget)
        self._category, self._url = remote_id, config.url.rstrip("/")
        self._readable: set[str] = set()
        self._texts: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._shown: dict[str, Topic] = {}

    def topics(self) -> Mapping[str, ListedTopic]:
        linked = categories.show(self._client, self._category)
        below = categories.children(self._client, linked.id)
        self._readable = {linked.id, *(one.id for one in below if self._is_readable(one, linked))}
        definitions = {one.definition_topic_id for one in below}
        rows = [row for row in lists.topics(self._client, linked) if row.id not in definitions]
        return {row.id: self._listed(row) for row in rows}

    def thread(self, topic_id: str) -> Thread | None:
        try:
            topic = topics.show(self._client, topic_id)
        except (NotThere, Forbidden):
            return None
        first = topic.first_post
        if topic.deleted_at or not topic.visible or topic.category_id not in self._readable:
            return None
        if first is None or not first.is_public:
            return None
        self._shown[topic_id] = topic
        found = [*topic.posts, *topics.more_posts(self._client, topic)]
        self._texts |= {post.id: post.raw or "" for post in found}
        self._numbers |= {post.id: post.number for post in found}
        opening = self._post(first, {})
        if is_first_post(first.raw or ""):
            opening = attrs.evolve(opening, token=_OF_AN_ENTITY)
        return Thread(topic.title, opening, tuple(self._replies(found)))

    def has_post(self, topic_id: str, post_id: str) -> bool:
        try:
            return posts.show(self._client, post_id).is_public
        except (NotThere, Forbidden):
            return False

    def find_topic(self, token: str) -> str | None:
        return topics.find(self._client, token)

    def create_topic(self, title: str, text: str, token: str) -> str:
        """Create a topic. A refusal may mean that an earlier request has created it, so it is looked for."""
        refused: list[Refused] = []
        for one in _titles(title, token):
            try:
                made = topics.create(self._client, title=one, raw=text, category_id=self._category, external_id=token)
                return made.topic_id
            except Refused as error:
                refused.append(error)
        found = self.find_topic(token)
        if found is None:
            raise refused[0]
        return found

    def change_topic(self, topic_id: str, title: str, text: str) -> None:
        topic = self._topic(topic_id)
        titles = _titles(title, token_in(text))
        if topic.title not in titles:
            self._rename(topic, titles)
        if topic.first_post:
            self.change_post(topic_id, topic.first_post.id, text)

    def remove_topic(self, topic_id: str) -> None:
        topics.delete(self._client, topic_id)

    def create_post(self, topic_id: str, text: str, parent_id: str | None) -> str:
        made = posts.reply(self._client, topic_id, text, reply_to_number=self._numbers.get(parent_id or ""))
        self._numbers[made.id] = made.number
        return made.id

    def change_post(self, topic_id: str, post_id: str, text: str) -> None:
        original = self._texts.get(post_id)
        if original is None:
            original = posts.show(self._client, post_id).raw or ""
        self._texts[post_id] = posts.update(self._client, post_id, text, original_text=original).raw or ""

    def remove_post(self, topic_id: str, post_id: str) -> None:
        posts.delete(self._client, post_id)

    def close(self) -> None:
        self._client.close()

    def _is_readable(self, category: Category, linked: Category) -> bool:
        """Tell whether all who read the linked category read this one. A list does not say who may."""
        if not category.read_restricted:
            return True
        if not linked.read_restricted:
            return False
        rights = categories.show(self._client, category.id).permissions or {}
        return set(linked.permissions or {}) <= set(rights)

    def _listed(self, row: TopicRow) -> ListedTopic:
        summary = f"{row.title}\n{row.posts_count}\n{row.bumped_at}"
        return ListedTopic(row.id, row.visible and row.category_id in self._readable, summary)

    def _topic(self, topic_id: str) -> Topic:
        return self._shown.get(topic_id) or topics.show(self._client, topic_id)

    def _rename(self, topic: Topic, titles: list[str]) -> None:
        refused: list[Refused] = []
        for title in titles:
            try:
                topics.update(self._client, topic.id, original_title=topic.title, title=title)
                return
            except Refused as error:
                refused.append(error)
        raise refused[0]

    def _replies(self, found: list[posts.Post]) -> Iterator[Post]:
        ids = {post.number: post.id for post in found if post.number > 1}
        yield from (self._post(post, ids) for post in sorted(found, key=lambda post: post.number) if post.number > 1)

    def _post(self, post: posts.Post, ids: Mapping[int, str]) -> Post:
        parent = ids.get(post.reply_to_number or 0)
        text = harmless(post.cooked, self._url)
        return Post(post.id, parent, text, post.name or post.username, token_in(post.raw or ""), post.is_public)


def _titles(title: str, token: str) -> list[str]:
    """Return the titles that a topic may have: the forum may refuse one that is short, or that another topic has."""
    tail = f" · Canvas {short_digest(token)}"
    return [clean_title(cut(title, TITLE_LENGTH)), clean_title(cut(title, TITLE_LENGTH - len(tail)) + tail)]
