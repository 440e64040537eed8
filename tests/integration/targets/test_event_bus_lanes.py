"""Lanes of the target ``event-bus`` at a site that has a producer, has none, or loses the one it had."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openedx_events.event_bus import EventBusProducer

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import DatabaseNow, Lane, Target
from tests.integration.courses import COURSE, a_course

pytestmark = pytest.mark.django_db


class Recording(EventBusProducer):
    """Keeps what it is told to send."""

    sent: list[dict[str, Any]] = []

    def send(self, **event):
        self.sent.append(event)


@pytest.fixture
def sent(settings) -> list[dict[str, Any]]:
    """What the producer of the site has sent."""
    settings.EVENT_BUS_PRODUCER = f"{__name__}.Recording"
    Recording.sent.clear()
    return Recording.sent


def operations(sent: list[dict[str, Any]]) -> list[str]:
    """Return the operations of all events, in their order."""
    events = [event["event_data"]["course_operations"] for event in sent]
    return [f"{one['operation']} {one['entity_type']}" for event in events for one in json.loads(event.operations)]


def test_a_site_without_a_producer_gets_no_such_target(shelf):
    with pytest.raises(ConfigurationError, match="EVENT_BUS_PRODUCER is missing"):
        api.add_target("bus", backend="event-bus")
    assert not Target.objects.exists()


def test_the_operations_of_a_run(shelf, sent):
    added = api.add_target("bus", backend="event-bus", options=["topic=changes"])
    assert added.secret == ""
    assert api.test_target("bus").ok
    assert sent == []
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    sent.clear()
    shelf.publish(a_course("v2", titles={"unit-0-0": "New"}))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert operations(sent) == ["update unit"]
    data = sent[0]["event_data"]["course_operations"]
    assert (data.published_version, data.mode, data.end_of_run) == ("v2", "changes", True)
    assert (sent[0]["topic"], str(data.course_key)) == ("changes", COURSE)


def test_the_producer_is_taken_away(shelf, sent, settings):
    """The lane stops, and says what is missing. Nothing is skipped: it goes on when the producer is there again."""
    api.add_target("bus", backend="event-bus")
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    settings.EVENT_BUS_PRODUCER = None
    api.deliver_until_empty()
    lane = Lane.objects.get()
    assert (lane.cursor, lane.error_class) == (0, "ConfigurationError")
    assert "EVENT_BUS_PRODUCER is missing" in lane.last_error
    assert sent == []
    settings.EVENT_BUS_PRODUCER = f"{__name__}.Recording"
    api.resume("bus")
    Lane.objects.update(due_at=DatabaseNow())
    api.deliver_until_empty()
    assert len(operations(sent)) == len(a_course("v1").entities)
    assert api.problems() == []
