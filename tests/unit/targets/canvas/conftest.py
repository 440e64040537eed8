"""A client on a started fake. After the test each of its requests is checked against the published description."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import Course
from tests.unit.testing.canvas.conformity import check_requests


def config_of(canvas: CanvasFake, **changes) -> TargetConfig:
    values = TargetConfig("canvas", canvas.url, (), token=canvas.token, allowed_private_hosts=("127.0.0.1",))
    return attrs.evolve(values, **changes)


@pytest.fixture
def canvas() -> Iterator[CanvasFake]:
    with CanvasFake() as fake:
        yield fake
        check_requests(fake.requests)


@pytest.fixture
def course(canvas) -> Course:
    return canvas.add_course()


@pytest.fixture
def course_id(course) -> str:
    return str(course.id)


@pytest.fixture
def client(canvas) -> Iterator[CanvasClient]:
    client = CanvasClient(config_of(canvas))
    yield client
    client.close()


@pytest.fixture
def hasty(canvas) -> Iterator[CanvasClient]:
    """A client with a deadline of half a second."""
    client = CanvasClient(config_of(canvas, deadline_seconds=0.5))
    yield client
    client.close()
