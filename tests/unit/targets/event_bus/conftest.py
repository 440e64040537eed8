"""Fixtures: a site whose event bus is the real producer of edx-event-bus-redis, at a fake Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.targets.event_bus.fake_redis import FakeRedis


@pytest.fixture
def fake_redis(settings) -> Iterator[FakeRedis]:
    """A fake Redis that the producer of the site uses."""
    server = FakeRedis()
    settings.EVENT_BUS_REDIS_CONNECTION_URL = server.url
    settings.EVENT_BUS_PRODUCER = "edx_event_bus_redis.create_producer"
    yield server
    server.stop()
