"""The fake forum, and clients of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydiscourse import DiscourseClient

from course_sync_plugin.testing.discourse import DiscourseServer
from tests.unit.testing.discourse.api import Api


@pytest.fixture
def forum() -> Iterator[DiscourseServer]:
    """A forum where students may begin topics outside every category, which makes the tests shorter."""
    with DiscourseServer() as server:
        server.forum.settings.allow_uncategorized_topics = True
        yield server


@pytest.fixture
def api(forum) -> Iterator[Api]:
    """A client that acts as ``system``, an administrator."""
    client = Api(forum)
    with client.session:
        yield client


@pytest.fixture
def student(forum) -> Iterator[Api]:
    client = Api(forum, "student")
    with client.session:
        yield client


@pytest.fixture
def pydiscourse(forum) -> DiscourseClient:
    return DiscourseClient(forum.url, "system", forum.key, timeout=10)
