"""Finds the producer that the site has configured."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string
from openedx_events.event_bus import EventBusProducer, NoEventBusProducer, get_producer

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.targets.event_bus.producer import Producer
from course_sync_plugin.targets.event_bus.redis_streams import RedisProducer, uses_redis

_WAY_OUT = "Correct the setting in Studio and the LMS, and restart their processes."


def open_producer(seconds: float) -> Producer:
    """Return the producer of the site. It does not connect yet. ``seconds``: the most that a request may take.

    Raises ConfigurationError if there is none. openedx-events then falls back to a producer that sends nothing
    (``openedx_events/event_bus/__init__.py``: ``get_producer()``).
    """
    producer = _configured()
    return RedisProducer(producer, seconds) if uses_redis(producer) else Producer(producer)


def _configured() -> EventBusProducer:
    name = getattr(settings, "EVENT_BUS_PRODUCER", None)
    if not name:
        text = "The setting EVENT_BUS_PRODUCER is missing, so this site has no event bus."
        raise ConfigurationError(f"{text} An example is 'edx_event_bus_redis.create_producer'. {_WAY_OUT}")
    producer = get_producer()
    if isinstance(producer, NoEventBusProducer):
        raise ConfigurationError(f"EVENT_BUS_PRODUCER is {short_repr(name)}, which {_fault(name)}. {_WAY_OUT}")
    return producer


def _fault(name: str) -> str:
    """Return why a name gives no producer. openedx-events says it in a warning only, once in each process."""
    try:
        import_string(name)
    except Exception as error:  # noqa: BLE001 - openedx-events swallows every error of the import too
        return f"cannot be imported ({type(error).__name__})"
    return "gives no producer. For edx-event-bus-redis, EVENT_BUS_REDIS_CONNECTION_URL must be a valid URL"
