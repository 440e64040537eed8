"""The discussions of a course in Canvas, for the mirror.

Public is a published topic that all of the course see: not graded, delayed, anonymous, or for groups or sections only,
and without the rule that one must post before one may read. Source: canvas-lms, lib/api/v1/discussion_topics.rb.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.canvas import entries, topics
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.entries import Entry
from course_sync_plugin.targets.canvas.errors import NotThere
from course_sync_plugin.targets.canvas.site.fields import LAG_SECONDS
from course_sync_plugin.targets.canvas.topics import Topic
from course_sync_plugin.targets.two_way.budget import Budget
from course_sync_plugin.targets.two_way.discussions import Discussions, ListedTopic, Post, Thread
from course_sync_plugin.targets.two_way.post_html import harmless, token_in

#: The most characters of a title (canvas-lms, app/models/discussion_topic.rb, ``maximum_string_length``).
_LONGEST_TITLE = 255


class CanvasDiscussions(Discussions):
    """The topics of a course in Canvas. The user of the token writes in them."""

    name = "Canvas"
    lag_seconds = LAG_SECONDS

    def __init__(self, config: TargetConfig, remote_id: str, budget: Budget):
        self._client = CanvasClient(config, budget)
        self._course, self._url = remote_id, config.url.rstrip("/")
        self._topics: dict[str, Topic] = {}

    def topics(self) -> Mapping[str, ListedTopic]:
        self._topics = {topic.id: topic for topic in topics.list_all(self._client, self._course)}
        return {topic.id: _listed(topic) for topic in self._topics.values()}

    def thread(self, topic_id: str) -> Thread | None:
        try:
            topic = self._topics.get(topic_id) or topics.show(self._client, self._course, topic_id)
            if not _is_public(topic):
                return None
            posts = {entry.id: self._post(entry) for entry in self._entries(topic_id)}
        except NotThere:
            return None
        text = topic.message or ""
        opening = Post(topic_id, None, harmless(text, self._url), topic.author, token_in(text))
        return Thread(topic.title, opening, tuple(sorted(posts.values(), key=lambda post: int(post.id))))

    def has_post(self, topic_id: str, post_id: str) -> bool:
        return entries.find(self._client, self._course, topic_id, post_id) is not None

    def find_topic(self, token: str) -> str | None:
        return next((topic.id for topic in self._topics.values() if token_in(topic.message or "") == token), None)

    def create_topic(self, title: str, text: str, token: str) -> str:
        made = topics.create(self._client, self._course, title=_cut(title), message=text, published=True)
        return made.id

    def change_topic(self, topic_id: str, title: str, text: str) -> None:
        topics.update(self._client, self._course, topic_id, title=_cut(title), message=text)

    def remove_topic(self, topic_id: str) -> None:
        topics.delete(self._client, self._course, topic_id)

    def create_post(self, topic_id: str, text: str, parent_id: str | None) -> str:
        return entries.create(self._client, self._course, topic_id, text, reply_to=parent_id).id

    def change_post(self, topic_id: str, post_id: str, text: str) -> None:
        entries.update(self._client, self._course, topic_id, post_id, text)

    def remove_post(self, topic_id: str, post_id: str) -> None:
        entries.delete(self._client, self._course, topic_id, post_id)

    def close(self) -> None:
        self._client.close()

    def _entries(self, topic_id: str) -> Iterator[Entry]:
        """Yield all entries. Only those with more than ten replies take a request of their own."""
        for entry in entries.list_all(self._client, self._course, topic_id):
            yield entry
            if entry.has_more_replies:
                yield from entries.list_replies(self._client, self._course, topic_id, entry.id)
            else:
                yield from entry.replies

    def _post(self, entry: Entry) -> Post:
        text = harmless(entry.message, self._url)
        is_public = not entry.is_deleted
        return Post(entry.id, entry.parent_id, text, entry.user_name, token_in(entry.message), is_public)


def _is_public(topic: Topic) -> bool:
    return bool(topic.published) and not (topic.is_restricted or topic.assignment_id or topic.is_announcement)


def _listed(topic: Topic) -> ListedTopic:
    text = topic.message or ""
    summary = f"{topic.title}\n{topic.entries}\n{topic.last_reply_at}\n{text}"
    return ListedTopic(topic.id, _is_public(topic), summary, token_in(text))


def _cut(title: str) -> str:
    return title[:_LONGEST_TITLE]
