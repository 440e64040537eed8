"""The event of an envelope: what it holds, that it stays the same, and that consumers can read it."""

from __future__ import annotations

import json
from uuid import UUID

import attrs
import pytest
from openedx_events.event_bus.avro.deserializer import deserialize_bytes_to_event_data
from openedx_events.event_bus.avro.schema import schema_from_signal
from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes
from openedx_events.tooling import OpenEdxPublicSignal

from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.targets.event_bus.event import as_event
from course_sync_plugin.targets.event_bus.signals import (
    COURSE_OPERATIONS_RECORDED,
    EVENT_KEY_FIELD,
    CourseOperationsData,
)
from course_sync_plugin.testing.contract import COURSE_ID, TITLE, course_creation, envelope


def received(message):
    """Return what a consumer gets."""
    wire = serialize_event_data_to_bytes(as_event(message).data, COURSE_OPERATIONS_RECORDED)
    return deserialize_bytes_to_event_data(wire, COURSE_OPERATIONS_RECORDED)["course_operations"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "snapshot", "end_of_run": False, "sequence": 2**62, "previous_sequence": 2**62 - 1},
        {"published_version": "", "context": {"exam_level": "B2"}},
        {"context": {"Ключ": '"quoted" \\ \u2028'}},
    ],
)
def test_a_consumer_gets_the_data_of_the_envelope(changes):
    message = envelope(*course_creation(), **changes)
    got = attrs.asdict(received(message))
    got["course_id"] = str(got.pop("course_key"))
    got["operations"], got["context"] = json.loads(got["operations"]), json.loads(got["context"])
    assert got == json.loads(message.body)["data"]


def test_an_envelope_without_operations():
    assert received(envelope()).operations == "[]"


def test_text_of_any_language_takes_no_more_bytes_than_in_the_envelope():
    operation = Operation("create", "course", COURSE_ID, "course", fields={"display_name": "漢" * 1000})
    assert len(received(envelope(operation)).operations.encode()) < 3500


def test_the_same_envelope_gives_the_same_event():
    """So a consumer can drop an event that comes twice, whichever process sent it."""
    message, other = envelope(*course_creation()), envelope(*course_creation())
    assert as_event(message) == as_event(message)
    assert as_event(message).metadata.id != as_event(other).metadata.id
    assert as_event(message).metadata.time.isoformat() == "2026-01-01T00:00:00+00:00"


def test_the_id_of_an_event_stays_in_later_releases():
    message = attrs.evolve(envelope(), message_id="msg_1")
    assert as_event(message).metadata.id == UUID("871aff5b-4c81-5138-b914-9710456dcc61")


def test_the_source_does_not_depend_on_the_process(settings):
    settings.SERVICE_VARIANT = "cms"
    assert as_event(envelope()).metadata.source == "openedx/course_sync"


def test_what_cannot_be_serialised_is_refused_without_its_content():
    with pytest.raises(PermanentError, match="form of the event bus") as caught:
        as_event(envelope(*course_creation(), sequence=2**63))
    assert TITLE not in str(caught.value)


def test_the_event_shows_no_content():
    assert TITLE not in repr(as_event(envelope(*course_creation(), context={"token": TITLE})))


def test_consumers_find_the_signal_by_its_type():
    assert OpenEdxPublicSignal.get_signal_by_type("org.openedx.course_sync.operations.recorded.v1") is (
        COURSE_OPERATIONS_RECORDED
    )


def test_the_key_of_an_event_is_the_course():
    name, attribute = EVENT_KEY_FIELD.split(".")
    assert str(getattr(as_event(envelope()).data[name], attribute)) == COURSE_ID


def test_the_schema_is_that_of_version_1():
    """Another schema is another event type: a consumer reads the bytes with the schema that it knows."""
    record = schema_from_signal(COURSE_OPERATIONS_RECORDED)["fields"][0]["type"]
    assert record["name"] == CourseOperationsData.__name__
    assert [(field["name"], field["type"]) for field in record["fields"]] == [
        ("schema_version", "long"),
        ("course_key", "string"),
        ("mode", "string"),
        ("published_version", "string"),
        ("sequence", "long"),
        ("previous_sequence", "long"),
        ("end_of_run", "boolean"),
        ("context", "string"),
        ("operations", "string"),
    ]
