"""What becomes of an event with producers that are missing, that send nothing, that raise, and that swallow errors."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from openedx_events.event_bus import EventBusProducer, get_producer

from course_sync_plugin.exceptions import ConfigurationError, PermanentError, TransientError
from course_sync_plugin.targets.base import TargetConfig, parse_options
from course_sync_plugin.targets.event_bus.target import EventBusTarget
from course_sync_plugin.testing.contract import TITLE, course_creation, envelope

ROOT = Path(__file__).resolve().parents[4]
CONFIG = TargetConfig("bus", "", ())
HERE = __name__


class Recording(EventBusProducer):
    """Keeps what it is told to send."""

    sent: list[dict[str, Any]] = []

    def send(self, **event):
        self.sent.append(event)


class Raising(EventBusProducer):
    def send(self, **_event):
        raise OSError(TITLE)


class Swallowing(EventBusProducer):
    """Does what the producers for Redis and Kafka do with an error."""

    def send(self, **_event):
        try:
            raise RuntimeError(BrokenPipeError(TITLE))
        except RuntimeError:
            logging.getLogger(HERE).exception("Error delivering message")


class SwallowingInSilence(Swallowing):
    """Logs an error without a traceback."""

    def send(self, **_event):
        logging.getLogger(HERE).error("Error delivering message")


class WarningOnly(Recording):
    def send(self, **event):
        super().send(**event)
        logging.getLogger(HERE).warning("Slow")
        other = threading.Thread(target=logging.getLogger(HERE).error, args=("of another event",))
        other.start()
        other.join()


def nothing():
    return None


def use(settings, producer):
    settings.EVENT_BUS_PRODUCER = f"{HERE}.{producer.__name__}" if callable(producer) else producer


def send(message=None, **options):
    target = EventBusTarget(TargetConfig("bus", "", (), options))
    try:
        return target.send(message or envelope(*course_creation()))
    finally:
        target.close()


@pytest.fixture(autouse=True)
def _nothing_sent():
    Recording.sent.clear()


@pytest.mark.parametrize("value", ["absent", None, ""])
def test_a_site_without_a_producer(settings, value):
    settings.EVENT_BUS_PRODUCER = value
    if value == "absent":
        del settings.EVENT_BUS_PRODUCER
    for attempt in (send, lambda: EventBusTarget.check(CONFIG)):
        with pytest.raises(ConfigurationError, match="EVENT_BUS_PRODUCER is missing"):
            attempt()
    report = EventBusTarget(CONFIG).test()
    assert not report.ok
    assert "edx_event_bus_redis.create_producer" in report.explanation


@pytest.mark.filterwarnings("ignore:Failed to load", "ignore:.*returned unexpected type", "ignore:Cannot configure")
@pytest.mark.parametrize(
    ("producer", "words"),
    [
        ("no.such.module", r"cannot be imported \(ModuleNotFoundError\)"),
        ("edx_event_bus_redis.create", r"cannot be imported \(ImportError\)"),
        ("openedx_events.event_bus.NoEventBusProducer", "gives no producer"),
        ("edx_event_bus_redis.create_producer", "EVENT_BUS_REDIS_CONNECTION_URL must be"),
        (nothing, "gives no producer"),
        (5, "cannot be imported"),
    ],
)
def test_a_producer_that_falls_back_to_nothing(settings, producer, words):
    use(settings, producer)
    for attempt in (send, lambda: EventBusTarget.check(CONFIG)):
        with pytest.raises(ConfigurationError, match=words):
            attempt()
    assert not EventBusTarget(CONFIG).test().ok


@pytest.mark.filterwarnings("ignore:Failed to load")
def test_a_url_that_is_none(settings):
    settings.EVENT_BUS_REDIS_CONNECTION_URL = "http://the-password@host"
    settings.EVENT_BUS_PRODUCER = "edx_event_bus_redis.create_producer"
    with pytest.raises(ConfigurationError, match="must be a valid URL") as caught:
        send()
    assert "the-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("producer", "words"),
    [(Raising, "OSError"), (Swallowing, "BrokenPipeError"), (SwallowingInSilence, "an error in the log")],
)
def test_a_producer_that_fails(settings, producer, words):
    use(settings, producer)
    with pytest.raises(TransientError, match=words) as caught:
        send()
    assert TITLE not in str(caught.value)


@pytest.mark.parametrize("producer", [Recording, WarningOnly])
def test_a_producer_that_works(settings, producer):
    """A warning is no failure, nor is an error that another thread logs at the same time."""
    use(settings, producer)
    send(topic="my.topic")
    send()
    assert [event["topic"] for event in Recording.sent] == ["my.topic", "course-sync-operations"]
    assert all(event["event_key_field"] == "course_operations.course_key" for event in Recording.sent)
    assert "cannot be tested without an event" in EventBusTarget(CONFIG).test().explanation
    assert len(Recording.sent) == 2, "a test sends nothing"
    assert logging.getLogger("tests").handlers == []


@pytest.mark.parametrize("topic", ["", "two words", "a" * 201, "ä", "a\nb"])
def test_a_topic_that_is_none(topic):
    with pytest.raises(ConfigurationError, match="'topic' is not valid"):
        parse_options(EventBusTarget, [f"topic={topic}"])


@pytest.mark.parametrize("changes", [{"url": "redis://127.0.0.1"}, {"secrets": ("whsec_x",)}])
def test_neither_a_url_nor_a_secret(settings, changes):
    use(settings, Recording)
    EventBusTarget.check(CONFIG)
    with pytest.raises(ConfigurationError, match="Leave"):
        EventBusTarget.check(TargetConfig(**{"name": "bus", "url": "", "secrets": (), **changes}))


class TestRedis:
    @pytest.mark.parametrize(
        ("answer", "error", "words"),
        [
            (b"-LOADING Redis is loading the dataset in memory\r\n", TransientError, "BusyLoadingError"),
            (b"-MISCONF Redis is configured to save\r\n", TransientError, "ResponseError MISCONF"),
            (b"-READONLY You can't write against a read only replica.\r\n", TransientError, "ReadOnlyError"),
            (b"-NOAUTH Authentication required.\r\n", ConfigurationError, "EVENT_BUS_REDIS_CONNECTION_URL"),
            (b"-NOPERM no permissions to run 'xadd'\r\n", ConfigurationError, "NoPermissionError"),
            (b"-WRONGTYPE Operation against a key\r\n", ConfigurationError, "another topic"),
            (b"-ERR Protocol error: invalid bulk length\r\n", PermanentError, "proto-max-bulk-len"),
        ],
        ids=lambda value: value[1:9].decode() if isinstance(value, bytes) else None,
    )
    def test_what_redis_answers(self, fake_redis, answer, error, words):
        fake_redis.answer = answer
        with pytest.raises(error, match=words) as caught:
            send()
        assert type(caught.value) is error
        report = EventBusTarget(CONFIG).test()
        assert not report.ok
        assert words in report.explanation

    def test_each_event_is_sent_once(self, fake_redis):
        """The client library would try again by itself; the schedule of the lane does it."""
        fake_redis.answer = b"-LOADING Redis is loading the dataset in memory\r\n"
        with pytest.raises(TransientError):
            send()
        assert fake_redis.commands.count(b"XADD") == 1

    def test_a_failure_does_not_hide_a_later_success(self, fake_redis):
        target = EventBusTarget(CONFIG)
        fake_redis.answer = b"-OOM command not allowed\r\n"
        with pytest.raises(TransientError):
            target.send(envelope())
        fake_redis.answer = None
        target.send(envelope())
        fake_redis.answer = b"-OOM command not allowed\r\n"
        with pytest.raises(TransientError):
            target.send(envelope())
        target.close()
        assert len(fake_redis.added) == 1

    def test_the_producer_of_the_site_stays_as_it_is(self, fake_redis):
        client = get_producer().client
        send()
        assert get_producer().client is client
        assert "execute_command" not in vars(client)
        assert client.connection_pool.connection_kwargs.get("retry", "its own") is not None

    def test_a_test_sends_no_event(self, fake_redis):
        report = EventBusTarget(CONFIG).test()
        assert report.ok
        assert "its Redis answers" in report.explanation
        assert b"XADD" not in fake_redis.commands

    def test_a_producer_that_sends_in_another_way(self, fake_redis, monkeypatch):
        """Nobody knows then whether the event arrives, so it is no success."""
        from edx_event_bus_redis.internal.producer import RedisEventProducer

        monkeypatch.setattr(RedisEventProducer, "send", lambda self, **_event: self.client.ping())
        with pytest.raises(ConfigurationError, match="sent no XADD"):
            send()

    def test_the_log_of_the_producer_is_disabled(self, fake_redis):
        """The answer of Redis counts, not the log."""
        logger = logging.getLogger("edx_event_bus_redis.internal.producer")
        fake_redis.answer = b"-OOM command not allowed\r\n"
        logger.disabled = True
        try:
            with pytest.raises(TransientError, match="OutOfMemoryError"):
                send()
        finally:
            logger.disabled = False


def test_a_site_without_openedx_events():
    """The plugin loads, every other target works, and this one says what is missing."""
    code = """
import sys
sys.modules["openedx_events"] = None
import django
django.setup()
from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.registry import targets
assert targets.get("webhook") and "event-bus" in targets.names()
try:
    targets.get("event-bus").check(TargetConfig("bus", "", ()))
except ConfigurationError as error:
    print(error.message)
"""
    environment = {"DJANGO_SETTINGS_MODULE": "sandbox.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("The event bus needs the package openedx-events"), done.stderr
