"""The circuit breaker of a target: its states, its probe, and what becomes of the lanes that wait for it."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.lanes import breaker
from course_sync_plugin.lanes.breaker_turn import BreakerTurn
from course_sync_plugin.lanes.claim import claim_lane, due_lanes
from course_sync_plugin.lanes.deliver import LaneTurn, deliver_lane
from course_sync_plugin.lanes.verdict import Signal, Verdict
from course_sync_plugin.models import Course, DatabaseNow, Envelope, Lane, Target, bulk, digest_of, leases
from course_sync_plugin.testing.faults import Drop, Fail, Refuse, poison
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.one_lane import (
    let_time_pass,
    probe_time_comes,
    publish,
    renamed,
    states,
    the_lane,
    wait_in_seconds,
)

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Other+Run"
DOWN = {"breaker_opened_at": DatabaseNow(-60), "breaker_probe_at": DatabaseNow(-1), "breaker_failures": 5}


def target() -> Target:
    return Target.objects.get(name="crm")


def set_options(**options: Any) -> None:
    Target.objects.update(options=options)


def another_course(shelf, name: str = OTHER, version: str = "1"):
    structure = shelf.publish(a_course(version, course=name, sections=0))
    api.sync_course(name)
    return structure


def next_probe_in() -> float:
    """Return the seconds until the next probe, by the clock of the database."""
    row = Target.objects.annotate(now=DatabaseNow()).get(name="crm")
    return (row.breaker_probe_at - row.now).total_seconds()


def is_open() -> bool:
    return target().breaker_opened_at is not None


def open_it(**values: Any) -> None:
    Target.objects.update(**{**DOWN, **values})


class TestHealing:
    """A worker died after its lane had stopped, and before it told the breaker."""

    @pytest.fixture
    def stuck(self, shelf, receiver, course):
        publish(shelf, "2", titles=renamed("unit-0-1"))
        Lane.objects.update(failing=True, stopped_by_target=True, due_at=DatabaseNow(60))
        Target.objects.update(breaker_probes=3)
        return the_lane()

    def test_the_target_is_probed_at_once(self, stuck):
        assert breaker.heal() == 1
        assert is_open()
        assert next_probe_in() <= 0.1
        assert target().breaker_probes == 0
        assert breaker.heal() == 0
        api.deliver_until_empty()
        assert (is_open(), the_lane().failing) == (False, False)

    @pytest.mark.parametrize(
        "columns",
        [{"failing": False}, {"stopped_by_target": False}, {"stopped_by_target": None}, {"paused": True}],
        ids=str,
    )
    def test_no_other_lane_needs_it(self, stuck, columns):
        Lane.objects.update(**columns)
        assert breaker.heal() == 0

    @pytest.mark.parametrize(
        ("columns", "healed"),
        [
            ({"due_at": DatabaseNow(600)}, 0),  # it will find out
            ({"due_at": None}, 1),  # it has nothing to send
            ({"due_at": DatabaseNow(), "failing": True}, 1),
            ({"due_at": DatabaseNow(), "paused": True}, 1),
        ],
        ids=str,
    )
    def test_another_lane_of_the_target(self, shelf, stuck, columns, healed):
        another_course(shelf, OTHER)
        Lane.objects.exclude(pk=stuck.pk).update(**columns)
        assert breaker.heal() == healed

    def test_a_lane_of_another_target_finds_out_nothing(self, shelf, receiver, stuck):
        api.add_target("other", url=receiver.url, secret=receiver.secret)
        assert Lane.objects.filter(target__name="other", due_at__isnull=False).exists()
        assert breaker.heal() == 1
        assert Target.objects.get(name="other").breaker_opened_at is None


class TestPuttingAProbeBack:
    def test_only_its_own(self, receiver):
        Target.objects.update(**DOWN, breaker_token="mine")
        api.add_target("other", url=receiver.url, secret=receiver.secret)
        Target.objects.filter(name="other").update(breaker_token="mine")
        breaker.put_back_probe(target(), "theirs")
        assert target().breaker_token == "mine"
        breaker.put_back_probe(target(), "mine")
        assert target().breaker_token is None
        assert next_probe_in() <= 0.1
        assert Target.objects.get(name="other").breaker_token == "mine"


class TestAProbeThatSendsNothing:
    def test_because_the_target_cannot_be_opened(self, shelf, receiver, course, caplog):
        """An operator must act. The lane is asked again when the next probe is due, and shows why."""
        publish(shelf, "2", titles=renamed("unit-0-1"))
        Target.objects.update(**DOWN, secret="gAAAAA-not-ours")
        api.deliver_due()
        lane = the_lane()
        assert (lane.failing, lane.stopped_by_target, lane.lease_token) == (False, True, "")
        assert (lane.error_class, lane.last_error) == ("ConfigurationError", target().breaker_error)
        assert [record.levelname for record in caplog.records if f"error={lane.last_error}" in record.getMessage()] == [
            "WARNING"
        ]
        assert (target().breaker_token, target().breaker_probes) == (None, 1)
        for wait in (next_probe_in(), wait_in_seconds(lane)):
            assert breaker.FIRST_PROBE < wait <= 2 * breaker.FIRST_PROBE
        (shown,) = api.status()["targets"]
        assert (shown["state"], shown["breaker"]["state"]) == ("failing", "open")
        assert receiver.requests == []

    def test_because_the_course_is_left_out(self, shelf, receiver, course, monkeypatch):
        """It says nothing about the target. Another lane is the probe a moment later."""
        publish(shelf, "2", titles=renamed("unit-0-1"))
        Target.objects.update(**DOWN)
        monkeypatch.setattr("course_sync_plugin.toggles.is_excluded", lambda key: True)
        api.deliver_due()
        lane = the_lane()
        assert lane.last_error == "The course is excluded (course_sync.excluded), so its operations wait."
        assert (lane.error_class, lane.lease_token) == ("", "")
        assert (target().breaker_token, target().breaker_probes) == (None, None)
        assert next_probe_in() == pytest.approx(breaker.UNUSED_PROBE, abs=3)


class TestOpening:
    @pytest.mark.parametrize("fault", [Refuse(500), Refuse(408), Refuse(401), Refuse(403), Drop()], ids=repr)
    def test_after_so_many_requests_without_an_answer(self, shelf, receiver, fault):
        """They are counted over all lanes of the target."""
        set_options(breaker_failures=3)
        receiver.faults.append(attrs.evolve(fault, times=None))
        for at in range(8):
            another_course(shelf, f"course-v1:Org+C{at}+Run")
        api.deliver_until_empty()
        assert (len(receiver.requests), is_open()) == (3, True)
        assert (target().breaker_failures, target().breaker_token) == (3, None)
        assert target().breaker_error

    def test_five_unless_the_target_says_otherwise(self, shelf, receiver):
        receiver.faults.append(Refuse(500, times=None))
        for at in range(8):
            another_course(shelf, f"course-v1:Org+C{at}+Run")
        api.deliver_until_empty()
        assert (len(receiver.requests), is_open()) == (5, True)

    def test_an_answer_ends_the_count(self, shelf, receiver):
        set_options(breaker_failures=2)
        for at, status in enumerate((500, None, 500, None)):
            another_course(shelf, f"course-v1:Org+C{at}+Run")
            if status:
                receiver.faults.append(Refuse(status))
            api.deliver_until_empty()
            assert target().breaker_failures == (1 if status else 0)
            assert bool(target().breaker_error) == bool(status)
        assert not is_open()

    @pytest.mark.parametrize("answer", ["refusal", "partial failure", "again"])
    def test_a_refusal_of_an_entity_is_an_answer(self, shelf, receiver, course, answer):
        """The receiver is alive."""
        Target.objects.update(breaker_failures=4)
        unit = block("vertical", "unit-0-1")
        faults = {"refusal": poison(unit), "partial failure": Fail(entity_id=unit)}
        receiver.faults.append(faults.get(answer) or Fail(entity_id=unit, retry=True))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert (target().breaker_failures, is_open()) == (0, False)

    def test_one_request_to_wait_holds_its_lane_only(self, shelf, receiver):
        receiver.faults.append(Refuse(429, headers={"Retry-After": "60"}))
        another_course(shelf)
        api.deliver_until_empty()
        assert (target().breaker_failures, is_open()) == (1, False)
        assert target().breaker_error == Lane.objects.get().last_error != ""
        assert Lane.objects.get().retrying_since is None

    def test_requests_to_wait_in_a_row_hold_all_lanes_until_the_time_that_the_target_said(self, shelf, receiver):
        """Twenty lanes cost as many requests as the limit, and then one each time. No attempt is used up."""
        receiver.faults.append(Refuse(429, headers={"Retry-After": "3000"}, times=None))
        for at in range(20):
            another_course(shelf, f"course-v1:Org+C{at}+Run")
        api.deliver_until_empty()
        assert (len(receiver.requests), is_open()) == (5, True)
        assert next_probe_in() == pytest.approx(3000, abs=30)
        for requests in (6, 7):
            probe_time_comes()
            api.deliver_until_empty()
            assert (len(receiver.requests), is_open()) == (requests, True)
            assert next_probe_in() == pytest.approx(3000, abs=30)
        receiver.faults.clear()
        probe_time_comes()
        api.deliver_until_empty()
        assert not is_open()
        assert set(Lane.objects.values_list("attempts", flat=True)) == {0}
        let_time_pass()
        api.deliver_until_empty()
        assert not Lane.objects.exclude(due_at=None).exists()

    def test_other_targets_go_on(self, shelf, receiver):
        set_options(breaker_failures=1)
        receiver.faults.append(Refuse(500, times=None))
        with Receiver() as running:
            api.add_target("other", url=running.url, secret=running.secret)
            new = publish(shelf, "1")
            api.deliver_until_empty()
            assert running.difference(new) == []
        assert target().breaker_opened_at is not None
        assert Target.objects.get(name="other").breaker_opened_at is None

    def test_it_is_logged_once_when_it_opens_and_when_it_closes(self, shelf, receiver, course, caplog):
        set_options(breaker_failures=1)
        caplog.set_level(logging.INFO, "course_sync_plugin")
        receiver.faults.append(Refuse(500, times=3))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        for _ in range(4):
            api.deliver_until_empty()
            probe_time_comes()
        told = [(record.levelname, "=open" in record.message) for record in caplog.records if "breaker=" in record.msg]
        assert told == [("WARNING", True), ("INFO", False)]


class TestAnAnswer:
    """It starts the lanes again that wait or stand still because of the target, and no other."""

    COLUMNS = ("failing", "stopped_by_target", "attempts")

    @pytest.fixture
    def lanes(self, receiver) -> dict[str, Lane]:
        """Make lanes that waited an hour, and are due in ten minutes."""
        api.add_target("other", url=receiver.url, secret=receiver.secret)
        kinds = {
            "stopped": ("crm", True, True),
            "waiting": ("crm", False, True),
            "by its content": ("crm", True, False),
            "idle": ("crm", False, None),
            "of another target": ("other", True, True),
        }
        since = {"attempts": 3, "retrying_since": DatabaseNow(-3600), "due_at": DatabaseNow(600)}
        lanes = {}
        for name, (target_name, failing, stopped_by_target) in kinds.items():
            key = f"course-v1:Org+{len(lanes)}+Run"
            course = Course.objects.create(key=key, key_digest=digest_of(key), org="Org")
            of, flags = (
                Target.objects.get(name=target_name),
                {"failing": failing, "stopped_by_target": stopped_by_target},
            )
            lanes[name] = Lane.objects.create(target=of, course=course, **flags, **since)
        return lanes

    @pytest.mark.parametrize("opened", [True, False], ids=["open", "closed"])
    def test_what_becomes_of_the_lanes(self, lanes, opened, caplog, monkeypatch):
        monkeypatch.setattr(bulk, "ROWS", 1)
        caplog.set_level(logging.INFO, "course_sync_plugin")
        Target.objects.filter(name__in=["crm", "other"] if opened else ["other"]).update(**DOWN)
        row = target()
        breaker.answered(row)
        assert (row.breaker_failures, row.breaker_opened_at, row.breaker_token) == (0, None, None)
        other = Target.objects.get(name="other")
        assert (other.breaker_failures, other.breaker_opened_at is None) == (5, False)
        after = {name: Lane.objects.get(pk=lane.pk) for name, lane in lanes.items()}
        assert {name: tuple(getattr(lane, column) for column in self.COLUMNS) for name, lane in after.items()} == {
            "stopped": (False, False, 0),
            "waiting": (False, False, 3),
            "by its content": (True, False, 3),
            "idle": (False, None, 3),
            "of another target": (True, True, 3),
        }
        woken = {"stopped", "waiting"} if opened else {"stopped"}
        assert {name for name, lane in after.items() if wait_in_seconds(lane) <= 0} == woken
        assert {name for name, lane in after.items() if lane.retrying_since is None} == woken
        assert [one.getMessage() for one in caplog.records if "lanes=" in one.getMessage()] == (
            ["course_sync: target=crm breaker=closed lanes=2"] if opened else []
        )


class TestOpen:
    @pytest.fixture(autouse=True)
    def _two_lanes_that_wait(self, shelf, receiver, course):
        publish(shelf, "2", titles=renamed("unit-0-1"))
        another_course(shelf)
        open_it(breaker_probe_at=DatabaseNow(25))

    def test_no_lane_is_due_and_none_can_be_claimed(self, receiver):
        assert due_lanes() == []
        assert [claim_lane(lane.pk) for lane in Lane.objects.all()] == [None, None]
        assert api.deliver_until_empty().lanes == 0
        assert receiver.requests == []

    def test_a_lane_that_may_not_be_the_probe_is_only_read(self):
        """On MariaDB an UPDATE locks rows also if it changes none, which ended in a deadlock with a busy worker."""
        with own_queries() as queries:
            assert [breaker.claim_probe(lane.pk) for lane in Lane.objects.all()] == [None, None]
        assert [query for query in queries if not query.startswith("SELECT")] == []

    def test_one_when_the_time_has_come(self, receiver):
        probe_time_comes()
        assert len(due_lanes()) == 1
        lanes = [claim_lane(lane.pk) for lane in Lane.objects.all()]
        assert [lane is not None for lane in lanes] == [True, False]
        assert target().breaker_token == lanes[0].lease_token
        assert breaker.is_probe(lanes[0])
        assert due_lanes() == []

    @pytest.mark.parametrize("values", [{"paused": True}, {"disabled_reason": "gone"}], ids=str)
    def test_not_for_a_target_that_an_operator_stopped(self, values):
        probe_time_comes()
        Target.objects.update(**values)
        assert due_lanes() == []
        assert [claim_lane(lane.pk) for lane in Lane.objects.all()] == [None, None]

    def test_another_worker_gets_the_probe_at_the_same_moment(self, monkeypatch):
        """Each has claimed another lane. The one that is late gives its lane back."""

        def claim_late(lanes):
            token = claim(lanes)
            Target.objects.update(breaker_token="theirs", breaker_probe_at=DatabaseNow(60))
            return token

        claim = leases.claim
        monkeypatch.setattr(leases, "claim", claim_late)
        probe_time_comes()
        assert breaker.claim_probe(the_lane().pk) is None
        assert (the_lane().lease_token, target().breaker_token) == ("", "theirs")

    @pytest.mark.parametrize("signal", Signal, ids=str)
    def test_one_request_of_a_turn_is_the_probe(self, signal):
        probe_time_comes()
        turn = BreakerTurn(claim_lane(due_lanes()[0][0]))
        assert turn.is_probe
        turn.tell(Verdict(signal=signal, error="Silence.", wait=60))
        assert turn.is_probe is False

    def test_only_a_probe_without_an_answer_uses_up_no_attempt(self):
        probe_time_comes()
        Lane.objects.update(attempts=3)
        turn = BreakerTurn(claim_lane(due_lanes()[0][0]))
        last = Verdict(stop=True, attempts=4, error="Silence.", signal=Signal.UNANSWERED)
        verdict = turn.without_attempt(last)
        assert (verdict.attempts, verdict.stop, verdict.error) == (3, False, "Silence.")
        assert 60 * breaker.LEAST_SHARE <= verdict.wait <= 60
        for signal in set(Signal) - {Signal.UNANSWERED}:
            other = attrs.evolve(last, signal=signal)
            assert turn.without_attempt(other) is other
        turn.is_probe = False
        assert turn.without_attempt(last) is last

    def test_a_worker_that_dies_leaves_the_probe_to_the_next_after_a_lease(self, settings):
        probe_time_comes()
        first = claim_lane(due_lanes()[0][0])
        wait = Target.objects.annotate(now=DatabaseNow()).get().breaker_probe_at - target_now()
        assert wait.total_seconds() == pytest.approx(settings.COURSE_SYNC_LEASE_SECONDS, abs=2)
        probe_time_comes()  # a lease later
        Lane.objects.filter(pk=first.pk).update(lease_until=DatabaseNow(-1))
        assert len(due_lanes()) == 1
        assert claim_lane(due_lanes()[0][0]).lease_token == target().breaker_token

    def test_an_answer_makes_every_lane_due_that_waits_for_the_target(self, receiver):
        Lane.objects.update(due_at=DatabaseNow(7000), attempts=3, stopped_by_target=True, retrying_since=DatabaseNow())
        probe_time_comes()
        assert api.deliver_until_empty().envelopes == 2
        assert not is_open()
        assert (target().breaker_failures, target().breaker_probe_at, target().breaker_error) == (0, None, None)
        assert [lane.due_at for lane in Lane.objects.all()] == [None, None]

    def test_a_failed_probe_burns_no_attempt_and_doubles_the_wait(self, receiver):
        receiver.faults.append(Refuse(500, times=None))
        Lane.objects.update(attempts=3)
        waits = []
        for _ in range(7):
            probe_time_comes()
            assert api.deliver_until_empty().lanes == 1
            waits.append((target().breaker_probe_at - target_now()).total_seconds())
        assert (len(receiver.requests), target().breaker_token) == (7, None)
        assert {lane.attempts for lane in Lane.objects.all()} == {3}
        for wait, longest in zip(waits, (60, 120, 240, 480, 600, 600, 600)):
            assert longest * breaker.LEAST_SHARE - 2 < wait <= longest

    def test_the_lanes_are_probed_in_turn(self, receiver):
        """A lane whose own content makes the target fail does not hold the other one."""
        receiver.faults.append(Refuse(500, entity_id=block("vertical", "unit-0-1"), times=None))
        Lane.objects.filter(course__key=COURSE).update(due_at=DatabaseNow(-100), raised=True)
        for _ in range(2):
            probe_time_comes()
            api.deliver_until_empty()
        assert not is_open()
        assert Lane.objects.get(course__key=OTHER).delivered_version == "1"
        assert the_lane().delivered_version == "1"

    def test_a_probe_that_is_asked_to_wait_waits(self, receiver):
        receiver.faults.append(Refuse(503, headers={"Retry-After": "200"}))
        probe_time_comes()
        api.deliver_until_empty()
        assert is_open()
        assert (target().breaker_probe_at - target_now()).total_seconds() == pytest.approx(200, abs=3)
        assert (target().breaker_token, target().breaker_probes) == (None, None)

    def test_a_probe_with_nothing_to_send_leaves_it_to_the_next_lane(self, receiver):
        """The lane falls asleep."""
        lane = the_lane()
        Lane.objects.filter(pk=lane.pk).update(cursor=lane.end, due_at=DatabaseNow(-100))
        probe_time_comes()
        assert api.deliver_due().envelopes == 0
        assert (is_open(), the_lane().due_at) == (True, None)
        assert api.deliver_until_empty().envelopes == 1
        assert not is_open()

    @pytest.mark.parametrize("envelopes", [0, 2], ids=["before it sends", "while it sends"])
    def test_a_process_that_ends_gives_the_probe_back(self, receiver, envelopes):
        """It uses up no attempt: a probe says nothing about its own lane."""
        receiver.faults.append(Refuse(500, times=envelopes))
        for _ in range(envelopes):
            probe_time_comes()
            api.deliver_until_empty()
        assert Envelope.objects.count() == envelopes
        Lane.objects.update(attempts=2)
        probe_time_comes()
        turn = LaneTurn(claim_lane(due_lanes()[0][0]), 20)
        turn.give_up()
        assert (target().breaker_token, Lane.objects.get(pk=turn.lane.pk).attempts) == (None, 2)
        assert len(due_lanes()) == 1

    @pytest.mark.parametrize("act", [lambda: api.resume("crm"), lambda: api.retry("crm")], ids=["resume", "retry"])
    def test_an_operator_has_it_probed_at_once(self, receiver, act):
        Target.objects.update(breaker_probes=3)
        act()
        assert (len(due_lanes()), target().breaker_probes) == (1, 0)
        api.deliver_until_empty()
        assert (is_open(), states()) == (False, [])


def target_now() -> Any:
    return Target.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]


class TestALaneThatStopped:
    """It starts again by itself if it stopped because of the target."""

    def test_the_only_lane_with_its_attempts_used_up_is_probed(self, shelf, receiver, course):
        set_options(retry_schedule=[1])
        receiver.faults.append(Refuse(500, times=4))
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        for _ in range(3):
            api.deliver_until_empty()
            let_time_pass()
        assert (the_lane().failing, the_lane().stopped_by_target, is_open()) == (True, True, True)
        assert len(receiver.requests) == 2
        for _ in range(3):
            probe_time_comes()
            api.deliver_until_empty()
        assert receiver.difference(new) == []
        assert (the_lane().failing, the_lane().stopped_by_target, the_lane().attempts) == (False, None, 0)
        assert (is_open(), api.status()["targets"][0]["state"]) == (False, "in step")

    @pytest.mark.parametrize("status", [401, 403, 500])
    def test_every_lane_of_a_target_that_refused_the_secret(self, shelf, receiver, status):
        set_options(retry_schedule=[])
        receiver.faults.append(Refuse(status, times=7))
        courses = [another_course(shelf, f"course-v1:Org+C{at}+Run") for at in range(7)]
        for _ in range(10):
            api.deliver_until_empty()
            probe_time_comes()
        assert [receiver.difference(course) for course in courses] == [[]] * 7
        assert not Lane.objects.filter(failing=True).exists()

    def test_an_answer_to_another_lane_starts_it(self, shelf, receiver, course):
        set_options(retry_schedule=[])
        receiver.faults.append(Refuse(500))
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        other = another_course(shelf)
        assert deliver_lane(the_lane().pk).envelopes == 0
        assert (the_lane().failing, is_open()) == (True, False)
        api.deliver_until_empty()
        assert [receiver.difference(new), receiver.difference(other)] == [[], []]

    @pytest.mark.parametrize(("status", "schedule", "requests"), [(500, [1, 1], 3), (500, [], 2), (403, [1, 1], 2)])
    def test_not_if_only_this_lane_gets_no_answer(self, shelf, receiver, course, status, schedule, requests):
        """Then its content is the reason. It is tried again once at most."""
        set_options(retry_schedule=schedule)
        receiver.faults.append(Refuse(status, entity_id=block("vertical", "unit-0-1"), times=None))
        publish(shelf, "2", titles=renamed("unit-0-1"))
        for at in range(8):
            another_course(shelf, f"course-v1:Org+C{at}+Run")
            api.deliver_until_empty()
            let_time_pass()
            probe_time_comes()
        assert (the_lane().failing, the_lane().stopped_by_target, is_open()) == (True, False, False)
        assert sum(block("vertical", "unit-0-1").encode() in one.body for one in receiver.requests) == requests
        assert not Lane.objects.exclude(course__key=COURSE).exclude(delivered_version="1").exists()

    def test_a_target_that_cannot_be_opened_and_then_can(self, shelf, receiver, course):
        secret = target().secret
        Target.objects.update(secret="not encrypted")
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert (the_lane().failing, is_open()) == (True, True)
        Target.objects.update(secret=secret)
        probe_time_comes()
        api.deliver_until_empty()
        assert (receiver.difference(new), the_lane().failing, is_open()) == ([], False, False)

    def test_a_lane_whose_workers_died_waits_for_an_operator(self, shelf, receiver, course):
        set_options(retry_schedule=[])
        publish(shelf, "2", titles=renamed("unit-0-1"))
        Lane.objects.update(attempts=1)
        api.deliver_until_empty()
        lane = the_lane()
        assert (lane.failing, lane.stopped_by_target, is_open()) == (True, False, False)
        assert (lane.last_error.split(" or ")[0], lane.error_class) == ("The worker died", "TransientError")

    def test_the_sweep_finds_what_a_dead_worker_leaves(self, shelf, receiver, course):
        """The worker stopped the lane and died before it opened the breaker."""
        new = publish(shelf, "2", titles=renamed("unit-0-1"))
        Lane.objects.update(failing=True, stopped_by_target=True, attempts=10)
        api.deliver_until_empty()
        assert receiver.requests == []
        api.sweep()
        api.deliver_until_empty()
        assert receiver.difference(new) == []

    @pytest.mark.parametrize(
        "values", [{"stopped_by_target": False}, {"stopped_by_target": None}, {"paused": True}, {"failing": False}]
    )
    def test_the_sweep_lets_the_others_be(self, shelf, receiver, course, values):
        publish(shelf, "2", titles=renamed("unit-0-1"))
        Lane.objects.update(**{"failing": True, "stopped_by_target": True, **values})
        api.sweep()
        assert not is_open()


class TestTheOnlyHope:
    """A lane that stopped is probed itself if no other lane can find out that the target answers."""

    @pytest.fixture
    def stopped(self, shelf, receiver, course):
        Lane.objects.update(failing=True, stopped_by_target=True, due_at=DatabaseNow())
        return the_lane()

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [({}, True), ({"failing": False, "due_at": None}, False), ({"stopped_by_target": False}, False)],
        ids=str,
    )
    def test_alone(self, stopped, columns, expected):
        Lane.objects.update(**columns)
        assert breaker.is_only_hope(stopped) is expected

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            ({"due_at": DatabaseNow(600)}, False),
            ({"due_at": None}, True),
            ({"due_at": DatabaseNow(), "failing": True}, True),
            ({"due_at": DatabaseNow(), "paused": True}, True),
        ],
        ids=str,
    )
    def test_with_another_lane(self, shelf, stopped, columns, expected):
        another_course(shelf)
        Lane.objects.exclude(pk=stopped.pk).update(**columns)
        assert breaker.is_only_hope(stopped) is expected

    def test_a_lane_of_another_target_finds_out_nothing(self, receiver, stopped):
        api.add_target("other", url=receiver.url, secret=receiver.secret)
        assert Lane.objects.filter(target__name="other", due_at__isnull=False).exists()
        assert breaker.is_only_hope(stopped)

    def test_another_lane_that_stopped_says_nothing_about_this_one(self, shelf, stopped):
        another_course(shelf)
        Lane.objects.exclude(pk=stopped.pk).update(failing=True, stopped_by_target=True)
        Lane.objects.filter(pk=stopped.pk).update(failing=False, stopped_by_target=False, due_at=None)
        assert not breaker.is_only_hope(stopped)


class TestRetryRules:
    def test_hours(self, shelf, receiver, course):
        """No attempt is planned after the time, and the time that the breaker was open does not count."""
        set_options(retry_schedule=[1] * 9, retry_hours=1, breaker_failures=100)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(500, times=None))
        api.deliver_until_empty()
        assert (the_lane().failing, the_lane().attempts) == (False, 1)
        began = the_lane().retrying_since
        let_time_pass()
        api.deliver_until_empty()
        assert (the_lane().failing, the_lane().retrying_since) == (False, began)
        Lane.objects.update(retrying_since=DatabaseNow(-3601), due_at=DatabaseNow())
        api.deliver_until_empty()
        assert (the_lane().failing, the_lane().attempts) == (True, 3)

    @pytest.mark.parametrize(("seconds", "is_over"), [(0, False), (600, True)])
    def test_the_time_of_the_turn_counts_among_the_hours(self, shelf, receiver, course, seconds, is_over):
        set_options(retry_hours=1)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(500))
        api.deliver_until_empty()
        Lane.objects.update(retrying_since=DatabaseNow(-3300), due_at=DatabaseNow())
        turn = LaneTurn(claim_lane(the_lane().pk), 20)
        turn.began -= seconds
        verdict = turn.judge(TransientError("silence"), the_lane().envelope)
        assert (verdict.stop, verdict.wait is None) == (is_over, is_over)

    def test_backoff(self, shelf, receiver, course):
        set_options(retry_backoff=[1000, 2000], retry_attempts=2)
        publish(shelf, "2", titles=renamed("unit-0-1"))
        receiver.faults.append(Refuse(500, times=2))
        api.deliver_until_empty()
        assert wait_in_seconds(the_lane()) <= 1000
        let_time_pass()
        api.deliver_until_empty()
        assert (the_lane().failing, len(receiver.requests)) == (True, 2)


MANY = 5000


def test_five_thousand_lanes_of_a_target_that_is_down_cost_one_probe_at_a_time(receiver):
    """And every look of a worker costs the same few queries."""
    open_it()
    keys = [f"course-v1:Org+C{at}+Run" for at in range(MANY)]
    bulk.insert(Course(key=key, key_digest=digest_of(key), org="Org", last_position=1) for key in keys)
    bulk.insert(
        Lane(
            target=target(), course=course, end=1, due_at=DatabaseNow(-1), failing=bool(at % 3), stopped_by_target=True
        )
        for at, course in enumerate(Course.objects.all())
    )
    frozen = {"sequence": 1, "last": 1, "body": b"{}"}
    bulk.insert(Envelope(**frozen, lane=lane, message_id=f"msg_{lane.pk}") for lane in Lane.objects.all())
    receiver.faults.append(Refuse(500, times=None))
    assert len(due_lanes(None)) == 1
    for _ in range(3):
        probe_time_comes()
        with own_queries() as queries:
            lanes = api.deliver_until_empty().lanes
        assert lanes == 1
        assert len(queries) < 30
        with own_queries() as queries:
            assert api.deliver_until_empty().lanes == 0
        assert len(queries) == 2
    receiver.faults.clear()
    probe_time_comes()
    with own_queries() as queries:
        breaker.answered(target())
    assert len(queries) < 20
    assert len(due_lanes(None)) == MANY
