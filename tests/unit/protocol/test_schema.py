"""Every message that a diff can lead to fits the schema; a message that breaks a rule of the contract does not."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from course_sync_plugin.data import NOTHING, Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.contract import COURSE_ID, course_creation, envelope
from course_sync_plugin.testing.receiver import Receiver
from tests.conftest import ROOT
from tests.unit.strategies import structure_pairs

SCHEMA = json.loads((ROOT / "docs" / "schema" / "operations-v1.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

SECTION_ID = "block-v1:Contract+Suite+1+type@chapter+block@one"
ELDER = "block-v1:Contract+Suite+1+type@chapter+block@zero"
PLACE = {"parent_id": COURSE_ID, "index": 0}


def body_of(*operations: Operation, **data) -> dict:
    return json.loads(envelope(*operations, **data).body)


def section(operation: str, *place, **values) -> Operation:
    return Operation(operation, "section", SECTION_ID, "chapter", *place, **values)


GOOD = {
    "create": section("create", COURSE_ID, 0, None, fields={"display_name": "Week 1"}),
    "create after": section("create", COURSE_ID, 1, ELDER),
    "create course": course_creation()[0],
    "update": section("update", fields={"due": None}, previous={"due": "2026-01-01T00:00:00Z"}),
    "update course": Operation("update", "course", COURSE_ID, "course", fields={"end": "x"}, previous={"end": None}),
    "move": section("move", COURSE_ID, 1, ELDER, previous=PLACE),
    "delete": section("delete", previous={"display_name": "Week 1", **PLACE}),
    "delete course": Operation("delete", "course", COURSE_ID, "course", previous={"display_name": "Bees"}),
}


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)
    assert "Apache License" in SCHEMA["$comment"]


@pytest.mark.parametrize("name", GOOD)
def test_an_operation_as_the_contract_has_it(name):
    VALIDATOR.validate(body_of(GOOD[name]))


@given(structure_pairs())
def test_whatever_the_diff_finds_fits(pair):
    old, new = pair
    operations = diff(old, new)
    VALIDATOR.validate(body_of(*operations))
    VALIDATOR.validate(body_of(*diff(Structure.empty(new.course_id), new), mode="snapshot"))
    for operation in operations:
        if operation.operation == "update":  # a rule that a schema cannot express
            assert operation.fields.keys() == operation.previous.keys()


@pytest.mark.parametrize(
    "data",
    [
        {"end_of_run": False},
        {"mode": "snapshot", "sequence": 18, "previous_sequence": 16},
        {"context": {"level": "A2", "class": "7b"}},
        {"published_version": ""},
    ],
)
def test_an_envelope_as_the_contract_has_it(data):
    VALIDATOR.validate(body_of(GOOD["create"], **data))
    VALIDATOR.validate(body_of(**data))


def test_the_test_message_fits():
    with Receiver() as receiver:
        target = WebhookTarget(
            TargetConfig("crm", receiver.url, receiver.secrets, allowed_private_hosts=("127.0.0.1",))
        )
        target.test()
        target.close()
    VALIDATOR.validate(receiver.messages[0])


def test_the_question_for_digests_and_its_answer_fit():
    answers = Draft202012Validator({**SCHEMA["$defs"]["digests_answer"], "$defs": SCHEMA["$defs"]})
    with Receiver(digests=1) as receiver:
        target = WebhookTarget(
            TargetConfig("crm", receiver.url, receiver.secrets, allowed_private_hosts=("127.0.0.1",))
        )
        target.send(envelope(*course_creation()))
        target.digests(COURSE_ID)
        target.close()
    questions = [one for one in receiver.messages if one["type"] == "course_sync.digests"]
    assert len(questions) == 2
    for one in questions:
        VALIDATOR.validate(one)
        answers.validate(receiver.inbox.digests(one["data"], 1))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("create", {"id": "1"}),
        ("create", {"operation": "upsert"}),
        ("create", {"previous": {"display_name": "x"}}),
        ("create", {"fields": {"due": None}}),
        ("create", {"parent_id": None}),
        ("create", {"index": None}),
        ("create", {"index": -1}),
        ("create", {"after_id": ELDER}),
        ("create", {"fields": None}),
        ("create", {"entity_id": ""}),
        ("create", {"colour": "red"}),
        ("create after", {"after_id": None}),
        ("create course", {"parent_id": COURSE_ID, "index": 0}),
        ("update", {"parent_id": COURSE_ID}),
        ("update", {"index": 0}),
        ("update", {"after_id": ELDER}),
        ("update", {"fields": {}}),
        ("update", {"previous": {}}),
        ("move", {"previous": {}}),
        ("move", {"previous": {"index": 0}}),
        ("move", {"previous": {**PLACE, "display_name": "x"}}),
        ("move", {"fields": {"display_name": "x"}}),
        ("move", {"parent_id": None, "index": None}),
        ("move", {"entity_type": "course", "block_type": "course"}),
        ("delete", {"fields": {"display_name": "x"}}),
        ("delete", {"parent_id": COURSE_ID}),
        ("delete", {"previous": {"display_name": "x"}}),
        ("delete course", {"previous": PLACE}),
    ],
)
def test_a_wrong_operation_does_not_fit(name, changes):
    body = body_of(GOOD[name])
    body["data"]["operations"][0].update(changes)
    assert not VALIDATOR.is_valid(body)


@pytest.mark.parametrize("key", GOOD["create"].as_dict())
def test_every_operation_has_every_key(key):
    body = body_of(GOOD["create"])
    del body["data"]["operations"][0][key]
    assert not VALIDATOR.is_valid(body)


@pytest.mark.parametrize(
    "data",
    [
        {"mode": "full"},
        {"schema_version": 2},
        {"sequence": 0},
        {"previous_sequence": None},
        {"end_of_run": 1},
        {"context": {"level": 2}},
        {"colour": "red"},
        {"mode": "snapshot", "operations": [GOOD["delete"].as_dict()]},
    ],
)
def test_a_wrong_envelope_does_not_fit(data):
    body = body_of(GOOD["create"])
    body["data"].update(copy.deepcopy(data))
    assert not VALIDATOR.is_valid(body)


@pytest.mark.parametrize("key", body_of()["data"])
def test_every_envelope_has_every_key(key):
    body = body_of()
    del body["data"][key]
    assert not VALIDATOR.is_valid(body)


@pytest.mark.parametrize(
    "changes", [{"timestamp": "yesterday"}, {"timestamp": "2026-01-01T00:00:00"}, {"type": "other"}, {"data": NOTHING}]
)
def test_a_wrong_message_does_not_fit(changes):
    assert not VALIDATOR.is_valid({**body_of(), **changes})
