"""Recorders and deliverers at the same course and the same lane, on MariaDB and on PostgreSQL: nothing is forgotten."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from unittest import mock

import attrs
import pytest
from django.db import connections, transaction

from course_sync_plugin import api, journal
from course_sync_plugin.data import Answer, Message, Operation
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes import claim, deliver
from course_sync_plugin.lanes.wake import wake_lanes
from course_sync_plugin.models import Course, DatabaseNow, Lane, RunKind, Target
from course_sync_plugin.testing.inbox import Inbox
from course_sync_plugin.upkeep import targets
from tests.integration.courses import COURSE, a_course, block

from .host import check_journal, lane_of, publish, published
from .processes import PATIENCE, eventually

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

#: Seconds for which two threads are let loose.
RACE_SECONDS = 4

#: Runs that are recorded while a deliverer falls asleep.
RUNS = 200


@attrs.define
class Known:
    """A target in this process: an inbox of the receiver kit."""

    inbox: Inbox = attrs.field(factory=Inbox)
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def send(self, message: Message) -> Answer:
        with self.lock:
            assert self.inbox.deliver(message.message_id, message.body) == []
        return Answer()

    @contextmanager
    def opened(self, _row: object) -> Iterator[Known]:
        yield self


@pytest.fixture
def target(host) -> Iterator[Known]:
    """A target without a network between, so that the races are in the database."""
    known = Known()
    host.set(COURSE_SYNC_LEASE_SECONDS=30)
    Target.objects.create(name="crm", backend="webhook")
    with mock.patch.object(deliver, "opened_target", known.opened):
        yield known


@contextmanager
def one_thread() -> Iterator[ThreadPoolExecutor]:
    """Another thread, with a connection of its own that is closed at the end."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool
        finally:
            pool.submit(connections.close_all).result()


def record_one() -> None:
    """Append a run of one operation to the journal, as a sync does it."""
    with transaction.atomic():
        course = journal.lock(Course.objects.get(key=COURSE))
        title = {"display_name": f"Title {course.last_position}"}
        operation = Operation("update", "unit", block("vertical", "unit-0-0"), "vertical", fields=title)
        journal.append(course, [operation], RunKind.CHANGES)
        wake_lanes(course)


@pytest.fixture
def lane(target) -> Lane:
    """A lane in step with a small course."""
    publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    return lane_of(COURSE)


def is_forgotten() -> bool:
    """Tell whether there is something to deliver, and nobody who would."""
    lane = lane_of(COURSE)
    return lane.cursor < lane.course.last_position and lane.due_at is None and not lane.lease_token


@both
class TestFallingAsleep:
    """A run is recorded at each step of a deliverer that is just falling asleep."""

    @pytest.mark.parametrize("step", ["_look", "_standing"])
    def test_a_run_that_comes_just_then_is_delivered(self, lane, target, step):
        record_one()
        original = getattr(deliver.LaneTurn, step)
        times = iter(range(3))

        def followed_by_a_run(turn):
            result = original(turn)
            if next(times, None) is not None:
                recorder.submit(record_one).result()
            return result

        with one_thread() as recorder, mock.patch.object(deliver.LaneTurn, step, followed_by_a_run):
            api.deliver_lane(lane.pk)
        assert not is_forgotten()
        api.deliver_until_empty()
        assert target.inbox.counters["update unit"] == 4

    def test_a_run_that_is_committed_while_the_deliverer_waits_for_the_row(self, lane, target):
        """The recorder has changed the lane's row and not committed yet: falling asleep waits, and then does not."""
        record_one()
        changed, begun = threading.Event(), threading.Event()

        def record_slowly() -> None:
            with transaction.atomic():
                record_one()
                changed.set()
                begun.wait(10)
                time.sleep(0.3)

        original = claim.sleep

        def sleep(*args, **values):
            if not changed.is_set():
                recorder.submit(record_slowly)
                changed.wait(10)
                begun.set()
            return original(*args, **values)

        with one_thread() as recorder, mock.patch.object(deliver, "sleep", sleep):
            api.deliver_lane(lane.pk)
        assert not is_forgotten()
        api.deliver_until_empty()
        assert target.inbox.counters["update unit"] == 2


@both
def test_hundreds_of_runs_each_while_a_deliverer_falls_asleep(lane, target):
    """Each begins to be recorded at some moment of a turn that finds nothing, or only what was recorded before."""
    chance = random.Random(1)
    turn_seconds = 0.0
    with one_thread() as recorder:
        for _ in range(RUNS):
            recording = recorder.submit(record_after, chance.uniform(0, turn_seconds))
            began = time.monotonic()
            api.deliver_lane(lane.pk)
            turn_seconds = time.monotonic() - began
            recording.result()
            assert not is_forgotten()
            Lane.objects.filter(due_at=None).update(due_at=DatabaseNow())  # or the next turn would not be one
    api.deliver_until_empty()
    assert target.inbox.violations == []
    assert target.inbox.counters["update unit"] == RUNS


def record_after(seconds: float) -> None:
    time.sleep(seconds)
    record_one()


@both
def test_two_recorders_and_two_deliverers(lane, target):
    """Two processes sync what two authors publish, two deliver: one unbroken journal, one order, the last state."""
    ends_at = time.monotonic() + RACE_SECONDS

    def author(name: str) -> Callable[[], None]:
        def work() -> None:
            number = 0
            while time.monotonic() < ends_at:
                number += 1
                publish(a_course(f"{name}{number}", units=2 + number % 3, titles={"unit-0-0": f"{name} {number}"}))
                api.sync_marked()

        return work

    def deliverer() -> None:
        while time.monotonic() < ends_at:
            api.deliver_lane(lane.pk)

    works = [author("a"), author("b"), deliverer, deliverer]
    with ExitStack() as stack:
        working = [stack.enter_context(one_thread()).submit(work) for work in works]
        for one in working:
            one.result()
    assert api.sync_marked() is None
    api.deliver_until_empty()
    check_journal(COURSE)
    assert target.inbox.violations == []
    assert target.inbox.replica(COURSE).difference(published(COURSE)) == []


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_a_receiver_that_hangs_holds_up_no_other_target(host):
    """It has more lanes than there are threads for it; those of the other are delivered meanwhile."""
    let_go, inbox, lock = threading.Event(), Inbox(), threading.Lock()

    class Opened:
        def __init__(self, name: str):
            self.name = name

        def send(self, message: Message) -> Answer:
            if self.name == "hanging":
                let_go.wait(60)
                return Answer()
            with lock:
                assert inbox.deliver(message.message_id, message.body) == []
            return Answer()

    @contextmanager
    def opened(row: Target) -> Iterator[Opened]:
        yield Opened(row.name)

    host.set(COURSE_SYNC_LEASE_SECONDS=60)
    Target.objects.create(name="hanging", backend="webhook")
    courses = [publish(a_course("v1", course=f"course-v1:Org+Course+Run{at}")) for at in range(6)]
    for course in courses:
        api.sync_course(course.course_id)
    pool = api.LanePool(2)
    with mock.patch.object(deliver, "opened_target", opened):
        try:
            pool.deliver_due()
            Target.objects.create(name="other", backend="webhook")
            api.sweep()
            pool.deliver_due()
            eventually(lambda: all(inbox.replica(one.course_id).equals(one) for one in courses), "the other target")
        finally:
            let_go.set()
            pool.close()
            pool.wait(60)


@both
class TestTwoTargetsAtOnce:
    """Two operators add a target of the same name, and each has found the name free."""

    def test_one_is_added_and_the_other_told(self, host, monkeypatch):
        check, meet, met = targets._check_name, threading.Barrier(2, timeout=PATIENCE), threading.local()

        def found_free(name: str) -> None:
            check(name)
            if not hasattr(met, "once"):
                met.once = True
                meet.wait()

        def add(org: str) -> str:
            try:
                return api.add_target("crm", url="https://127.0.0.1:9/", orgs=[org]).name
            except ConfigurationError as error:
                return error.message
            finally:
                connections.close_all()

        host.set(COURSE_SYNC_ALLOWED_PRIVATE_HOSTS=["127.0.0.1"])
        monkeypatch.setattr(targets, "_check_name", found_free)
        with ThreadPoolExecutor(2) as threads:
            said = sorted(threads.map(add, ["OrgX", "OrgY"]), key=len)
        assert said == ["crm", "There is a target 'crm' already; remove it first, or take another name."]
        assert Target.objects.get().subscriptions.count() == 1
