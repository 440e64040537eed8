"""Deliveries over HTTP: how receivers may answer, and the effect on the lane, its problems and the replica."""

from __future__ import annotations

import json
import re
import time
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import time_machine
from django.db.models import F, ProtectedError

from course_sync_plugin import api, toggles
from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, UnknownName
from course_sync_plugin.lanes.batches import BATCHES_PER_READ
from course_sync_plugin.lanes.claim import claim_lane, due_lane_ids
from course_sync_plugin.lanes.deliver import deliver_lane
from course_sync_plugin.models import (
    Attempt,
    Course,
    DatabaseNow,
    Envelope,
    JournalOperation,
    Lane,
    Problem,
    Run,
    RunKind,
    Target,
)
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.faults import Drip, Drop, Fail, Hold, Refuse, poison
from course_sync_plugin.testing.receiver import Receiver
from course_sync_plugin.upkeep.run import delivery
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course, approve, block, own_queries, same
from tests.integration.one_lane import (
    die_holding_the_lease,
    let_time_pass,
    publish,
    renamed,
    states,
    the_lane,
    wait_in_seconds,
)

pytestmark = pytest.mark.django_db(transaction=True)

#: The units of the course.
NAMES = [f"unit-{section}-{number}" for section in range(2) for number in range(3)]

_SCHEMA = json.loads(Path(ROOT, "docs", "schema", "operations-v1.json").read_text(encoding="utf-8"))
#: ``jsonschema.validate`` checks the schema itself with every message.
VALIDATOR = jsonschema.validators.validator_for(_SCHEMA)(_SCHEMA)


@pytest.fixture(autouse=True)
def _no_second_attempt_by_itself(settings):
    """On a busy machine a wait of five seconds may end before a test looks; :func:`let_time_pass` makes lanes due."""
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600] * len(settings.COURSE_SYNC_RETRY_SCHEDULE)


@pytest.fixture(autouse=True)
def _every_message_keeps_the_contract(receiver):
    """After each test, check that every message was valid and that the receiver saw no violation of the contract."""
    yield
    for request in receiver.requests:
        VALIDATOR.validate(json.loads(request.body))
    assert receiver.violations == []


@pytest.fixture
def course(shelf, receiver):
    """Publish and deliver a course."""
    structure = shelf.publish(a_course("1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    receiver.requests.clear()
    return structure


@pytest.mark.parametrize(
    "fault",
    [
        Refuse(500),
        Refuse(503),
        Refuse(408),
        Refuse(425),
        Drop(),
        Drop(processed=True),
        Refuse(500, processed=True),
    ],
    ids=lambda fault: f"{type(fault).__name__}-{getattr(fault, 'status', '')}-{fault.processed}",
)
def test_no_answer_the_same_envelope_again(shelf, receiver, course, fault):
    """Whether or not the receiver applied it, it gets the same bytes again, and they count once."""
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(copy(fault))  # a copy, because use changes the parameter
    api.deliver_until_empty()
    lane = the_lane()
    assert (lane.attempts, lane.failing) == (1, False)
    assert 550 <= wait_in_seconds(lane) <= 720
    assert api.status()["courses"][0]["lanes"][0]["state"] == "retrying"
    let_time_pass()
    api.deliver_until_empty()
    first, second = receiver.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert receiver.difference(new) == []
    assert the_lane().attempts == 0
    assert not Envelope.objects.exists()


@pytest.mark.parametrize("fault", [Hold(30), Hold(30, processed=False), Drip(), Drip(part="body")], ids=repr)
def test_a_receiver_that_hangs_costs_half_a_lease(shelf, receiver, course, settings, fault):
    settings.COURSE_SYNC_LEASE_SECONDS = 2
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(copy(fault))
    began = time.monotonic()
    api.deliver_until_empty()
    assert 0.9 <= time.monotonic() - began < 25
    assert the_lane().attempts == 1
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_attempts_used_up_the_lane_stops_and_nothing_is_skipped(shelf, receiver, course):
    Target.objects.update(options={"retry_schedule": [1, 1]})
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Refuse(500, times=3))
    for _ in range(5):
        api.deliver_until_empty()
        let_time_pass()
    assert len(receiver.requests) == 3  # two waits are three attempts
    lane = the_lane()
    assert lane.failing
    assert "500" in lane.last_error
    assert api.status()["targets"][0]["state"] == "failing"
    api.resume("crm")
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert api.status()["targets"][0]["state"] == "in step"


def test_retry_after_is_obeyed_and_burns_no_attempt(shelf, receiver, course):
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Refuse(429, headers={"Retry-After": "120"}))
    api.deliver_until_empty()
    lane = the_lane()
    assert lane.attempts == 0
    assert 110 < wait_in_seconds(lane) <= 121
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_gone_disables_the_target_until_it_is_resumed(shelf, receiver, course):
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Refuse(410))
    api.deliver_until_empty()
    assert api.status()["targets"][0]["state"] == "disabled"
    api.deliver_until_empty()
    assert len(receiver.requests) == 1
    api.resume("crm")
    api.deliver_until_empty()
    assert receiver.difference(new) == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_secret_stops_the_lane(shelf, receiver, course, status):
    publish(shelf, "2", titles=renamed("unit-0-1", "unit-0-2"))
    receiver.faults.append(Refuse(status, times=None))
    api.deliver_until_empty()
    assert the_lane().failing
    assert (len(receiver.requests), Problem.objects.count()) == (1, 0)


@pytest.mark.parametrize("status", [400, 404, 413, 422, 301, 302, 308])
def test_a_final_refusal_isolates_exactly_the_poisoned_operation(shelf, receiver, status):
    """Halving finds it in about 2 log2(n) requests, and all other operations are delivered."""
    shelf.publish(a_course("1", sections=1, units=40))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    receiver.requests.clear()
    names = [f"unit-0-{at}" for at in range(40)]
    publish(shelf, "2", sections=1, units=40, titles=renamed(*names))
    receiver.faults.append(poison(block("vertical", "unit-0-17"), status))
    api.deliver_until_empty()
    assert states() == [("failed", "unit-0-17")]
    assert len(receiver.requests) <= 14
    replica = receiver.replica(COURSE).structure()
    titles = {key: entity.fields["display_name"] for key, entity in replica.entities.items()}
    assert [name for name in names if titles[block("vertical", name)] == name] == ["unit-0-17"]
    assert api.status()["targets"][0]["state"] == "problems"


def test_a_repaired_receiver_gets_what_failed_by_retry(shelf, receiver, course):
    new = publish(shelf, "2", titles=renamed("unit-0-1", "unit-1-1"))
    receiver.faults.append(poison(block("vertical", "unit-0-1")))
    api.deliver_until_empty()
    receiver.faults.clear()
    assert api.retry("crm").operations == 1
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert states() == []
    assert the_lane().runs.filter(kind=RunKind.REPAIR).count() == 1


def test_partial_failure_fails_only_those_operations(shelf, receiver, course):
    new = publish(shelf, "2", titles=renamed("unit-0-1", "unit-0-2"))
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1"), reason="no such template"))
    api.deliver_until_empty()
    (problem,) = api.problems()
    assert (problem.state, problem.reason) == ("failed", "no such template")
    assert len(receiver.requests) == 1
    assert not json.loads(receiver.requests[0].body)["data"]["end_of_run"] or receiver.difference(new)
    api.retry("crm")
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_what_the_receiver_wants_to_see_again_is_sent_again(shelf, receiver, course):
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1"), retry=True))
    api.deliver_until_empty()
    assert (the_lane().attempts, states()) == (1, [])
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert receiver.requests[0].body == receiver.requests[1].body


def test_what_it_always_wants_to_see_again_becomes_a_problem(shelf, receiver, course):
    Target.objects.update(options={"retry_schedule": [1]})
    publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1"), retry=True, times=None))
    for _ in range(3):
        api.deliver_until_empty()
        let_time_pass()
    assert states() == [("failed", "unit-0-1")]


@pytest.mark.story(24)
def test_what_is_below_a_failed_creation_is_parked(shelf, receiver, course):
    """The new section fails; nothing below it is sent, and everything else is delivered."""
    new = publish(shelf, "2", sections=3, titles=renamed("unit-0-1"))
    receiver.faults.append(poison(block("chapter", "section-2")))
    api.deliver_until_empty()
    assert states()[0] == ("failed", "section-2")
    assert {state for state, _ in states()[1:]} == {"parked"}
    assert len(states()) == 5
    renamed_unit = receiver.replica(COURSE).structure().entities[block("vertical", "unit-0-1")]
    assert renamed_unit.fields["display_name"] == "unit-0-1, renamed"
    receiver.faults.clear()
    assert api.retry("crm").operations == 5
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_skip_gives_up_one_operation_and_releases_the_rest(shelf, receiver, course):
    """After an update is skipped, the receiver keeps the old title and learns that the run is over."""
    publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(poison(block("vertical", "unit-0-1")))
    api.deliver_until_empty()
    (problem,) = api.problems()
    assert api.skip("crm", problem.operation_id) == 1
    api.deliver_until_empty()
    last = json.loads(receiver.requests[-1].body)["data"]
    assert (last["operations"], last["end_of_run"]) == ([], True)
    assert states() == []
    assert api.status()["targets"][0]["state"] == "in step"


def test_later_updates_of_a_failed_one_wait_and_other_entities_go_on(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(poison(block("vertical", "unit-0-1")))
    api.deliver_until_empty()
    new = publish(shelf, "3", titles={"unit-0-1": "third", "unit-1-1": "other"})
    api.deliver_until_empty()
    assert sorted(states()) == [("failed", "unit-0-1"), ("parked", "unit-0-1")]
    replica = receiver.replica(COURSE).structure().entities
    assert replica[block("vertical", "unit-1-1")].fields["display_name"] == "other"
    receiver.faults.clear()
    api.retry("crm")
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_what_was_parked_stays_parked_while_its_envelope_is_taken_apart(shelf, receiver, course):
    """An envelope without the parked operation is finally refused; the smaller envelopes do not have it either."""
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1"), times=None))
    publish(shelf, "2", titles=renamed("unit-0-1"))
    api.deliver_until_empty()
    receiver.faults.append(poison(block("vertical", "unit-1-0")))
    new = publish(shelf, "3", titles=dict.fromkeys(NAMES, "Another"))
    api.deliver_until_empty()
    assert states() == [("failed", "unit-0-1"), ("failed", "unit-1-0"), ("parked", "unit-0-1")]
    assert len(receiver.difference(new)) == 2
    receiver.faults.clear()
    assert api.retry("crm").operations == 3
    api.deliver_until_empty()
    assert (states(), receiver.difference(new)) == ([], [])


def test_a_new_target_begins_with_a_snapshot_and_disturbs_nobody(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    api.deliver_until_empty()
    before = len(receiver.requests)
    with Receiver() as other:
        added = api.add_target("lms2", url=other.url, secret=other.secret)
        assert added.courses == 1
        api.deliver_until_empty()
        last = JournalOperation.objects.latest("position").position
        assert Lane.objects.values_list("cursor", "end").get(target__name="lms2") == (last, last)
        new = publish(shelf, "3", titles=renamed("unit-0-1", "unit-0-2"))
        api.deliver_until_empty()
        first = json.loads(other.requests[0].body)["data"]
        assert (first["mode"], first["previous_sequence"], first["end_of_run"]) == ("snapshot", 0, True)
        assert other.difference(new) == []
        assert other.violations == []
    assert len(receiver.requests) == before + 1
    assert receiver.difference(new) == []


def test_a_snapshot_of_which_nothing_was_taken_is_one_all_the_same(shelf, receiver, course):
    """The receiver has old data. It refuses all of the snapshot, and gets it when the problems are retried."""
    api.remove_target("crm")
    new = publish(shelf, "2", units=2)
    receiver.faults.append(Refuse(400, times=None))
    api.add_target("crm", url=receiver.url, secret=receiver.secret)
    api.deliver_until_empty()
    assert the_lane().answered_sequence == 0
    receiver.faults.clear()
    receiver.requests.clear()
    api.retry("crm")
    api.deliver_until_empty()
    assert [json.loads(request.body)["data"]["mode"] for request in receiver.requests] == ["snapshot", "changes"]
    assert (states(), receiver.difference(new)) == ([], [])


def test_the_first_run_is_its_own_snapshot(shelf, receiver, course):
    assert the_lane().runs.count() == 0
    assert JournalOperation.objects.count() == len(course)


def test_envelopes_are_bounded_by_operations_and_by_bytes(shelf, receiver, settings):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 4
    structure = shelf.publish(a_course("1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    sizes = [len(json.loads(request.body)["data"]["operations"]) for request in receiver.requests]
    assert sizes == [4, 4, 3, 0]
    ends = [json.loads(request.body)["data"]["end_of_run"] for request in receiver.requests]
    assert ends == [False, False, False, True]
    settings.COURSE_SYNC_ENVELOPE_BYTES = 900
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 100
    new = publish(shelf, "2", titles=renamed(*(f"unit-{at}-{number}" for at in range(2) for number in range(3))))
    receiver.requests.clear()
    api.deliver_until_empty()
    assert len(receiver.requests) >= 3
    assert all(len(request.body) <= 900 for request in receiver.requests)
    assert receiver.difference(new) == []
    assert len(structure) == len(new)


def test_a_message_says_when_it_was_made(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    with time_machine.travel(datetime(2026, 2, 3, 4, 5, 6, 7000, tzinfo=UTC), tick=False):
        api.deliver_until_empty()
    assert json.loads(receiver.requests[-1].body)["timestamp"] == "2026-02-03T04:05:06.007Z"


def test_the_context_is_among_the_bytes(shelf, receiver, course, settings):
    settings.COURSE_SYNC_ENVELOPE_BYTES = 3500
    api.set_context(COURSE, "crm", [f"level={'ü' * 1000}"])
    publish(shelf, "2", titles=renamed(*(f"unit-{at}-{number}" for at in range(2) for number in range(3))))
    receiver.requests.clear()
    api.deliver_until_empty()
    sizes = [(len(request.body), len(json.loads(request.body)["data"]["operations"])) for request in receiver.requests]
    assert max(size for size, _number in sizes) <= 3500
    assert max(number for _size, number in sizes) > 1


def test_an_envelope_costs_the_same_whatever_is_in_it_and_behind_it(shelf, receiver, course):
    """Law 8: the number of queries does not grow with the operations of an envelope or those delivered before."""
    counts = []
    for version in range(2, 8):
        publish(shelf, str(version), titles=dict.fromkeys(NAMES[: version - 1], f"title {version}"))
        with own_queries() as queries:
            api.deliver_until_empty()
        counts.append(len(queries))
        assert len(json.loads(receiver.requests[-1].body)["data"]["operations"]) == version - 1
    assert len(set(counts)) == 1
    assert counts[0] <= 29


def test_one_query_reads_the_operations_of_several_envelopes(shelf, receiver, settings):
    """And not the whole journal: a long backlog must not be in memory at once."""
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 2
    structure = publish(shelf, "1", units=20)
    with own_queries() as queries:
        api.deliver_until_empty()
    envelopes = -(-len(structure) // 2)
    assert len(receiver.requests) == envelopes + 1  # one ends the snapshot
    plain = [sql.replace("`", "").replace('"', "") for sql in queries]
    reads = [sql for sql in plain if "after_id" in sql and re.search(r"FROM course_sync_operation .*LIMIT \d+$", sql)]
    assert {int(sql.split()[-1]) for sql in reads} == {(2 + 1) * BATCHES_PER_READ}
    assert len(reads) <= envelopes // 3
    assert len([sql for sql in plain if sql.startswith("SELECT") and "FROM course_sync_run " in sql]) <= 4


def test_a_lane_waits_for_its_context_and_carries_it(shelf, receiver):
    Target.objects.update(options={"requires_context": ["exam_level", "academic_class"]})
    structure = shelf.publish(a_course("1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert receiver.requests == []
    assert api.status()["courses"][0]["lanes"][0]["state"] == "waiting for context"
    api.set_context(COURSE, "crm", ["exam_level=A2"])
    api.deliver_until_empty()
    assert the_lane().waiting_for == "academic_class"
    api.set_context(COURSE, "crm", ["academic_class=7b"])
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    assert json.loads(receiver.requests[0].body)["data"]["context"] == {"exam_level": "A2", "academic_class": "7b"}


def test_a_pause_holds_and_resume_lets_go(shelf, receiver, course):
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    api.pause("crm")
    api.deliver_until_empty()
    assert receiver.requests == []
    shown = api.status()["targets"][0]
    expected = {"name": "crm", "state": "paused", "pending": 1, "problems": 0, "excluded": 0, "error": ""}
    assert shown == {**shown, **expected}
    api.resume("crm")
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_a_target_may_keep_what_it_has_of_a_deleted_course(shelf, receiver, course):
    Target.objects.update(options={"on_course_deleted": "keep"})
    shelf.delete()
    api.sync_course(COURSE)
    assert api.status()["held"][0]["deletes"] == len(course)
    approve(COURSE)
    api.deliver_until_empty()
    assert receiver.difference(course) == []
    assert api.status()["targets"][0]["pending"] == 0


def test_an_approved_deletion_arrives_children_first(shelf, receiver, course):
    shelf.delete()
    api.sync_course(COURSE)
    approve(COURSE)
    api.deliver_until_empty()
    assert receiver.replica(COURSE).structure().entities == {}


def test_a_target_gets_the_types_it_wants(shelf, settings, db):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver(entity_types=("course", "section")) as other:
        api.add_target("outline", url=other.url, secret=other.secret, entity_types=["course", "section"])
        shelf.publish(a_course("1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        data = json.loads(other.requests[-1].body)["data"]
        assert {operation["entity_type"] for operation in data["operations"]} == {"course", "section"}
        assert data["end_of_run"]
        publish(shelf, "2", titles=renamed("unit-0-1"))
        sent = len(other.requests)
        api.deliver_until_empty()
        assert len(other.requests) == sent
        outline = next(lane for lane in api.status()["courses"][0]["lanes"] if lane["target"] == "outline")
        assert (outline["state"], outline["delivered_version"]) == ("in step", "2")


def test_a_worker_that_overslept_changes_nothing(shelf, receiver, course, monkeypatch):
    """During its request the lease ran out, and another worker finished the lane."""
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    lane_id = the_lane().pk
    turns = []
    post = WebhookTarget.send

    def sending(target, message):
        if not turns:
            turns.append("first")
            Lane.objects.filter(pk=lane_id).update(lease_until=DatabaseNow(-1))
            turns.append(deliver_lane(lane_id))
        return post(target, message)

    monkeypatch.setattr(WebhookTarget, "send", sending)
    deliver_lane(lane_id)
    assert turns[1].envelopes == 1
    assert receiver.difference(new) == []
    assert receiver.counters["duplicates"] == 1
    lane = the_lane()
    assert (lane.lease_token, lane.cursor, lane.due_at) == ("", lane.end, None)


def test_a_lane_in_other_hands_is_not_taken(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    Lane.objects.update(lease_token="somebody", lease_until=DatabaseNow(30))
    assert api.deliver_lane(the_lane().pk) is None
    assert receiver.requests == []


def test_a_lost_lease_counts_as_an_attempt(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Refuse(500, times=None))
    api.deliver_until_empty()
    die_holding_the_lease(the_lane())
    Lane.objects.update(attempts=F("attempts") + 7)
    api.deliver_until_empty()
    assert (the_lane().attempts, the_lane().failing) == (10, True)


@pytest.mark.story(19)
def test_a_rerun_is_a_course_of_its_own(shelf, receiver, course):
    other = "course-v1:Org+Course+Rerun"
    rerun = shelf.publish(same(a_course("1", course=other), published_version="1"))
    api.sync_course(other)
    api.deliver_until_empty()
    assert receiver.difference(rerun) == []
    assert receiver.difference(course) == []


def test_a_reason_that_a_database_of_older_sites_cannot_hold(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1"), reason="no \U0001f600"))
    api.deliver_until_empty()
    assert [problem.reason for problem in Problem.objects.all()] == ["no \ufffd"]
    assert the_lane().failing is False


def test_stopped_in_the_middle_of_a_turn(shelf, receiver, settings, monkeypatch):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 2
    structure = publish(shelf, "1")
    with monkeypatch.context() as patched:
        patched.setattr(toggles, "is_stopped", lambda: bool(receiver.requests))
        api.deliver_until_empty()
    assert len(receiver.requests) == 1
    api.deliver_until_empty()
    assert receiver.difference(structure) == []


def test_a_course_that_is_left_out_waits(shelf, receiver, course, monkeypatch):
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    Lane.objects.update(error_class="TransientError")
    with monkeypatch.context() as patched:
        patched.setattr(toggles, "is_excluded", lambda key: key == COURSE)
        assert api.deliver_until_empty().envelopes == 0
        lane = the_lane()
        assert "is excluded" in api.status()["courses"][0]["lanes"][0]["error"]
        assert lane.error_class == ""
        assert (lane.attempts, lane.lease_token, round(wait_in_seconds(lane), -1)) == (0, "", toggles.EXCLUDED_WAIT)
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert the_lane().last_error == ""


def test_courses_that_are_left_out_hold_up_no_other(shelf, receiver, course, monkeypatch):
    """Even if many of them have waited longer: each counts as a lane that had its turn."""
    publish(shelf, "2", titles=renamed("unit-0-1"))
    monkeypatch.setattr(toggles, "is_excluded", lambda key: key == COURSE)
    monkeypatch.setattr(delivery, "due_lane_ids", lambda limit: due_lane_ids(limit=1))
    other = shelf.publish(a_course("1", course="course-v1:Org+Course+Other"))
    api.sync_course("course-v1:Org+Course+Other")
    api.deliver_until_empty()
    assert receiver.difference(other) == []


def test_that_a_course_was_left_out_is_not_said_for_ever(shelf, receiver, course, monkeypatch):
    """This also holds if the run has no operation that the target wants."""
    Target.objects.update(entity_types=["course", "section"])
    publish(shelf, "2", titles=renamed("unit-0-1"))
    with monkeypatch.context() as patched:
        patched.setattr(toggles, "is_excluded", lambda key: key == COURSE)
        api.deliver_until_empty()
    let_time_pass()
    api.deliver_until_empty()
    lane = api.status()["courses"][0]["lanes"][0]
    assert (lane["state"], lane["error"]) == ("in step", "")


def test_an_address_that_changes_in_the_middle_of_a_turn_refuses_nothing(shelf, receiver, course, monkeypatch):
    """The addresses differ only in case, which MySQL and MariaDB ignore."""
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    Target.objects.update(url=f"{receiver.url}/Hooks")
    send = WebhookTarget.send

    def correct_before(target, message):
        monkeypatch.setattr(WebhookTarget, "send", send)
        api.set_url("crm", f"{receiver.url}/hooks")
        raise PermanentError("There is no such page.")

    monkeypatch.setattr(WebhookTarget, "send", correct_before)
    api.deliver_until_empty()
    assert not Problem.objects.exists()
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []


def test_a_round_takes_every_lane_that_is_due(shelf, receiver, course):
    for at in range(101):
        shelf.publish(a_course("1", course=f"course-v1:Org+Course+Other{at}", sections=0))
        api.sync_course(f"course-v1:Org+Course+Other{at}")
    assert api.deliver_due().lanes == 101


def test_a_secret_that_changes_in_the_middle_of_a_turn_stops_no_lane(shelf, receiver, course, monkeypatch):
    """The receiver accepts only the new secret at once; this turn has opened its target with the old one."""
    new = publish(shelf, "2", titles=renamed("unit-0-1"))
    send = WebhookTarget.send

    def rotate_before(target, message):
        monkeypatch.setattr(WebhookTarget, "send", send)
        receiver.secrets = (generate_secret(),)
        Target.objects.update(secret=encrypt(receiver.secret))
        return send(target, message)

    monkeypatch.setattr(WebhookTarget, "send", rotate_before)
    api.deliver_until_empty()
    assert (the_lane().failing, the_lane().attempts) == (False, 1)
    assert not Target.objects.get().breaker_failures, "it says nothing about the target as it is now"
    assert Attempt.objects.latest("pk").status == 401
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []


@pytest.mark.parametrize("column", ["url", "token"])
def test_nor_does_another_address_or_token(shelf, receiver, course, monkeypatch, column):
    publish(shelf, "2", titles=renamed("unit-0-1"))

    def send(target, message):
        Target.objects.update(**{column: "another"})
        raise ConfigurationError("The receiver refused it.")

    monkeypatch.setattr(WebhookTarget, "send", send)
    api.deliver_lane(the_lane().pk)
    assert (the_lane().failing, the_lane().attempts, Target.objects.get().breaker_failures) == (False, 1, None)


def test_a_target_added_again_by_a_machine_whose_clock_is_late(shelf, receiver, course):
    """A receiver ignores a lower sequence as a late message."""
    before = the_lane().sequence
    api.remove_target("crm")
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1)):
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
    assert the_lane().sequence >= before


def test_lanes_of_every_target_are_among_the_first(shelf, receiver, course):
    """Even if many lanes of a target that hangs have waited longer."""
    for at in range(5):
        shelf.publish(a_course("1", course=f"course-v1:Org+Course+Other{at}"))
        api.sync_course(f"course-v1:Org+Course+Other{at}")
    api.add_target("other", url=receiver.url, courses=[COURSE])
    first_two = {Lane.objects.get(pk=lane_id).target.name for lane_id in api.due_lane_ids(2)}
    assert first_two == {"crm", "other"}


class TestWhatIsRefusedAndThenDeleted:
    """A receiver refuses a course that is then deleted: there are as many problems as entities."""

    def delete_refused(self, shelf, receiver, settings, units: int) -> int:
        """Let the receiver refuse the updates of ``units`` units, delete them; return the number of queries."""
        settings.COURSE_SYNC_MASS_DELETE_PERCENT = 100
        names = [f"unit-0-{number}" for number in range(units)]
        publish(shelf, f"{units}", sections=1, units=units)
        api.deliver_until_empty()
        receiver.faults.append(Refuse(400, times=None))
        publish(shelf, f"{units}, refused", sections=1, units=units, titles=renamed(*names))
        api.deliver_until_empty()
        receiver.faults.clear()
        assert len(states()) == units
        new = publish(shelf, f"{units}, deleted", sections=1, units=0)
        with own_queries() as queries:
            api.deliver_until_empty()
        assert states() == []
        assert receiver.difference(new) == []
        return len(queries)

    def test_the_queries_do_not_grow_with_the_problems(self, shelf, receiver, course, settings):
        assert self.delete_refused(shelf, receiver, settings, 40) == self.delete_refused(shelf, receiver, settings, 4)


class TestAWorkerThatDies:
    def test_a_lane_with_nothing_to_send_loses_no_attempt(self, shelf, receiver, course):
        """Even after many deaths: otherwise the lane would stay ``retrying``, and would fail after some deaths."""
        for _ in range(12):
            die_holding_the_lease(the_lane())
            lane = api.due_lane_ids()[0]
            assert claim_lane(lane).attempts == 0
        die_holding_the_lease(the_lane())
        api.deliver_until_empty()
        lane = the_lane()
        assert (lane.attempts, lane.failing, lane.due_at, lane.lease_token) == (0, False, None, "")
        assert api.status()["targets"][0]["state"] == "in step"
        assert receiver.requests == []

    def test_a_lane_with_an_open_envelope_loses_one(self, shelf, receiver, course):
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(503))
        api.deliver_until_empty()
        assert the_lane().attempts == 1
        die_holding_the_lease(the_lane())
        assert claim_lane(the_lane().pk).attempts == 2

    def test_falling_asleep_forgets_attempts(self, shelf, receiver, course):
        """A worker of an older release may have counted attempts."""
        Lane.objects.update(attempts=3, due_at=DatabaseNow())
        api.deliver_until_empty()
        assert (the_lane().attempts, the_lane().due_at) == (0, None)


class TestTheJournalAfterRemoveTarget:
    def test_no_row_of_it_goes(self, shelf, receiver, course):
        """The journal has a snapshot and a repair for one lane alone."""
        receiver.faults.append(poison(block("vertical", "unit-0-1")))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        receiver.faults.clear()
        api.retry("crm")
        api.deliver_until_empty()
        api.add_target("other", url=receiver.url, secret=receiver.secret)
        api.deliver_until_empty()
        before = list(JournalOperation.objects.order_by("position").values())
        assert {row["lane_id"] for row in before} >= {None, the_lane().pk}
        Run.objects.update(target_name=None)  # as a worker of an older release writes it
        api.remove_target("crm")
        assert list(JournalOperation.objects.order_by("position").values()) == before
        assert [row["position"] for row in before] == list(range(1, len(before) + 1))
        assert set(Run.objects.exclude(lane=None).values_list("kind", "target_name")) >= {(RunKind.REPAIR, "crm")}
        assert not Problem.objects.exists()

    def test_one_that_is_added_again_begins_anew(self, shelf, receiver, course):
        """The new lane does not get the runs that were for the removed lane alone."""
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        api.remove_target("crm")
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        api.deliver_until_empty()
        (snapshot,) = Run.objects.filter(kind=RunKind.SNAPSHOT)
        api.remove_target("crm")
        receiver.requests.clear()
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        new = publish(shelf, "3", titles=renamed("unit-0-2"))
        api.deliver_until_empty()
        sent = {one["id"] for request in receiver.requests for one in json.loads(request.body)["data"]["operations"]}
        assert not sent & {str(row.operation_id) for row in snapshot.operations.all()}
        assert receiver.difference(new) == []

    def test_what_it_stands_on_cannot_be_deleted(self, shelf, receiver, course):
        for row in (Course.objects.get(), Run.objects.get()):
            with pytest.raises(ProtectedError):
                row.delete()


def test_a_target_is_found_by_its_exact_name(receiver):
    with pytest.raises(UnknownName):
        api.pause("CRM")
    with pytest.raises(ConfigurationError, match="There is already a target 'crm'"):
        api.add_target("CRM", url=receiver.url)


def test_a_deletion_closes_no_problem_of_an_id_that_differs_in_case_only(shelf, receiver, course):
    """MariaDB and MySQL ignore case when they compare ``ABC`` and ``abc``."""
    small, large = block("vertical", "abc"), block("vertical", "ABC")
    section, subsection = block("chapter", "section"), block("sequential", "subsection")

    def with_units(version: str, units: dict[str, str]) -> Structure:
        blocks = {unit: RawBlock(unit, "vertical", {"display_name": title}) for unit, title in units.items()}
        blocks[subsection] = RawBlock(subsection, "sequential", {}, tuple(units))
        blocks[section] = RawBlock(section, "chapter", {}, (subsection,))
        blocks[COURSE] = RawBlock(COURSE, "course", {}, (section,))
        structure = shelf.publish(StructureBuilder(COURSE, version, blocks).build())
        api.sync_course(COURSE)
        api.deliver_until_empty()
        return structure

    with_units("2", {small: "old", large: "old"})
    receiver.faults.extend([poison(small), poison(large)])
    with_units("3", {small: "new", large: "new"})
    receiver.faults.clear()
    assert states() == [("failed", "abc"), ("failed", "ABC")]
    new = with_units("4", {small: "new"})
    assert states() == [("failed", "abc")]
    assert json.loads(receiver.requests[-1].body)["data"]["end_of_run"] is False
    api.retry("crm")
    api.deliver_until_empty()
    assert receiver.difference(new) == []
