"""Leases: how workers claim, use, renew and lose them."""

from __future__ import annotations

import threading
import time

import attrs
import pytest
from django.db import OperationalError
from django.db.models import Q

from course_sync_plugin.models import Course, DatabaseNow, digest_of, leases
from tests.integration.courses import COURSE

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _lease_of_a_minute(settings):
    settings.COURSE_SYNC_LEASE_SECONDS = 60


@pytest.fixture
def course() -> Course:
    Course.objects.create(key="other", key_digest=digest_of("other"), org="Org", attempts=1)
    return Course.objects.create(key=COURSE, key_digest=digest_of(COURSE), org="Org", attempts=2)


def rows():
    return Course.objects.filter(key=COURSE)


def seconds_left() -> float:
    row = rows().annotate(now=DatabaseNow()).get()
    return (row.lease_until - row.now).total_seconds()


class TestTaking:
    def test_one_that_is_free(self, course):
        token = leases.claim(rows())
        assert len(token) == 32
        assert (rows().get().lease_token, rows().get().attempts) == (token, 2)
        assert 50 < seconds_left() <= 60
        assert Course.objects.get(key="other").lease_token == ""

    def test_each_token_is_another(self, course):
        first = leases.claim(rows())
        leases.release(course, first)
        assert leases.claim(rows()) not in (first, None)

    def test_not_one_that_is_held(self, course):
        token = leases.claim(rows())
        assert leases.claim(rows()) is None
        assert rows().get().lease_token == token

    def test_not_one_for_which_a_condition_does_not_hold(self, course):
        assert leases.claim(rows().filter(attempts=7)) is None
        assert rows().get().lease_token == ""

    @pytest.mark.parametrize(
        ("token", "where", "attempts"),
        [
            ("somebody", Q(attempts=2), 3),
            ("somebody", Q(attempts=7), 2),
            ("somebody", None, 2),
            ("", Q(attempts=2), 2),
        ],
    )
    def test_one_that_ran_out_counts_as_an_attempt_where_it_is_asked_for(self, course, token, where, attempts):
        rows().update(lease_token=token, lease_until=DatabaseNow(-1))
        assert leases.claim(rows(), count_lost_where=where) == rows().get().lease_token
        assert rows().get().attempts == attempts
        assert seconds_left() > 50

    @pytest.mark.parametrize(("token", "seconds", "free"), [("", 30, 1), ("x", -1, 1), ("x", 30, 0)])
    def test_what_is_free(self, course, token, seconds, free):
        rows().update(lease_token=token, lease_until=DatabaseNow(seconds))
        assert rows().filter(leases.free()).count() == free


class TestHolding:
    def test_a_change_holds_it_on(self, course):
        token = leases.claim(rows())
        rows().update(lease_until=DatabaseNow(5))
        leases.update_held(course, token, attempts=5)
        assert (rows().get().attempts, rows().get().lease_token) == (5, token)
        assert seconds_left() > 50

    def test_a_release_gives_it_back(self, course):
        leases.release(course, leases.claim(rows()), attempts=5)
        row = rows().get()
        assert (row.attempts, row.lease_token, row.lease_until) == (5, "", None)

    @pytest.mark.parametrize("change", [leases.update_held, leases.release])
    def test_nothing_is_written_where_it_is_lost(self, course, change):
        token = leases.claim(rows())
        with pytest.raises(leases.LeaseLost, match="was taken over by another worker") as lost:
            change(course, "another", attempts=5)
        assert COURSE in lost.value.message
        assert (rows().get().attempts, rows().get().lease_token) == (2, token)
        assert Course.objects.get(key="other").attempts == 1


@attrs.define
class Connection:
    """A connection that a database server may have cut. SQLite cuts none."""

    connection: object | None
    in_atomic_block: bool
    usable: bool
    is_closed: bool = False

    def is_usable(self) -> bool:
        return self.usable

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("in_transaction", [True, False])
@pytest.mark.parametrize("usable", [True, False])
def test_only_a_connection_that_was_cut_is_replaced(monkeypatch, is_open, in_transaction, usable):
    connection = Connection(object() if is_open else None, in_transaction, usable)
    monkeypatch.setattr(leases, "connection", connection)
    leases.replace_cut_connection()
    assert connection.is_closed is ((is_open, in_transaction, usable) == (True, False, False))


class Turns:
    """An event that is set after some waits. By its clock, each wait takes its full timeout."""

    def __init__(self, times: int, monkeypatch):
        self.times = times
        self.now = 1000.0
        self.waits: list[float] = []
        monkeypatch.setattr(leases.time, "monotonic", lambda: self.now)

    def wait(self, seconds: float) -> bool:
        if len(self.waits) == self.times:
            return True
        self.waits.append(seconds)
        self.now += seconds
        return False


class TestHoldingOn:
    """The work of the renewing thread, run in this thread. It must not close the connections of this thread."""

    @pytest.fixture(autouse=True)
    def _connections_stay(self, monkeypatch):
        monkeypatch.setattr(leases.connections, "close_all", lambda: None)

    @pytest.fixture
    def overdue(self) -> list[str]:
        return []

    def keep(self, course, turns, overdue, token="mine", seconds=90):
        rows().update(lease_token="mine", lease_until=DatabaseNow(1))
        leases._keep(course, token, seconds, lambda: overdue.append("overdue"), turns)

    def test_it_is_renewed_three_times_in_its_length(self, course, overdue, monkeypatch):
        turns = Turns(2, monkeypatch)
        self.keep(course, turns, overdue)
        assert (turns.waits, overdue) == ([20, 20], [])
        assert seconds_left() > 50

    def test_it_is_not_renewed_once_the_work_is_done(self, course, overdue, monkeypatch):
        self.keep(course, Turns(0, monkeypatch), overdue)
        assert (seconds_left() < 2, overdue) == (True, [])

    @pytest.mark.parametrize(("seconds", "waits"), [(50, [20, 20, 10]), (40.5, [20, 20, 0.5]), (40, [20, 20])])
    def test_what_takes_too_long_is_overdue_once_and_renewed_no_more(
        self, course, overdue, monkeypatch, seconds, waits
    ):
        turns = Turns(9, monkeypatch)
        self.keep(course, turns, overdue, seconds=seconds)
        assert (turns.waits, overdue) == (waits, ["overdue"])

    def test_who_has_lost_it_says_so_and_stops(self, course, overdue, monkeypatch, caplog):
        turns = Turns(9, monkeypatch)
        self.keep(course, turns, overdue, token="lost")
        assert (len(turns.waits), overdue) == (1, [])
        assert f"{COURSE} was taken over by another worker; its lease could not be renewed" in caplog.text

    def test_a_database_that_is_away_for_a_moment_is_tried_again(self, course, overdue, monkeypatch, caplog):
        turns, update_held = Turns(2, monkeypatch), leases.update_held

        def away_once(*args):
            monkeypatch.setattr(leases, "update_held", update_held)
            raise OperationalError("away")

        monkeypatch.setattr(leases, "update_held", away_once)
        self.keep(course, turns, overdue)
        assert (turns.waits, overdue) == ([20, 20], [])
        assert f"the lease of {COURSE} was not renewed (OperationalError); it is tried again" in caplog.text
        assert seconds_left() > 50

    def test_a_database_that_is_away_when_it_is_overdue(self, course, monkeypatch, caplog):
        def overdue() -> None:
            raise OperationalError("away")

        leases._keep(course, "mine", 10, overdue, Turns(9, monkeypatch))
        assert f"{COURSE} was not put off (OperationalError)" in caplog.text

    def test_the_thread_is_told_when_the_work_has_ended_and_is_waited_for(self, course, monkeypatch):
        seen = keeping(monkeypatch)
        with leases.renewed(course, "mine", 90, print):
            assert seen == []
        assert seen == [(course, "mine", 90, print, True, True)]

    def test_it_is_told_where_the_work_has_failed_too(self, course, monkeypatch):
        seen = keeping(monkeypatch)
        with pytest.raises(ValueError, match="no"), leases.renewed(course, "mine", 90, print):
            raise ValueError("no")
        assert len(seen) == 1


def keeping(monkeypatch) -> list[tuple]:
    """Record the arguments of the renewing thread, whether it is told to end, and whether it is a daemon."""
    seen: list[tuple] = []

    def keep(row, token, seconds, overdue, ended):
        is_told = ended.wait(60)
        time.sleep(0.05)  # a caller that does not wait for the thread finds nothing
        seen.append((row, token, seconds, overdue, is_told, threading.current_thread().daemon))

    monkeypatch.setattr(leases, "_keep", keep)
    return seen
