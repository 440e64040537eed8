"""Tests races at the breaker of a target and at its limit of lanes: on MariaDB and on PostgreSQL."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar
from unittest import mock

import attrs
import pytest
from django.db import connections

from course_sync_plugin import api
from course_sync_plugin.data import Answer, Message
from course_sync_plugin.exceptions import PermanentError, RateLimited, TransientError
from course_sync_plugin.lanes import breaker, deliver
from course_sync_plugin.lanes.claim import claim_lane, due_lanes, lanes_to_begin
from course_sync_plugin.lanes.deliver import deliver_lane
from course_sync_plugin.models import DatabaseNow, Lane, Target, leases
from course_sync_plugin.testing.inbox import Inbox
from tests.integration.courses import a_course
from tests.services.host import publish

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

THREADS = 8
ROUNDS = 15
RACE_SECONDS = 5


@attrs.define(slots=False)  # the lane sets while_waiting
class Weather:
    """A target in this process that answers, or fails in a random way."""

    in_transaction: ClassVar[bool] = False
    needs_link: ClassVar[bool] = False
    inbox: Inbox = attrs.field(factory=Inbox)
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    is_bad: bool = True

    def send(self, message: Message) -> Answer:
        with self.lock:
            kind = random.choice(["fine", "silent", "silent", "silent", "slow"]) if self.is_bad else "fine"
            if kind == "silent":
                raise TransientError("silence")
            if kind == "slow":
                raise RateLimited("slowly", retry_after=0.01)
            if self.is_bad and random.random() < 0.02:
                raise PermanentError("no")
            self.inbox.deliver(message.message_id, message.body)
        return Answer()

    @contextmanager
    def opened(self, _row: object) -> Iterator[Weather]:
        yield self


@pytest.fixture
def target(host) -> Iterator[Weather]:
    weather = Weather()
    host.set(COURSE_SYNC_LEASE_SECONDS=30)
    Target.objects.create(name="crm", backend="webhook")
    with mock.patch.object(deliver, "open_target", weather.opened):
        yield weather


@pytest.fixture
def lanes(target) -> list[int]:
    for at in range(THREADS):
        publish(a_course("v1", course=f"course-v1:Org+C{at}+Run", sections=1, units=1))
    api.sync_marked()
    return list(Lane.objects.order_by("pk").values_list("pk", flat=True))


def at_once(*jobs: Callable[[], object]) -> list[object]:
    """Run each job in a thread of its own, all at the same moment; raise the first error."""
    together = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        try:
            together.wait()
            return job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return [running.result() for running in [pool.submit(run, job) for job in jobs]]


@both
def test_exactly_one_worker_gets_the_probe(lanes):
    """Each worker tries to claim another lane, or all try the same lane."""
    for at in range(ROUNDS):
        Lane.objects.update(lease_token="", lease_until=None)
        Target.objects.update(breaker_opened_at=DatabaseNow(-9), breaker_probe_at=DatabaseNow(-1), breaker_token=None)
        wanted = lanes if at % 2 else [due_lanes()[0][0]] * THREADS
        claimed = [lane for lane in at_once(*(lambda pk=pk: claim_lane(pk) for pk in wanted)) if lane]
        assert [lane.lease_token for lane in claimed] == [Target.objects.get().breaker_token]
        assert Lane.objects.exclude(lease_token="").count() == 1


@both
def test_the_limit_of_lanes_at_once_is_kept_and_nobody_starves(lanes):
    Target.objects.update(options={"parallel_lanes": 2})
    ends_at, held, served = time.monotonic() + RACE_SECONDS, [], set()

    def work() -> None:
        while time.monotonic() < ends_at:
            for pk, _target_id in lanes_to_begin():
                lane = claim_lane(pk)
                if lane:
                    held.append(Lane.objects.exclude(lease_token="").count())
                    served.add(pk)
                    time.sleep(0.02)
                    leases.release(lane, lane.lease_token, due_at=DatabaseNow())
            time.sleep(random.uniform(0, 0.02))

    at_once(*[work] * 4)
    assert served == set(lanes)
    assert len(held) > len(lanes)
    assert Lane.objects.exclude(lease_token="").count() == 0
    # Two workers that do not see each other may both stay, and a claim that is given back is counted here too.
    assert sorted(held)[len(held) // 2] <= 3
    Lane.objects.filter(pk__in=lanes[:2]).update(lease_token="somebody", lease_until=DatabaseNow(30))
    assert lanes_to_begin() == []


@both
def test_failures_answers_and_sweeps_without_a_deadlock(lanes, target):
    """In the end, when the target answers, each lane is in step: no work is lost or held."""
    Target.objects.update(options={"breaker_failures": 2, "retry_schedule": [0, 0]})
    ends_at = time.monotonic() + RACE_SECONDS

    def work() -> None:
        while time.monotonic() < ends_at:
            for pk, _target_id in due_lanes():
                deliver_lane(pk, seconds=0.2)

    def author() -> None:
        number = 0
        while time.monotonic() < ends_at:
            number += 1
            key = f"course-v1:Org+C{number % THREADS}+Run"
            publish(a_course(f"v{number + 1}", course=key, sections=1, units=1 + number % 3))
            api.sync_marked()

    def operator() -> None:
        while time.monotonic() < ends_at:
            api.sweep()
            api.raise_course("course-v1:Org+C1+Run", undo=random.choice([True, False]))
            time.sleep(0.1)

    with mock.patch.object(breaker, "FIRST_PROBE", 0.02), mock.patch.object(breaker, "MOST_PROBE", 0.1):
        at_once(work, work, work, work, author, operator)
    target.is_bad = False
    api.sync_marked()
    for _ in range(3):
        Target.objects.exclude(breaker_opened_at=None).update(breaker_probe_at=DatabaseNow())
        api.deliver_until_empty()
        api.sweep()
        Lane.objects.exclude(due_at=None).update(due_at=DatabaseNow())
    api.retry("crm")
    api.deliver_until_empty()
    assert Target.objects.get().breaker_opened_at is None
    assert not Lane.objects.filter(stopped_by_target=True).exists()
    assert {target_["state"] for target_ in api.status()["targets"]} == {"in step"}
