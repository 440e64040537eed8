"""The target ``event-bus``: sends envelopes as events, through the producer that the site has configured.

openedx-events is imported when the target is used, so a site without it can use all other targets.
"""

from __future__ import annotations

import re
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from course_sync_plugin.data import Answer, Message
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError
from course_sync_plugin.targets.base import Target, TargetConfig, TestReport
from course_sync_plugin.targets.options import Option

if TYPE_CHECKING:
    from course_sync_plugin.targets.event_bus.producer import Producer

#: The topic if the option is not set.
TOPIC = "course-sync-operations"


def topic_name(value: Any) -> str:
    """Parse the name of a topic. The characters are those that Kafka allows; Redis allows all."""
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", value):
        raise ValueError("1 to 200 letters, digits, '.', '_' and '-'")
    return value


class EventBusTarget(Target):
    """The event bus. docs/how-tos/send_to_the_event_bus.rst describes what arrives, and what is guaranteed."""

    uses_secret = False
    own_options = MappingProxyType(
        {"topic": Option("The topic of the event bus, without the prefix of the site.", topic_name)}
    )

    def __init__(self, config: TargetConfig):
        super().__init__(config)
        self._topic = config.options.get("topic", TOPIC)
        self._producer: Producer | None = None

    @classmethod
    def check(cls, config: TargetConfig) -> None:
        super().check(config)
        if config.url:
            raise ConfigurationError("The event bus is the one of the site: it has no URL here. Leave out --url.")
        if config.secrets:
            raise ConfigurationError("The target 'event-bus' signs nothing, so it takes no secret. Leave it out.")
        _open(config).close()

    def send(self, message: Message) -> Answer:
        producer = self._opened()
        from course_sync_plugin.targets.event_bus.event import as_event

        producer.send(as_event(message), self._topic)
        return Answer()

    def test(self) -> TestReport:
        """Look for the producer and, if it uses Redis, ask Redis for a sign of life. No event is sent."""
        began = time.monotonic()
        try:
            type(self).check(self.config)
            ok, explanation = True, f"{self._opened().explain()} Topic: '{self._topic}'."
        except CourseSyncError as error:
            ok, explanation = False, error.message
        return TestReport(ok, explanation, None, time.monotonic() - began)

    def close(self) -> None:
        if self._producer:
            self._producer.close()
            self._producer = None

    def _opened(self) -> Producer:
        self._producer = self._producer or _open(self.config)
        return self._producer


def _open(config: TargetConfig) -> Producer:
    try:
        from course_sync_plugin.targets.event_bus.configured import open_producer
    except ImportError as error:
        text = f"The event bus needs the package openedx-events, but '{error.name}' cannot be imported."
        raise ConfigurationError(f"{text} Install it, and restart the processes.") from None
    return open_producer(config.deadline_seconds)
