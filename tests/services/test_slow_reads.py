"""Tests a course whose read takes long or never ends: it is read once, and it delays no other course."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from course_sync_plugin import api
from course_sync_plugin.models import Course, DatabaseNow, Marker, digest_of, leases
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, Shelf, a_course, recorded

pytestmark = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

#: Seconds after which an expected event counts as missing.
PATIENCE = 30


class SlowShelf(Shelf):
    """A source in which the reads of slow courses end only when ``let_go`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.slow: set[str] = set()
        self.reading = threading.Semaphore(0)
        self.let_go = threading.Event()

    def read(self, course_id: str):
        if course_id in self.slow:
            self.reads += 1
            self.reading.release()
            self.let_go.wait(PATIENCE)
            return self.courses[course_id]
        return super().read(course_id)


SLOW = SlowShelf()


def the_slow_shelf() -> SlowShelf:
    return SLOW


@pytest.fixture
def shelf(host) -> Iterator[SlowShelf]:
    host.set(COURSE_SYNC_SOURCE="tests.services.test_slow_reads.the_slow_shelf", COURSE_SYNC_LEASE_SECONDS=60)
    SLOW.__init__()
    yield SLOW
    SLOW.let_go.set()


def until(condition) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def key(name: str) -> str:
    return f"course-v1:Org+{name}+Run"


def versions() -> dict[str, str]:
    return dict(Course.objects.values_list("key", "published_version"))


@pytest.fixture
def pool() -> Iterator[api.SyncPool]:
    pool = api.SyncPool()
    yield pool
    SLOW.let_go.set()
    pool.close()
    pool.wait(PATIENCE)


def in_a_thread(threads: ThreadPoolExecutor, course: str):
    def work():
        try:
            return api.sync_course(course).outcome
        finally:
            connections.close_all()

    return threads.submit(work)


def until_renewed() -> None:
    """Wait until the lease of the course is renewed once more."""
    before = recorded().lease_until
    until(lambda: recorded().lease_until > before)


def cut_the_others() -> None:
    """Close every connection to this database except the connection of this thread."""
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            )
            for (one,) in cursor.fetchall():
                cursor.execute(f"KILL {one}")
        else:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


class TestALeaseThatIsShorterThanTheRead:
    @pytest.fixture(autouse=True)
    def _short(self, shelf, host):
        host.set(COURSE_SYNC_LEASE_SECONDS=0.6)

    def test_it_is_held_on_and_the_course_is_read_once(self, shelf):
        """A second worker, which comes after several lease times, finds that the first one still holds the lease."""
        shelf.slow.add(COURSE)
        shelf.publish(a_course("v1"))
        with ThreadPoolExecutor(1) as threads:
            reading = in_a_thread(threads, COURSE)
            assert shelf.reading.acquire(timeout=PATIENCE)
            until_renewed()
            time.sleep(0.7)  # longer than the lease
            assert api.sync_course(COURSE).outcome is Outcome.BUSY
            shelf.let_go.set()
            assert reading.result() is Outcome.RECORDED
        assert shelf.reads == 1

    def test_a_connection_that_is_cut_meanwhile_is_replaced(self, shelf, host):
        host.set(COURSE_SYNC_LEASE_SECONDS=3)
        shelf.slow.add(COURSE)
        shelf.publish(a_course("v1"))
        with ThreadPoolExecutor(1) as threads:
            reading = in_a_thread(threads, COURSE)
            assert shelf.reading.acquire(timeout=PATIENCE)
            until_renewed()
            cut_the_others()
            until_renewed()
            shelf.let_go.set()
            assert reading.result() is Outcome.RECORDED
        assert versions() == {COURSE: "v1"}

    def test_one_that_stands_is_kept(self, shelf):
        """Opening a connection costs more than the sync of an unchanged course."""
        shelf.publish(a_course("v1"))
        connection.ensure_connection()
        before = connection.connection
        assert api.sync_course(COURSE).outcome is Outcome.RECORDED
        assert connection.connection is before

    def test_one_that_is_lost_is_told(self, shelf, caplog):
        shelf.slow.add(COURSE)
        shelf.publish(a_course("v1"))
        with ThreadPoolExecutor(1) as threads:
            reading = in_a_thread(threads, COURSE)
            assert shelf.reading.acquire(timeout=PATIENCE)
            Course.objects.update(lease_token="another")
            shelf.let_go.set()
            assert reading.result() is Outcome.BUSY
        (line,) = [one for one in caplog.records if "discards what it has read" in one.getMessage()]
        assert (line.levelname, COURSE in line.getMessage()) == ("WARNING", True)


def test_one_in_other_hands_is_no_reason_to_look_again_at_once(shelf, pool):
    """Otherwise ``run`` would query the database without a pause while the other worker reads."""
    told = []
    pool._done = lambda: told.append(1)
    shelf.publish(a_course("v1"))
    course = Course.objects.create(key=COURSE, key_digest=digest_of(COURSE), org="Org")
    leases.claim(Course.objects.filter(pk=course.pk))
    pool.sync_due()
    assert pool._workers.wait(PATIENCE) == []
    assert told == []
    Course.objects.update(lease_token="")
    pool.sync_due()
    assert pool._workers.wait(PATIENCE) == []
    assert (told, versions()) == ([1], {COURSE: "v1"})


class TestOneThatHangs:
    def test_others_are_recorded_and_delivered_meanwhile(self, shelf, pool):
        shelf.slow |= {key("Slow1"), key("Slow2"), key("Slow3")}
        for course in sorted(shelf.slow):
            shelf.publish(a_course("v1", course=course))
        Marker.objects.update(seen_at=DatabaseNow(-10))  # these courses have waited longest
        healthy = shelf.publish(a_course("v1"))
        pool.sync_due()
        until(lambda: versions().get(COURSE) == "v1")
        with Receiver() as receiver:
            api.add_target("crm", url=receiver.url, secret=receiver.secret)
            api.deliver_until_empty()
            assert receiver.difference(healthy) == []
        assert shelf.reads == 4

    def test_at_its_deadline_it_is_put_off_and_its_place_is_free(self, shelf, host, pool, caplog):
        host.set(COURSE_SYNC_READ_SECONDS=0.5)
        shelf.slow |= {key(f"Slow{at}") for at in range(4)}  # as many courses as the pool has places
        for course in sorted(shelf.slow):
            shelf.publish(a_course("v1", course=course))
        pool.sync_due()
        for _ in shelf.slow:
            assert shelf.reading.acquire(timeout=PATIENCE)
        shelf.publish(a_course("v1"))

        def come_round() -> bool:
            pool.sync_due()
            return versions().get(COURSE) == "v1"

        until(come_round)
        slow = Course.objects.filter(key_digest__in=map(digest_of, shelf.slow))
        error = "The course was not read within 0.5 s (COURSE_SYNC_READ_SECONDS)."
        until(lambda: {one.last_error for one in slow.all()} == {error})
        assert {(one.attempts, one.lease_token, one.published_version) for one in slow.all()} == {(1, "", "")}
        assert Marker.objects.filter(seen_at__gt=DatabaseNow()).count() == 4  # due again later
        shelf.let_go.set()
        pool.close()
        pool.wait(PATIENCE)
        assert {one.published_version for one in slow.all()} == {""}  # the late structures are discarded
        assert "was not read within 0.5 s" in caplog.text


def test_a_lease_that_is_kept_is_not_renewed_afterwards(host):
    host.set(COURSE_SYNC_LEASE_SECONDS=0.3)
    course = Course.objects.create(key=COURSE, key_digest=digest_of(COURSE), org="Org")
    token = leases.claim(Course.objects.filter(pk=course.pk))
    with leases.renewed(course, token, PATIENCE, overdue=lambda: None):
        time.sleep(0.5)
        assert leases.claim(Course.objects.filter(pk=course.pk)) is None
    until(lambda: leases.claim(Course.objects.filter(pk=course.pk)))
