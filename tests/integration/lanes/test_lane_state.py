"""The state of a lane: due time, the ``nudged`` flag, delivered version; each answer is written in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from unittest import mock

import pytest
from django.db import OperationalError, connection

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.lanes import deliver
from course_sync_plugin.lanes.claim import claim_lane, sleep
from course_sync_plugin.lanes.deliver import LaneTurn
from course_sync_plugin.lanes.next_envelope import NextEnvelope
from course_sync_plugin.models import (
    LINK,
    DatabaseNow,
    Envelope,
    HeldRun,
    JournalOperation,
    Lane,
    Link,
    Problem,
    Target,
    leases,
)
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.faults import Fail, Refuse, poison
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import publish, renamed, states, the_lane, wait_in_seconds
from tests.integration.sync.test_record import FailsAt

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Other+Run"


@pytest.fixture(autouse=True)
def _no_second_attempt_by_itself(settings):
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600] * len(settings.COURSE_SYNC_RETRY_SCHEDULE)


@pytest.fixture
def course(shelf, receiver):
    """Publish and deliver a course."""
    structure = publish(shelf, "1")
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    receiver.requests.clear()
    return structure


def with_units(version: str, sections: Mapping[str, Sequence[str]]) -> Structure:
    """Return a course of sections, each with one subsection and its units."""
    blocks = {COURSE: RawBlock(COURSE, "course", {}, tuple(block("chapter", name) for name in sections))}
    for name, units in sections.items():
        subsection, keys = block("sequential", name), tuple(block("vertical", unit) for unit in units)
        blocks[block("chapter", name)] = RawBlock(block("chapter", name), "chapter", {}, (subsection,))
        blocks[subsection] = RawBlock(subsection, "sequential", {}, keys)
        blocks |= {key: RawBlock(key, "vertical", {"display_name": "Unit"}, ()) for key in keys}
    return StructureBuilder(COURSE, version, blocks).build()


class TestWhenItIsDue:
    def test_a_new_run_leaves_the_wait_of_a_retrying_lane_as_it_is(self, shelf, receiver, course):
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(429, headers={"Retry-After": "120"}))
        api.deliver_until_empty()
        before = the_lane()
        publish(shelf, "3", titles=renamed("unit-0-1", "unit-0-2"))
        after = the_lane()
        assert after.due_at == before.due_at
        assert after.end == before.end + 1
        api.deliver_until_empty()
        assert len(receiver.requests) == 1

    def test_a_new_run_wakes_a_lane_that_sleeps(self, shelf, receiver, course):
        assert the_lane().due_at is None
        publish(shelf, "2", titles=renamed("unit-0-1"))
        assert wait_in_seconds(the_lane()) <= 0


class TestANudge:
    """An operator changes something that concerns a lane while a worker holds its lease."""

    def test_a_lane_that_was_nudged_does_not_fall_asleep(self, shelf, receiver, course):
        Lane.objects.update(due_at=DatabaseNow())
        lane = claim_lane(the_lane().pk)
        api.resume("crm")
        assert not sleep(lane)
        assert (the_lane().lease_token, the_lane().due_at is None) == (lane.lease_token, False)
        leases.update_held(lane, lane.lease_token, nudged=False)
        assert sleep(lane)
        assert (the_lane().lease_token, the_lane().due_at) == ("", None)

    @pytest.mark.parametrize("step", ["_load_state_and_find", "_columns_at_rest"])
    def test_a_value_that_is_set_while_the_lane_falls_asleep(self, shelf, receiver, course, step):
        """The worker has found that the value is missing; without the ``nudged`` flag no worker would look again."""
        Target.objects.update(options={"requires_context": ["level"]})
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        original, times = getattr(NextEnvelope, step), iter(range(1))

        def followed_by_the_operator(turn):
            result = original(turn)
            if next(times, None) is not None:
                api.set_context(COURSE, "crm", ["level=A2"])
            return result

        with mock.patch.object(NextEnvelope, step, followed_by_the_operator):
            api.deliver_lane(the_lane().pk)
        assert receiver.difference(new) == []
        assert (the_lane().nudged, the_lane().due_at, the_lane().waiting_for) == (False, None, "")

    def test_a_retry_while_the_lane_falls_asleep_is_planned_in_the_same_turn(self, shelf, receiver, course):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        original, times = NextEnvelope._columns_at_rest, iter(range(1))

        def preceded_by_the_operator(turn):
            if next(times, None) is not None:
                assert api.retry("crm").operations == 1
            return original(turn)

        with mock.patch.object(NextEnvelope, "_columns_at_rest", preceded_by_the_operator):
            api.deliver_lane(the_lane().pk)
        assert (states(), receiver.difference(new)) == ([], [])

    def test_a_value_that_is_set_during_a_request_is_in_the_next_one(
        self, shelf, receiver, course, monkeypatch, settings
    ):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 1
        publish(shelf, "2", titles=renamed("unit-0-1", "unit-0-2"))
        original = WebhookTarget.send

        def send(target, message):
            api.set_context(COURSE, "crm", ["level=A2"])
            return original(target, message)

        monkeypatch.setattr(WebhookTarget, "send", send)
        api.deliver_lane(the_lane().pk)
        contexts = [json.loads(request.body)["data"]["context"] for request in receiver.requests]
        assert contexts == [{}, {"level": "A2"}]

    def test_a_new_start_that_was_asked_for_during_an_attempt_is_one(self, shelf, receiver, course, monkeypatch):
        """The attempt gets no answer: the lane is due at once and has all its attempts left."""
        publish(shelf, "2", titles=renamed("unit-0-1"))
        Lane.objects.update(attempts=3)

        def send(target, message):
            api.resume("crm")
            raise TransientError("silence")

        monkeypatch.setattr(WebhookTarget, "send", send)
        api.deliver_lane(the_lane().pk)
        lane = the_lane()
        assert (lane.attempts, lane.nudged, lane.failing, lane.last_error) == (0, True, False, "")
        assert wait_in_seconds(lane) <= 0

    def test_nobody_asked_for_a_new_start_the_lane_waits(self, shelf, receiver, course):
        """One was asked for of another lane of the target, which another worker holds."""
        shelf.publish(a_course("1", course=OTHER))
        api.sync_course(OTHER)
        Lane.objects.filter(course__key=OTHER).update(nudged=True, attempts=4)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(500))
        api.deliver_lane(the_lane().pk)
        assert the_lane().attempts == 1
        assert 500 < wait_in_seconds(the_lane()) <= 720
        assert Lane.objects.get(course__key=OTHER).attempts == 4

    def test_a_link_of_one_course_is_none_of_another(self, shelf, receiver, course, monkeypatch):
        monkeypatch.setattr(WebhookTarget, "needs_link", True)
        shelf.publish(a_course("1", course=OTHER))
        api.sync_course(OTHER)
        other = Lane.objects.get(course__key=OTHER)
        Link.objects.create(target=other.target, course=other.course, remote_id="1", created_at=DatabaseNow())
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        waiting = dict(Lane.objects.values_list("course__key", "waiting_for"))
        assert waiting == {COURSE: LINK, OTHER: ""}
        assert receiver.difference(new) != []


class TestTheDeliveredVersion:
    """It is the version that the receiver has completely. It shows an operator whether a lane is in step."""

    def test_what_was_delivered(self, shelf, receiver, course):
        assert the_lane().delivered_version == "1"
        publish(shelf, "2", titles=renamed("unit-0-1"))
        assert the_lane().delivered_version == "1"
        api.deliver_until_empty()
        assert the_lane().delivered_version == "2"

    def test_not_where_something_was_refused(self, shelf, receiver, course):
        """One operation fails in an envelope that ends the run."""
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
        publish(shelf, "2", titles=renamed("unit-0-1", "unit-0-2"))
        api.deliver_until_empty()
        lane = the_lane()
        assert (lane.delivered_version, lane.closing, lane.cursor) == ("1", True, lane.end)
        publish(shelf, "3", titles=renamed("unit-0-1", "unit-0-2", "unit-1-0"))
        api.deliver_until_empty()
        assert (the_lane().delivered_version, states()) == ("1", [("failed", "unit-0-1")])
        api.retry("crm")
        api.deliver_until_empty()
        assert (the_lane().delivered_version, the_lane().closing, states()) == ("3", False, [])

    def test_not_where_all_was_refused(self, shelf, receiver, course):
        receiver.faults.append(Refuse(422))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert (the_lane().delivered_version, states()) == ("1", [("failed", "unit-0-1")])

    def test_not_before_the_end_of_the_run_was_answered(self, shelf, receiver, course, settings):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 1
        publish(shelf, "2", titles=renamed("unit-0-1", "unit-0-2"))
        api.deliver_lane(the_lane().pk, seconds=0)
        assert (the_lane().delivered_version, the_lane().closing) == ("1", True)
        api.deliver_until_empty()
        assert (the_lane().delivered_version, the_lane().closing) == ("2", False)

    def test_a_version_in_which_nothing_changed_that_the_target_wants(self, shelf, receiver, course):
        Target.objects.update(entity_types=["course"])
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert (the_lane().delivered_version, receiver.requests) == ("2", [])

    def test_such_a_version_of_one_of_two_courses(self, shelf, receiver, course):
        Target.objects.update(entity_types=["course"])
        publish(shelf, "2", titles=renamed("unit-0-1"))
        for version in ("77", "78"):
            shelf.publish(a_course(version, course=OTHER, titles=renamed("unit-0-1") if version == "78" else {}))
            api.sync_course(OTHER)
            api.deliver_until_empty()
        versions = dict(Lane.objects.values_list("course__key", "delivered_version"))
        assert versions == {COURSE: "2", OTHER: "78"}

    def test_what_was_urgent_is_not_once_it_is_delivered(self, shelf, receiver, course):
        publish(shelf, "2", units=2)
        assert the_lane().urgent is True
        api.deliver_lane(the_lane().pk, seconds=600)
        assert (the_lane().urgent, the_lane().due_at) == (False, None)

    def test_such_a_version_is_not_delivered_while_something_is_refused(self, shelf, receiver, course):
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        Target.objects.update(entity_types=["course"])
        publish(shelf, "3", titles=renamed("unit-0-1", "unit-0-2"))
        api.deliver_until_empty()
        assert the_lane().delivered_version == "1"


class TestTakingApart:
    """An envelope that is finally refused is sent again in halves, up to the position where it ended."""

    def test_the_halves_end_where_the_refused_one_ended(self, shelf, receiver, course):
        receiver.faults.append(poison(block("vertical", "unit-0-1")))
        publish(shelf, "2", titles=renamed(*(f"unit-{at}-{number}" for at in range(2) for number in range(3))))
        first = the_lane()
        seen = []
        apply_verdict = deliver.apply_verdict

        def watched(lane, envelope, *result):
            apply_verdict(lane, envelope, *result)
            after = the_lane()
            seen.append((len(envelope.operation_ids), after.isolate_size, after.isolate_until, after.sequence))

        with mock.patch.object(deliver, "apply_verdict", watched):
            api.deliver_until_empty()
        end, sequence = first.end, first.sequence
        assert seen == [
            (6, 3, end, sequence + 1),
            (3, 1, end - 3, sequence + 2),
            (1, 1, end - 3, sequence + 3),
            (1, None, None, sequence + 4),
            (4, None, None, sequence + 5),
        ]

    def test_what_was_taken_apart_and_is_accepted_then_is_over_at_its_end(self, shelf, receiver, course):
        """Each part is accepted, for example because the envelope was too large."""
        receiver.faults.append(Refuse(413))
        new = publish(shelf, "2", titles=renamed("unit-0-1", "unit-0-2"))
        api.deliver_until_empty()
        lane = the_lane()
        assert (lane.isolate_size, lane.isolate_until, lane.closing, lane.delivered_version) == (None, None, False, "2")
        assert (receiver.difference(new), len(receiver.requests)) == ([], 3)


def test_a_deletion_does_not_take_along_what_could_not_be_moved_out(shelf, receiver):
    shelf.publish(with_units("1", {"stays": ["one"], "goes": ["two"]}))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "two"), times=None))
    new = shelf.publish(with_units("2", {"stays": ["one", "two"]}))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert block("vertical", "two") in receiver.replica(COURSE).structure().entities
    assert states() == [("failed", "two"), ("parked", "goes"), ("parked", "goes")]
    receiver.faults.clear()
    api.retry("crm")
    api.deliver_until_empty()
    assert (states(), receiver.difference(new)) == ([], [])


def test_what_is_placed_beside_one_that_is_not_there_is_placed_again(shelf, receiver):
    shelf.publish(with_units("1", {"section": ["one"]}))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "two")))
    new = shelf.publish(with_units("2", {"section": ["one", "two", "three"]}))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert states() == [("failed", "two"), ("misplaced", "three")]
    failed, misplaced = Problem.objects.order_by("pk")
    assert (failed.behind, misplaced.behind) == (None, failed)
    api.retry("crm")
    api.deliver_until_empty()
    assert (states(), receiver.difference(new)) == ([], [])


class TestACourseThatIsDeleted:
    """A target may keep a deleted course (``on_course_deleted=keep``)."""

    def delete(self, shelf) -> None:
        shelf.delete()
        api.sync_course(COURSE)
        HeldRun.objects.update(approved=True)
        api.sync_course(COURSE)
        api.deliver_until_empty()

    def test_it_is_told_unless_it_is_to_be_kept(self, shelf, receiver, course):
        self.delete(shelf)
        assert receiver.difference(Structure.empty(COURSE)) == []
        assert (the_lane().cursor, the_lane().closing) == (the_lane().end, False)

    def test_what_is_kept_is_not_told_and_its_problems_are_over(self, shelf, receiver, course):
        Target.objects.update(options={"on_course_deleted": "keep"})
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        receiver.requests.clear()
        self.delete(shelf)
        lane = the_lane()
        assert (receiver.requests, states()) == ([], [])
        assert (lane.cursor, lane.closing, lane.answered_sequence) == (lane.end, False, 0)
        assert len(receiver.replica(COURSE).structure()) == len(course)

    @pytest.mark.parametrize("faults", [[], [Fail(entity_id=block("vertical", "unit-0-1"))]], ids=["", "a problem"])
    def test_what_was_published_after_the_deletion_is_sent_in_the_same_turn(self, shelf, receiver, course, faults):
        """Both are in the journal when the lane is next delivered."""
        Target.objects.update(options={"on_course_deleted": "keep"})
        receiver.faults.extend(faults)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        shelf.delete()
        api.sync_course(COURSE)
        HeldRun.objects.update(approved=True)
        api.sync_course(COURSE)
        new = publish(shelf, "3", sections=1)
        receiver.requests.clear()
        api.deliver_lane(the_lane().pk)
        assert receiver.difference(new) == []
        assert (the_lane().delivered_version, len(receiver.requests)) == ("3", 1)

    def test_the_receiver_is_told_first_that_the_run_before_is_over(self, shelf, receiver, course):
        """Of that run an operation failed, which an operator skips after the course was deleted."""
        Target.objects.update(options={"on_course_deleted": "keep"})
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1")))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        shelf.delete()
        api.sync_course(COURSE)
        HeldRun.objects.update(approved=True)
        api.sync_course(COURSE)
        api.skip("crm", api.problems()[0].operation_id)
        receiver.requests.clear()
        api.deliver_until_empty()
        (request,) = receiver.requests
        data = json.loads(request.body)["data"]
        assert (data["operations"], data["end_of_run"], data["published_version"]) == ([], True, "2")
        assert (the_lane().cursor, the_lane().closing, the_lane().answered_sequence) == (the_lane().end, False, 0)

    def test_when_it_comes_back_the_lane_begins_anew(self, shelf, receiver, course):
        Target.objects.update(options={"on_course_deleted": "keep"})
        self.delete(shelf)
        new = publish(shelf, "3", sections=1)
        api.deliver_until_empty()
        (request,) = receiver.requests
        data = json.loads(request.body)["data"]
        assert (data["mode"], data["previous_sequence"]) == ("snapshot", 0)
        assert receiver.difference(new) == []


class TestAnAnswerIsWrittenInOneTransaction:
    """A worker may die at each query after the answer; a refused operation must still become a problem."""

    @pytest.mark.parametrize("seconds", [0, 20], ids=["the turn ends with it", "the turn goes on"])
    def test_what_is_behind_the_cursor_is_done_or_a_problem(self, shelf, receiver, course, settings, seconds):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 2
        unit = block("vertical", "unit-0-1")
        receiver.faults.append(Fail(entity_id=unit, times=None))
        for at in range(100):
            titles = dict.fromkeys(("unit-0-0", "unit-0-1", "unit-0-2"), f"Title {at}")
            publish(shelf, f"v{at}", titles=titles)
            fails = FailsAt(at)
            with dying_after_an_answer(fails):
                api.deliver_lane(the_lane().pk, seconds)
            self.check(unit, fails.failed_at)
            Lane.objects.exclude(lease_token="").update(lease_until=DatabaseNow(-1), attempts=0)
            api.deliver_until_empty()
            assert states() == [("failed", "unit-0-1")], fails.failed_at
            api.skip_shown([plan.token for plan in api.skip_plans(api.Filters("crm"))], api.Filters("crm"))
            api.deliver_until_empty()
            if not fails.failed_at:
                break
        assert at >= 6
        assert len(receiver.difference(shelf.courses[COURSE])) == 1

    def check(self, unit: str, failed_at: str) -> None:
        lane, envelope = the_lane(), Envelope.objects.first()
        refused = JournalOperation.objects.filter(entity_id=unit).latest("position")
        is_done = refused.position <= lane.cursor
        assert is_done == Problem.objects.filter(operation=refused).exists(), failed_at
        if envelope:
            assert (envelope.sequence, envelope.last > lane.cursor) == (lane.sequence, True), failed_at

    def test_a_process_that_ends_settles_the_request_in_hand_as_a_whole(self, shelf, receiver, course):
        """If a query fails, the lane is as if the process had been killed."""
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(500))
        api.deliver_lane(the_lane().pk)
        for at in range(100):
            Lane.objects.update(attempts=1, due_at=DatabaseNow(-5), lease_token="", last_error="")
            turn = LaneTurn(claim_lane(the_lane().pk), 20)
            before, fails = the_lane(), FailsAt(at)
            with suppress(OperationalError), connection.execute_wrapper(fails):
                turn.give_up()
            after = the_lane()
            if not fails.failed_at:
                break
            for name in ("lease_token", "attempts", "due_at", "last_error"):
                assert getattr(after, name) == getattr(before, name), (name, fails.failed_at)
        assert at >= 4
        assert (after.lease_token, after.attempts, Envelope.objects.count()) == ("", 2, 1)
        assert "stopped" in after.last_error
        assert 500 < wait_in_seconds(after) <= 720


@contextmanager
def dying_after_an_answer(fails: FailsAt) -> Iterator[None]:
    """Let the queries of a turn fail after the first answer."""
    apply_verdict = deliver.apply_verdict
    with ExitStack() as stack:

        def answered(*args):
            if fails not in connection.execute_wrappers:
                stack.enter_context(connection.execute_wrapper(fails))
            apply_verdict(*args)

        with mock.patch.object(deliver, "apply_verdict", answered), suppress(OperationalError):
            yield
