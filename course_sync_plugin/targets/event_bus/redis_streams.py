"""Sends an event with a producer that uses Redis streams, and finds out exactly whether Redis took it.

``RedisEventProducer.send()`` of edx-event-bus-redis adds the event to a stream with one command, XADD. It catches every
error and logs it (``edx_event_bus_redis/internal/producer.py``). So it gets a client of its own, whose answer to this
command is remembered. The client has time limits, which the producer sets none of.

The plugin does not depend on the client library, so it knows the errors of that library by the names of their classes.
"""

from __future__ import annotations

import copy
from typing import Any

from openedx_events.event_bus import EventBusProducer

from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, PermanentError, TransientError
from course_sync_plugin.targets.event_bus.event import Event
from course_sync_plugin.targets.event_bus.producer import Producer

#: Errors of a client that is not allowed to do what it asked for.
_NOT_ALLOWED = {
    "AuthenticationError",
    "AuthenticationWrongNumberOfArgsError",
    "AuthorizationError",
    "NoPermissionError",
}


def uses_redis(producer: EventBusProducer) -> bool:
    """Tell whether a producer sends with a client of Redis."""
    return hasattr(getattr(producer, "client", None), "connection_pool")


class RedisProducer(Producer):
    """A producer that uses Redis streams. ``seconds``: the most that a connection and an answer take together."""

    def __init__(self, producer: Any, seconds: float):
        # The site's producer is used by other threads, so a copy of it gets the client.
        own = copy.copy(producer)
        own.client = self._client = _limited(producer.client, seconds)
        super().__init__(own)

    def send(self, event: Event, topic: str) -> None:
        """Send an event.

        Raises TransientError (Redis did not answer, or cannot take anything now), PermanentError (Redis does not take
        an event of this size), ConfigurationError (the operator must act).
        """
        watch = _Watch(self._client)
        logged = self._produce(event, topic)
        if watch.error:
            raise _as_ours(watch.error)
        if not watch.is_answered:
            raise ConfigurationError(
                f"The producer {self.name} sent no XADD to Redis ({logged or 'no error was logged'}), so it is not "
                "known whether the event arrives. Use a release of edx-event-bus-redis that this plugin supports."
            )

    def explain(self) -> str:
        try:
            self._client.ping()
        except Exception as error:  # noqa: BLE001 - the classes are those of a library that is not imported
            raise _as_ours(error) from None
        return f"EVENT_BUS_PRODUCER gives {self.name}, and its Redis answers. Nothing was sent to the consumers."

    def close(self) -> None:
        self._client.connection_pool.disconnect()


class _Watch:
    """Remembers what became of the last XADD of a client. ``error``: what it raised; None if it raised nothing."""

    def __init__(self, client: Any):
        self.is_answered = False
        self.error: Exception | None = None
        self._execute = type(client).execute_command.__get__(client)
        client.execute_command = self  # all commands of the client go through this method

    def __call__(self, *command: Any, **options: Any) -> Any:
        if command[0] != "XADD":
            return self._execute(*command, **options)
        try:
            answer = self._execute(*command, **options)
        except Exception as error:
            self.error = error
            raise
        self.is_answered = True
        return answer


def _limited(client: Any, seconds: float) -> Any:
    """Return a client like this one, with connections of its own that have time limits and are not tried again."""
    pool = client.connection_pool
    limits: dict[str, Any] = {"retry": None}
    for name in ("socket_connect_timeout", "socket_timeout"):
        limits[name] = min(pool.connection_kwargs.get(name) or seconds, seconds / 2)
    own = type(pool)(connection_class=pool.connection_class, **{**pool.connection_kwargs, **limits})
    return type(client)(connection_pool=own)


def _as_ours(error: Exception) -> CourseSyncError:
    """Return our error for one of the client library. The text is not shown, because it may repeat what was sent."""
    names, text = {kind.__name__ for kind in type(error).__mro__}, str(error)
    if names & _NOT_ALLOWED:
        return ConfigurationError(
            f"Redis refuses the event bus ({type(error).__name__}). Correct the user and the password in "
            "EVENT_BUS_REDIS_CONNECTION_URL, or the rights of this user, and restart the processes."
        )
    if text.startswith("WRONGTYPE"):
        return ConfigurationError(
            "The key of the topic in Redis is no stream (WRONGTYPE). Use another topic (option 'topic'), or remove the "
            "key."
        )
    if text.startswith("Protocol error"):
        return PermanentError("Redis refuses an event of this size (Protocol error; see proto-max-bulk-len).")
    return TransientError(f"Redis did not take the event: {_name_of(error)}.")


def _name_of(error: Exception) -> str:
    """Return the name of an error: its class, and the code that Redis puts before the text, such as MISCONF."""
    code = str(error).partition(" ")[0]
    return f"{type(error).__name__} {code}" if code.isalpha() and code.isupper() else type(error).__name__
