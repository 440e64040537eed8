"""A report of failed operations that cannot be understood counts as none; log and status show a warning."""

from __future__ import annotations

import gzip
import json
import logging

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.models import Lane, Problem
from course_sync_plugin.testing.faults import Refuse
from tests.integration.courses import COURSE, a_course, block

pytestmark = pytest.mark.django_db(transaction=True)

DELIVER = "course_sync_plugin.lanes.deliver"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "course_sync_plugin")
    return caplog


def answering(body: bytes, times: int = 1, **headers: str) -> Refuse:
    """Return the fault of a receiver that applies a message and answers 200 with these bytes."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refuse(200, body=body, headers=names, processed=True, times=times)


PACKED = gzip.compress(b'{"failed": [{"id": "1", "reason": "a title"}]}')


def warnings(log) -> list[str]:
    found = [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]
    log.clear()
    return found


def said_of_the_lane() -> tuple[str, str]:
    (course,) = api.status()["courses"]
    (lane,) = course["lanes"]
    return lane["state"], lane["error"]


def publish(shelf, version: str, **changes) -> None:
    shelf.publish(a_course(version, **changes))
    api.sync_course(COURSE)
    api.deliver_until_empty()


def test_a_report_that_cannot_be_read_is_shown_with_the_lane(shelf, receiver, log, capsys):
    receiver.faults.append(answering(PACKED, Content_Encoding="gzip"))
    publish(shelf, "v1")
    (line,) = warnings(log)
    assert f"target=crm course={COURSE} " in line
    assert "gzip" in line
    assert "a title" not in line
    state, error = said_of_the_lane()
    assert state == "in step", "it passes for success, as it always did"
    assert "gzip" in error
    call_command("course_sync", "status")
    assert f"crm: in step: {error[:100]}" in capsys.readouterr().out, "it is shown although the lane is in step"
    call_command("course_sync", "status", "--course", COURSE)
    assert f"crm: in step: {error}" in capsys.readouterr().out


def test_it_is_that_of_the_last_attempt(shelf, receiver, log):
    receiver.faults.append(answering(b'{"failed": ["x"]}'))
    publish(shelf, "v1")
    assert said_of_the_lane()[1]
    publish(shelf, "v2")  # nothing changed, so nothing is sent
    assert said_of_the_lane()[1]
    assert len(warnings(log)) == 1
    publish(shelf, "v3", units=4)
    assert said_of_the_lane() == ("in step", "")
    assert warnings(log) == []


def test_an_operator_who_resumes_the_target_takes_it_away(shelf, receiver, log):
    receiver.faults.append(answering(b'{"failed": ["x"]}'))
    publish(shelf, "v1")
    assert said_of_the_lane()[1]
    api.resume("crm")
    assert api.status()["courses"][0]["lanes"][0]["error"] == ""


def test_one_warning_for_each_attempt(shelf, receiver, log, settings):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 4
    receiver.faults.append(answering(b'{"failed": ["x"]}', times=None))
    publish(shelf, "v1")
    assert len(receiver.requests) == len(warnings(log)) > 2


def test_what_can_be_understood_counts(shelf, receiver, log):
    receiver.faults.append(answering(b""))
    publish(shelf, "v1")
    receiver.faults.append(Refuse(503))
    publish(shelf, "v2", titles={"unit-0-0": "another", "unit-0-1": "another"})
    first, second = json.loads(receiver.requests[-1].body)["data"]["operations"]
    listed = [second["id"], {"id": first["id"], "reason": "no"}]
    receiver.faults.append(answering(json.dumps({"failed": listed}).encode()))
    warnings(log)
    Lane.objects.update(due_at="2000-01-01T00:00:00Z")
    api.deliver_until_empty()
    (problem,) = Problem.objects.all()
    assert (problem.operation.entity_id, problem.reason) == (block("vertical", "unit-0-0"), "no")
    assert len([line for line in warnings(log) if "warning=" in line]) == 1
    state, error = said_of_the_lane()
    assert state == "problems"
    assert "not objects: 1" in error


def test_what_is_to_come_again_shows_its_own_reason_first(shelf, receiver, log):
    publish(shelf, "v1")
    receiver.faults.append(Refuse(503))
    publish(shelf, "v2", titles={"unit-0-0": "another"})
    (operation,) = json.loads(receiver.requests[-1].body)["data"]["operations"]
    listed = [{"id": operation["id"], "reason": "locked", "retry": True}, 5]
    receiver.faults.append(answering(json.dumps({"failed": listed}).encode()))
    warnings(log)
    Lane.objects.update(due_at="2000-01-01T00:00:00Z")
    api.deliver_due()
    state, error = said_of_the_lane()
    assert state == "retrying"
    assert error.startswith("locked; The answer's report")
    assert any("not objects: 1" in line for line in warnings(log))


def test_an_operator_can_take_it_away(shelf, receiver):
    receiver.faults.append(answering(PACKED))
    publish(shelf, "v1")
    assert "gzip" in said_of_the_lane()[1]
    api.resume("crm")
    api.deliver_until_empty()
    assert said_of_the_lane() == ("in step", "")


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"<html>", b'{"carried_out": 11}', b'{"failed": []}', b'{"failed": null}']
)
def test_what_is_no_report_is_silent(shelf, receiver, log, body):
    receiver.faults.append(answering(body))
    publish(shelf, "v1")
    assert warnings(log) == []
    assert said_of_the_lane() == ("in step", "")


def test_the_test_command_shows_it(shelf, receiver, capsys):
    receiver.faults.append(answering(PACKED))
    call_command("course_sync", "test", "crm")
    shown = capsys.readouterr().out
    assert "accepted the test message with 200" in shown
    assert "gzip" in shown
