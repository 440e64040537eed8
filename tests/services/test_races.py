"""Tests races of recorders and deliverers at one course and one lane: no operation stays undelivered.

On MariaDB and on PostgreSQL.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import ClassVar
from unittest import mock

import attrs
import pytest
from django.db import IntegrityError, connections, transaction

from course_sync_plugin import api
from course_sync_plugin.data import Answer, Message, Operation
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.journal.append import append, lock
from course_sync_plugin.lanes import claim, deliver, next_envelope
from course_sync_plugin.lanes.due import wake_lanes
from course_sync_plugin.lanes.next_envelope import NextEnvelope
from course_sync_plugin.models import (
    Course,
    CourseContext,
    DatabaseNow,
    JournalOperation,
    Lane,
    Problem,
    ProblemState,
    RunKind,
    Target,
    digest_of,
)
from course_sync_plugin.testing.inbox import Inbox
from course_sync_plugin.upkeep.targets import change
from tests.integration.courses import COURSE, a_course, block
from tests.services.host import check_journal, lane_of, publish, published
from tests.services.processes import PATIENCE, eventually

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

#: Seconds that two threads run at the same time.
RACE_SECONDS = 4

#: Runs that are recorded while a deliverer ends its turn.
RUNS = 200


@attrs.define(slots=False)  # the lane sets while_waiting
class Known:
    """A target in this process: an inbox of the receiver kit."""

    in_transaction: ClassVar[bool] = False
    needs_link: ClassVar[bool] = False
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
    """A target without a network, so that the races are in the database only."""
    known = Known()
    host.set(COURSE_SYNC_LEASE_SECONDS=30)
    Target.objects.create(name="crm", backend="webhook")
    with mock.patch.object(deliver, "open_target", known.opened):
        yield known


@contextmanager
def one_thread() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool with one thread. The thread has its own database connection, which is closed at the end."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool
        finally:
            pool.submit(connections.close_all).result()


def record_one() -> None:
    """Append a run of one operation to the journal, as a sync does."""
    with transaction.atomic():
        course = lock(Course.objects.get(key=COURSE))
        title = {"display_name": f"Title {course.last_position}"}
        operation = Operation("update", "unit", block("vertical", "unit-0-0"), "vertical", fields=title)
        append(course, [operation], RunKind.CHANGES)
        wake_lanes(course)


@pytest.fixture
def lane(target) -> Lane:
    """A lane in step with a small course."""
    publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    return lane_of(COURSE)


def is_forgotten() -> bool:
    """Tell whether a lane has something to deliver but is not due."""
    lane = lane_of(COURSE)
    return lane.cursor < lane.course.last_position and lane.due_at is None and not lane.lease_token


@both
class TestFallingAsleep:
    """A run is recorded at each step of a deliverer that is ending its turn: the lane is about to become not due."""

    @pytest.mark.parametrize("step", ["_load_state_and_find", "_columns_at_rest"])
    def test_a_run_that_comes_just_then_is_delivered(self, lane, target, step):
        record_one()
        original = getattr(NextEnvelope, step)
        times = iter(range(3))

        def followed_by_a_run(turn):
            result = original(turn)
            if next(times, None) is not None:
                recorder.submit(record_one).result()
            return result

        with one_thread() as recorder, mock.patch.object(NextEnvelope, step, followed_by_a_run):
            api.deliver_lane(lane.pk)
        assert not is_forgotten()
        api.deliver_until_empty()
        assert target.inbox.counters["update unit"] == 4

    def test_a_run_that_is_committed_while_the_deliverer_waits_for_the_row(self, lane, target):
        """The recorder has changed the lane's row but not committed: the deliverer waits, and the lane stays due."""
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

        with one_thread() as recorder, mock.patch.object(next_envelope, "sleep", sleep):
            api.deliver_lane(lane.pk)
        assert not is_forgotten()
        api.deliver_until_empty()
        assert target.inbox.counters["update unit"] == 2


@both
def test_hundreds_of_runs_each_while_a_deliverer_falls_asleep(lane, target):
    """Each run is recorded at a random moment of a turn that finds nothing, or only earlier operations."""
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
            Lane.objects.filter(due_at=None).update(due_at=DatabaseNow())  # otherwise the next turn would not begin
    api.deliver_until_empty()
    assert target.inbox.violations == []
    assert target.inbox.counters["update unit"] == RUNS


def record_after(seconds: float) -> None:
    time.sleep(seconds)
    record_one()


@both
def test_two_recorders_and_two_deliverers(lane, target):
    """Two processes sync what two authors publish, and two deliver: a journal without gaps, in order, and complete."""
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
    """It has more lanes than threads; the lanes of the other target are delivered meanwhile."""
    let_go, inbox, lock = threading.Event(), Inbox(), threading.Lock()

    class Opened:
        in_transaction = False
        needs_link = False

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
    with mock.patch.object(deliver, "open_target", opened):
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
def test_a_publish_goes_before_the_first_fills_that_wait(host):
    """A backfill has made more lanes due than there are threads; then an author publishes another course."""
    let_go, sent = threading.Event(), []

    class Opened:
        in_transaction = False
        needs_link = False

        def send(self, message: Message) -> Answer:
            sent.append(message.course_id)
            assert let_go.wait(PATIENCE)
            return Answer()

    @contextmanager
    def opened(_row: Target) -> Iterator[Opened]:
        yield Opened()

    host.set(COURSE_SYNC_LEASE_SECONDS=60)
    Target.objects.create(name="crm", backend="webhook")
    pool = api.LanePool(1)
    with mock.patch.object(deliver, "open_target", opened):
        try:
            publish(a_course("v1"))
            api.sync_course(COURSE)
            let_go.set()
            api.deliver_until_empty()
            let_go.clear()
            for at in range(5):
                api.sync_course(publish(a_course("v1", course=f"course-v1:Org+Course+Run{at}")).course_id)
            pool.deliver_due()
            eventually(lambda: len(sent) == 2, "the first of the first fills")
            publish(a_course("v2", sections=1))
            api.sync_course(COURSE)
            pool.deliver_due()
            let_go.set()
            eventually(lambda: len(sent) >= 3, "the next delivery")
            assert sent[2] == COURSE
        finally:
            let_go.set()
            pool.close()
            pool.wait(60)


@both
class TestTwoTargetsAtOnce:
    """Two operators add a target with the same name, after each check has found the name free."""

    def test_one_is_added_and_the_other_told(self, host, monkeypatch):
        check, meet, met = change._check_name, threading.Barrier(2, timeout=PATIENCE), threading.local()

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
        monkeypatch.setattr(change, "_check_name", found_free)
        with ThreadPoolExecutor(2) as threads:
            said = sorted(threads.map(add, ["OrgX", "OrgY"]), key=len)
        assert said == ["crm", "There is already a target 'crm'. Remove it first, or use another name."]
        assert Target.objects.get().subscriptions.count() == 1


@both
class TestARemovalThatWasShown:
    """The target is still as it was shown when the operator agrees, and changes while the removal begins."""

    @pytest.fixture
    def shown(self, host) -> str:
        """Add a target with a lane; return the token of its removal."""
        host.set(COURSE_SYNC_ALLOWED_PRIVATE_HOSTS=["127.0.0.1"])
        api.add_target("crm", url="https://127.0.0.1:9/")
        publish(a_course("v1"))
        api.sync_course(COURSE)
        return api.removal_plan("crm").token

    def test_it_waits_for_a_worker_and_sees_what_the_worker_wrote(self, shown):
        with ThreadPoolExecutor(1) as thread:
            with transaction.atomic():
                Lane.objects.update(nudged=True)  # a worker locks the lane first
                self._fail_an_operation()
                removing = thread.submit(self._remove, shown)
                time.sleep(1)
                assert not removing.done()
            removed = removing.result(PATIENCE)
        assert "is no longer valid" in removed.error
        assert not Lane.objects.get().paused
        assert self._remove(api.removal_plan("crm").token).error == ""
        assert not Lane.objects.exists()

    def test_a_new_context_is_seen_or_is_not_written(self, shown):
        """PostgreSQL checks the foreign key of the context when it is committed, MariaDB when it is inserted."""
        is_written = True
        with ThreadPoolExecutor(1) as thread:
            try:
                with transaction.atomic():
                    values = {"target": Target.objects.get(), "course_key": COURSE, "values": {"level": "A2"}}
                    CourseContext.objects.create(key_digest=digest_of(COURSE), **values)
                    removing = thread.submit(self._remove, shown)
                    time.sleep(1)
            except IntegrityError:
                is_written = False
            removed = removing.result(PATIENCE)
        assert bool(removed.error) == is_written == CourseContext.objects.exists() == Target.objects.exists()

    def test_two_operators_at_once(self, shown):
        with ThreadPoolExecutor(2) as threads:
            removed = list(threads.map(self._remove, [shown, shown]))
        assert sorted(bool(one.error) for one in removed) == [False, True]
        assert not Target.objects.exists()

    @staticmethod
    def _fail_an_operation() -> None:
        operation = JournalOperation.objects.first()
        state, since = ProblemState.FAILED, DatabaseNow()
        Problem.objects.create(lane=Lane.objects.get(), operation=operation, state=state, since=since)

    @staticmethod
    def _remove(token: str) -> api.Removed:
        try:
            return api.remove_shown("crm", token)
        except UnknownName as error:
            return api.Removed(token, error=error.message)
        finally:
            connections.close_all()
