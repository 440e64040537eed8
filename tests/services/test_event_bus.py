"""Tests the target ``event-bus`` with real Redis streams: the real producer sends, and the real consumer receives."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
import redis
from openedx_events.event_bus import make_single_consumer

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, Lane
from course_sync_plugin.targets.event_bus.signals import COURSE_OPERATIONS_RECORDED
from course_sync_plugin.testing.inbox import Inbox
from tests.integration.courses import COURSE, a_course
from tests.services.host import Host, publish
from tests.services.processes import eventually
from tests.services.servers import HOST, required
from tests.services.test_everybody import free_port

TOPIC = "course-changes"
STREAM = f"services-test-{TOPIC}"


class OwnRedis:
    """A Redis of the test's own, which can be stopped and started again. It keeps its data."""

    def __init__(self, folder: Path):
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        kept = ("--appendonly", "yes", "--appendfsync", "always", "--dir", str(self._folder))
        small = ("--proto-max-bulk-len", "1mb")  # the least that Redis allows
        command = ["redis-server", "--bind", HOST, "--port", str(self.port), *kept, *small]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self._answers, "the start of Redis")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(30)

    def _answers(self) -> bool:
        try:
            with closing(redis.Redis.from_url(self.url, retry=None)) as client:
                return client.ping()
        except redis.ConnectionError:
            return False


@pytest.fixture
def own_redis(tmp_path) -> Iterator[OwnRedis]:
    if not shutil.which("redis-server"):
        required("The program redis-server", FileNotFoundError("redis-server"))
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.stop()


def use_bus(host: Host, settings: Any, url: str, *options: str) -> None:
    """Configure the event bus of this site, and add it as a target."""
    settings.EVENT_BUS_REDIS_CONNECTION_URL = url
    settings.EVENT_BUS_PRODUCER = "edx_event_bus_redis.create_producer"
    settings.EVENT_BUS_CONSUMER = "edx_event_bus_redis.RedisEventConsumer"
    settings.EVENT_BUS_TOPIC_PREFIX = "services-test"
    settings.EVENT_BUS_REDIS_AUDIT_LOGGING_ENABLED = False
    api.add_target("bus", backend="event-bus", options=[f"topic={TOPIC}", *options])


def deliver(structure):
    """Publish, sync and deliver as far as it goes."""
    publish(structure)
    api.sync_course(COURSE)
    api.deliver_until_empty()
    return structure


def consume(url: str, inbox: Inbox, group: str = "crm") -> int:
    """Receive everything in the stream with the real consumer; return the number of events."""
    with closing(redis.Redis.from_url(url)) as client:
        expected = client.xlen(STREAM)
    consumer = make_single_consumer(topic=TOPIC, group_id=group, consumer_name="one", check_backlog=True)
    seen = []

    def receive(course_operations, metadata, **_signal):
        data = attrs.asdict(course_operations)
        data["course_id"] = str(data.pop("course_key"))
        data["operations"], data["context"] = json.loads(data["operations"]), json.loads(data["context"])
        seen.append(metadata.id)
        if len(seen) == expected:
            consumer._shut_down()
        inbox.deliver(str(metadata.id), json.dumps({"type": "course_sync.operations", "data": data}).encode())

    COURSE_OPERATIONS_RECORDED.connect(receive)
    try:
        consumer.consume_indefinitely()
    finally:
        COURSE_OPERATIONS_RECORDED.disconnect(receive)
    return len(seen)


def check_equal(inbox: Inbox, structure) -> None:
    assert inbox.violations == []
    assert inbox.replica(COURSE).difference(structure) == []
    assert inbox.replica(COURSE).equals(structure)


def test_a_consumer_has_the_course(host, settings, broker_url):
    use_bus(host, settings, broker_url)
    report = api.test_target("bus")
    assert report.ok, report.explanation
    with closing(redis.Redis.from_url(broker_url)) as client:
        assert not client.exists(STREAM), "a test sends nothing"
    api.set_context(COURSE, "bus", ["exam_level=B2"])
    deliver(a_course("v1", sections=4, units=60))
    deliver(a_course("v2", sections=3, units=60, titles={"unit-0-0": "Νέος τίτλος"}))
    inbox = Inbox()
    assert consume(broker_url, inbox) > 2, "the first course needs more than one envelope"
    check_equal(inbox, a_course("v2", sections=3, units=60, titles={"unit-0-0": "Νέος τίτλος"}))
    assert inbox.counters["duplicates"] == 0
    assert inbox.counters["delete unit"] == 60
    assert Lane.objects.get().due_at is None
    other = Inbox()
    consume(broker_url, other, group="lms")
    assert other.counters == inbox.counters, "each group gets everything"


@pytest.mark.story(8)
def test_redis_is_down_for_a_while(host, settings, own_redis):
    """Nothing is lost: the lane keeps its envelope and sends it when Redis is there again."""
    use_bus(host, settings, own_redis.url, "retry_schedule=1,1,1,1", "breaker_failures=100")
    deliver(a_course("v1"))
    own_redis.stop()
    for version in ("v2", "v3"):
        deliver(a_course(version, titles={"course": version}))
        Lane.objects.update(due_at=DatabaseNow())
    lane = Lane.objects.get()
    assert lane.attempts == 2
    assert lane.last_error == "Redis did not take the event: ConnectionError."
    assert api.problems() == []
    assert "ConnectionError" in api.test_target("bus").explanation
    own_redis.start()
    api.deliver_until_empty()
    inbox = Inbox()
    consume(own_redis.url, inbox)
    check_equal(inbox, a_course("v3", titles={"course": "v3"}))


def test_the_answer_of_redis_is_lost(host, settings, own_redis, monkeypatch):
    """The same event comes twice, with the same id and the same operations: a consumer carries it out once."""
    from redis.connection import Connection

    use_bus(host, settings, own_redis.url)
    deliver(a_course("v1"))
    publish(a_course("v2", titles={"course": "New"}))
    api.sync_course(COURSE)
    read = Connection.read_response

    def lose(self, *arguments, **options):
        answer = read(self, *arguments, **options)
        if isinstance(answer, bytes) and b"-" in answer:
            raise redis.TimeoutError("Timeout reading from socket")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "read_response", lose)
        api.deliver_due()
    assert Lane.objects.get().attempts == 1
    Lane.objects.update(due_at=DatabaseNow())
    api.deliver_until_empty()
    inbox = Inbox()
    consume(own_redis.url, inbox)
    check_equal(inbox, a_course("v2", titles={"course": "New"}))
    assert inbox.counters["redelivered"] == 1


def test_the_key_of_the_topic_is_no_stream(host, settings, own_redis):
    use_bus(host, settings, own_redis.url)
    with closing(redis.Redis.from_url(own_redis.url)) as client:
        client.set(STREAM, "a text")
        deliver(a_course("v1"))
        assert "no stream" in Lane.objects.get().last_error
        client.delete(STREAM)
    api.resume("bus")
    api.deliver_until_empty()
    inbox = Inbox()
    consume(own_redis.url, inbox)
    check_equal(inbox, a_course("v1"))


def test_an_event_that_is_too_large_for_redis(host, settings, own_redis):
    """Nothing is lost, whatever is seen of it.

    Redis answers and closes the connection while it is written to. The client reads the answer (redis-py 6: the
    operations come in halves), or sees a lost connection only (redis-py 8: the lane waits, until Redis takes more).
    """
    host.set(COURSE_SYNC_ENVELOPE_BYTES=4 * 2**20, COURSE_SYNC_ENVELOPE_OPERATIONS=10000)
    use_bus(host, settings, own_redis.url, "retry_schedule=1,1")
    structure = deliver(a_course("v1", sections=1, units=5000))
    lane = Lane.objects.get()
    assert lane.cursor == len(structure.entities) or lane.error_class == "TransientError"
    assert api.problems() == []
    with closing(redis.Redis.from_url(own_redis.url)) as client:
        client.config_set("proto-max-bulk-len", "16mb")
    Lane.objects.update(due_at=DatabaseNow())
    api.deliver_until_empty()
    inbox = Inbox()
    consume(own_redis.url, inbox)
    check_equal(inbox, structure)
