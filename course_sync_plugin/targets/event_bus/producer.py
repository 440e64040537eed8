"""Sends an event with a producer, and finds out whether it failed.

The producers of Open edX raise nothing: they catch every error of sending and log it. So what a producer logs as an
error, in the thread that sends, counts as its failure.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from openedx_events.event_bus import EventBusProducer

from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.targets.event_bus.event import Event
from course_sync_plugin.targets.event_bus.signals import COURSE_OPERATIONS_RECORDED, EVENT_KEY_FIELD


class Producer:
    """The producer of the site, of any kind."""

    def __init__(self, producer: EventBusProducer):
        self._producer = producer
        self.name = type(producer).__name__

    def send(self, event: Event, topic: str) -> None:
        """Send an event. Raises TransientError if the producer raised or logged an error."""
        failure = self._produce(event, topic)
        if failure:
            text = f"The producer {self.name} did not send the event: {failure}. The log of this process says more."
            raise TransientError(text)

    def explain(self) -> str:
        """Return what can be said of the bus without an effect on its consumers. Raises the errors of :meth:`send`."""
        return (
            f"EVENT_BUS_PRODUCER gives {self.name}. It cannot be tested without an event. When it sends, an error "
            "that it raises or logs is noticed; a failure that it finds later is not."
        )

    def close(self) -> None:
        """Release open resources."""

    def _produce(self, event: Event, topic: str) -> str:
        """Return the name of the error that the producer raised or logged; empty if there was none."""
        with _errors_logged_by(self._producer) as logged:
            try:
                self._producer.send(
                    signal=COURSE_OPERATIONS_RECORDED,
                    topic=topic,
                    event_key_field=EVENT_KEY_FIELD,
                    event_data=event.data,
                    event_metadata=event.metadata,
                )
            except Exception as error:  # noqa: BLE001 - a producer of another package may raise anything
                return type(error).__name__
        return logged.first


class _LoggedErrors(logging.Handler):
    """Remembers the first error that the present thread logs. ``first``: its name; empty if there was none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and not self.first:
            self.first = _name_of(record)


@contextmanager
def _errors_logged_by(producer: EventBusProducer) -> Iterator[_LoggedErrors]:
    """Yield what the package of a producer logs as errors in this thread."""
    logger = logging.getLogger(type(producer).__module__.partition(".")[0])
    handler = _LoggedErrors()
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


def _name_of(record: logging.LogRecord) -> str:
    """Return the name of the class of a logged error. Its text may hold course content."""
    error = record.exc_info[1] if record.exc_info else None
    while error and error.args and isinstance(error.args[0], BaseException):  # the producers wrap the error in another
        error = error.args[0]
    return type(error).__name__ if error else "an error in the log"
