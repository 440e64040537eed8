"""Makes the event of an envelope."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from opaque_keys.edx.keys import CourseKey
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes

from course_sync_plugin.data import Message
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.event_bus.signals import COURSE_OPERATIONS_RECORDED, CourseOperationsData

#: The event id of an envelope is the UUID of its message id in this namespace, so it is the same at every attempt.
NAMESPACE = uuid.UUID("8a6b2a1e-54c4-4c0e-9c55-0f1f6f3c6d5b")

#: The same for Studio and the LMS, because either may send an envelope again that the other has sent.
SOURCE = "openedx/course_sync"


@attrs.frozen
class Event:
    """An event as a producer takes it."""

    data: Mapping[str, CourseOperationsData]
    metadata: EventsMetadata


def as_event(message: Message) -> Event:
    """Return the event of an envelope: the same envelope gives the same event, with the same id and time.

    Raises PermanentError if it cannot be serialised. The producers serialise it too, but they swallow this error.
    """
    body = json.loads(message.body)
    event = Event({"course_operations": _operations(body["data"])}, _metadata(message, body["timestamp"]))
    try:
        serialize_event_data_to_bytes(event.data, COURSE_OPERATIONS_RECORDED)
    except (ValueError, TypeError, ArithmeticError) as error:
        text = f"The envelope cannot be written in the form of the event bus: {type(error).__name__}."
        raise PermanentError(text) from None  # the text of the error may hold course content
    return event


def _operations(data: Mapping[str, Any]) -> CourseOperationsData:
    return CourseOperationsData(
        schema_version=data["schema_version"],
        course_key=CourseKey.from_string(data["course_id"]),
        mode=data["mode"],
        published_version=data["published_version"],
        sequence=data["sequence"],
        previous_sequence=data["previous_sequence"],
        end_of_run=data["end_of_run"],
        context=_json(data["context"]),
        operations=_json(data["operations"]),
    )


def _metadata(message: Message, timestamp: str) -> EventsMetadata:
    return EventsMetadata(
        event_type=COURSE_OPERATIONS_RECORDED.event_type,
        id=uuid.uuid5(NAMESPACE, message.message_id),
        minorversion=COURSE_OPERATIONS_RECORDED.minor_version,
        source=SOURCE,
        time=datetime.fromisoformat(timestamp),
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
