"""A fake forum and clients of it. Every request of these tests is checked against the published description."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.discourse import categories
from course_sync_plugin.targets.discourse.categories import Category
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.testing.discourse import DiscourseServer
from tests.unit.testing.discourse.documented import check_requests

#: A text that the forum accepts as a body.
RAW = "The first paragraph says what this unit is about."
#: The secret that webhooks of the forum are signed with.
SECRET = "a-secret-of-webhooks"


@attrs.define
class Spent:
    """A budget without a limit, which counts."""

    total: float = 0
    remaining: float | None = None

    def take(self, cost: float) -> None:
        self.total += cost

    def told(self, remaining: float) -> None:
        self.remaining = remaining


@pytest.fixture
def forum() -> Iterator[DiscourseServer]:
    with DiscourseServer() as server:
        yield server
    check_requests(server.requests)


@pytest.fixture
def budget() -> Spent:
    return Spent()


@pytest.fixture
def connect(forum, budget) -> Iterator[Callable[..., DiscourseClient]]:
    """Return a function that makes a client: ``connect(api_username="student")``, ``connect(deadline_seconds=1)``."""
    made: list[DiscourseClient] = []

    def make(api_username: str | None = None, **changes: Any) -> DiscourseClient:
        options = {"api_username": api_username} if api_username else {}
        config = TargetConfig(
            "forum", forum.url, (SECRET,), options, allowed_private_hosts=("127.0.0.1",), token=forum.key
        )
        made.append(DiscourseClient(attrs.evolve(config, **changes), budget))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect) -> DiscourseClient:
    """A client that acts as ``system``, an administrator."""
    return connect()


@pytest.fixture
def student(connect) -> DiscourseClient:
    return connect(api_username="student")


@pytest.fixture
def category(client) -> Category:
    return categories.create(client, name="Demo course")
