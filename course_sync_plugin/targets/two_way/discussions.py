"""Defines how discussions at a linked system are read and written: topics, and the posts in them.

:mod:`course_sync_plugin.replication.discussions` decides what is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import attrs

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.two_way.budget import Budget


@attrs.frozen
class Post:
    """A post. ``parent_id``: the post that it replies to; None: it replies to the topic.

    ``html``: the text, harmless (:func:`course_sync_plugin.targets.two_way.post_html.harmless`). ``author``: the name
    shown. ``token``: of a text that we wrote. ``is_public``: all who see the topic see the post.
    """

    id: str
    parent_id: str | None = None
    html: str = attrs.field(default="", repr=False)
    author: str = attrs.field(default="", repr=False)
    token: str = ""
    is_public: bool = True


@attrs.frozen
class ListedTopic:
    """A topic as a list shows it. ``summary``: another text if the topic has new posts or another title."""

    id: str
    is_public: bool
    summary: str = attrs.field(repr=False)
    token: str = ""


@attrs.frozen
class Thread:
    """A topic with its posts, the oldest first. ``opening``: the text with which it begins; no reply."""

    title: str = attrs.field(repr=False)
    opening: Post
    posts: tuple[Post, ...]


class Discussions(ABC):
    """The discussions of one counterpart, for one round. Use it in one thread.

    Each method raises the errors of ``Target.send``; PermanentError means that this topic or post is not written.
    """

    #: The name of the system, as people know it.
    name: ClassVar[str]

    #: Seconds after which what was created can be seen by every read.
    lag_seconds: ClassVar[float] = 0

    @abstractmethod
    def __init__(self, config: TargetConfig, remote_id: str, budget: Budget):
        """``remote_id``: the counterpart of the course, as in the link."""

    @abstractmethod
    def topics(self) -> Mapping[str, ListedTopic]:
        """Return the topics by id. Call it once, before the other methods.

        Public are those that all see who see the counterpart, now and before they have posted anything.
        """

    @abstractmethod
    def thread(self, topic_id: str) -> Thread | None:
        """Read a topic. None: it is not there any more, or not public any more."""

    @abstractmethod
    def has_post(self, topic_id: str, post_id: str) -> bool:
        """Tell whether a post is there and public. A list may lack one although it is there."""

    @abstractmethod
    def find_topic(self, token: str) -> str | None:
        """Return the topic that was created with this token."""

    @abstractmethod
    def create_topic(self, title: str, text: str, token: str) -> str:
        """Create a topic. Return its id."""

    @abstractmethod
    def change_topic(self, topic_id: str, title: str, text: str) -> None:
        """Change title and text of a topic."""

    @abstractmethod
    def remove_topic(self, topic_id: str) -> None:
        """Delete a topic."""

    @abstractmethod
    def create_post(self, topic_id: str, text: str, parent_id: str | None) -> str:
        """Post a reply to a topic or to a post. Return its id."""

    @abstractmethod
    def change_post(self, topic_id: str, post_id: str, text: str) -> None:
        """Change the text of a post."""

    @abstractmethod
    def remove_post(self, topic_id: str, post_id: str) -> None:
        """Delete a post. The replies to it stay."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""
