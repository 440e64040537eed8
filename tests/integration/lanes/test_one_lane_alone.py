"""A turn in a lane changes nothing of other lanes, plans only its own repairs, and can be ended from another thread."""

from __future__ import annotations

import json
import logging

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.deliver import Delivered, deliver_lane
from course_sync_plugin.models import DatabaseNow, Envelope, JournalOperation, Lane, Run, RunKind, Target
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block
from tests.integration.lanes.test_lane_state import with_units
from tests.integration.one_lane import publish, renamed, states, the_lane, wait_in_seconds

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Other+Run"


@pytest.fixture
def other_lane(shelf, receiver) -> Lane:
    """The lane of the same target through another course; another worker has its lease."""
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    Lane.objects.filter(course__key=OTHER).update(lease_token="of another worker")
    return Lane.objects.get(course__key=OTHER)


class TestRepairs:
    @pytest.fixture
    def failed(self, shelf, receiver, course):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert states() == [("failed", "unit-0-1")]
        return new

    def test_the_snapshot_of_another_lane_does_not_delay_them(self, receiver, failed):
        """Its rows stand in the journal after the cursor of this lane, and are not for it."""
        with Receiver() as second:
            api.add_target("second", url=second.url, secret=second.secret)
            api.deliver_until_empty()
        assert JournalOperation.objects.filter(position__gt=the_lane().cursor).exists()
        api.retry("crm")
        api.deliver_until_empty()
        assert (states(), receiver.difference(failed)) == ([], [])

    def test_the_longer_journal_of_another_course_does_not_delay_them(self, shelf, receiver, failed):
        shelf.publish(a_course("1", course=OTHER, sections=5))
        api.sync_course(OTHER)
        assert JournalOperation.objects.filter(position__gt=the_lane().end).exists()
        api.retry("crm")
        api.deliver_lane(the_lane().pk)
        assert (states(), receiver.difference(failed)) == ([], [])

    def test_the_lane_ends_where_the_journal_ends(self, failed):
        api.retry("crm")
        api.deliver_until_empty()
        last = JournalOperation.objects.order_by("-position").first()
        assert (the_lane().cursor, the_lane().end) == (last.position, last.position)

    def test_what_was_misplaced_is_moved_and_not_created_again(self, shelf, receiver):
        shelf.publish(with_units("1", {"section": ["one"]}))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        receiver.faults.append(Fail(entity_id=block("vertical", "two")))
        shelf.publish(with_units("2", {"section": ["one", "two", "three"]}))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        api.retry("crm")
        api.deliver_until_empty()
        repair = JournalOperation.objects.filter(run__kind=RunKind.REPAIR).order_by("position")
        planned = [(one.operation, one.entity_id) for one in repair]
        assert planned == [("create", block("vertical", "two")), ("move", block("vertical", "three"))]


def test_the_end_of_a_run_names_the_version_of_that_run(shelf, receiver, course):
    """The only operation of the run failed and was skipped, so an envelope without operations ends the run."""
    shelf.publish(a_course("77", course=OTHER, sections=5))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
    publish(shelf, "2", titles=renamed("unit-0-1"))
    api.deliver_until_empty()
    (problem,) = api.problems()
    api.skip("crm", str(problem.operation_id))
    api.deliver_until_empty()
    data = json.loads(receiver.requests[-1].body)["data"]
    assert (data["operations"], data["end_of_run"], data["published_version"]) == ([], True, "2")
    assert Run.objects.filter(kind=RunKind.CHANGES).count() == 1


class TestATurnThatIsEnded:
    """``course_sync run`` ends: the present request may finish, and no other begins."""

    def test_it_sends_one_envelope_more(self, shelf, receiver, settings):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 2
        structure = publish(shelf, "1")
        done = deliver_lane(the_lane().pk, begun=lambda turn: turn.end())
        assert (done.envelopes, len(receiver.requests)) == (1, 1)
        assert the_lane().lease_token == ""
        api.deliver_until_empty()
        assert receiver.difference(structure) == []

    @pytest.mark.parametrize("model", [Lane, Target])
    def test_so_does_a_turn_during_which_an_operator_pauses(self, shelf, receiver, settings, monkeypatch, model):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 2
        publish(shelf, "1")
        send = WebhookTarget.send

        def pause_and_send(target, message):
            model.objects.update(paused=True)
            return send(target, message)

        monkeypatch.setattr(WebhookTarget, "send", pause_and_send)
        done = deliver_lane(the_lane().pk)
        assert (done.envelopes, len(receiver.requests), the_lane().lease_token) == (1, 1, "")


class TestATurnThatIsGivenUp:
    """``course_sync run`` has waited long enough: the request counts as one without an answer."""

    def give_up_while_sending(self, monkeypatch, before=lambda: None) -> None:
        turns = []
        send = WebhookTarget.send

        def send_and_give_up(target, message):
            answer = send(target, message)
            before()
            turns[0].give_up()
            return answer

        monkeypatch.setattr(WebhookTarget, "send", send_and_give_up)
        deliver_lane(the_lane().pk, begun=turns.append)
        monkeypatch.undo()

    def test_the_same_message_is_sent_again(self, shelf, receiver, course, other_lane, monkeypatch, caplog):
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        self.give_up_while_sending(monkeypatch)
        lane = the_lane()
        assert (lane.attempts, lane.lease_token, lane.lease_until) == (1, "", None)
        assert wait_in_seconds(lane) > 0
        assert "had not answered when the process was stopped" in lane.last_error
        message_id = Envelope.objects.get(lane=lane).message_id
        said = [one.getMessage() for one in caplog.records if "process was stopped" in one.getMessage()]
        assert said == [f"course_sync: target=crm course={COURSE} error={lane.last_error}"]
        assert Lane.objects.get(pk=other_lane.pk).lease_token == "of another worker"
        api.resume("crm")
        api.deliver_lane(lane.pk)
        sent = [request.headers["webhook-id"] for request in receiver.requests]
        assert sent[-2:] == [message_id, message_id]
        assert receiver.difference(new) == []

    def test_another_worker_that_took_over_keeps_the_lane(self, shelf, receiver, course, monkeypatch, caplog):
        publish(shelf, "2", titles=renamed("unit-0-1"))
        taken = {"lease_token": "of another worker"}
        self.give_up_while_sending(monkeypatch, before=lambda: Lane.objects.filter(pk=the_lane().pk).update(**taken))
        assert (the_lane().lease_token, the_lane().attempts) == ("of another worker", 0)
        assert [one.getMessage() for one in caplog.records if one.exc_info] == []


def test_a_turn_that_finds_nothing_to_send_says_nothing(course, caplog):
    Lane.objects.update(due_at=DatabaseNow())
    with caplog.at_level(logging.INFO, "course_sync_plugin"):
        assert deliver_lane(the_lane().pk) == Delivered()
    assert caplog.messages == []


def test_a_target_that_cannot_be_opened_stops_its_lane(shelf, receiver, course, caplog):
    publish(shelf, "2", titles=renamed("unit-0-1"))
    Target.objects.update(secret="not encrypted by this site")
    api.deliver_until_empty()
    lane = the_lane()
    assert (lane.failing, lane.lease_token, receiver.requests) == (True, "", [])
    assert "secret" in lane.last_error
    assert f"error={lane.last_error}" in caplog.text
