"""The rate budget of one process."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import RateLimited
from course_sync_plugin.targets.two_way.budget import MOST_WAIT, LocalBudget


class Clock:
    """A clock that only sleeping and the test move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def budget(clock):
    return LocalBudget(full=600, per_second=10, floor=100, clock=clock, sleep=clock.sleep)


def test_requests_are_free_until_the_floor(budget, clock):
    for _ in range(10):
        budget.take(50)
    assert clock.now == 0


def test_a_short_wait_is_waited(budget, clock):
    budget.told(140)
    budget.take(50)
    assert clock.now == pytest.approx(1)


def test_a_long_wait_is_given_back(budget, clock):
    budget.told(50)
    with pytest.raises(RateLimited) as error:
        budget.take(50)
    assert (error.value.retry_after, clock.now) == (pytest.approx(10), 0)
    clock.now = 10
    budget.take(50)
    assert clock.now == 10


def test_what_was_refused_is_not_taken(budget, clock):
    budget.told(120)
    for _ in range(5):
        with pytest.raises(RateLimited) as error:
            budget.take(50)
        assert error.value.retry_after == pytest.approx(3)


def test_units_come_back(budget, clock):
    for _ in range(10):
        budget.take(50)
    clock.now = 50
    for _ in range(10):
        budget.take(50)
    assert clock.now == 50


def test_what_the_other_system_says_holds(budget, clock):
    budget.take(50)
    budget.told(599)
    for _ in range(9):
        budget.take(50)
    assert clock.now == 0
    with pytest.raises(RateLimited):
        budget.told(-200)
        budget.take(50)


@pytest.mark.parametrize(("told", "wait"), [(1e300, 0), (-1e300, 75)])
def test_it_cannot_say_anything(budget, told, wait):
    budget.told(told)
    if wait:
        with pytest.raises(RateLimited) as error:
            budget.take(50)
        assert error.value.retry_after == wait
    else:
        budget.take(50)


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(1, 60)), max_size=60))
def test_no_more_is_taken_than_there_is(steps):
    """Whatever the pauses and the costs, all that was taken is at most what there was and what came back."""
    clock = Clock()
    budget = LocalBudget(full=600, per_second=10, floor=100, clock=clock, sleep=clock.sleep)
    taken = 0.0
    for pause, cost in steps:
        clock.now += pause
        before = clock.now
        with suppress(RateLimited):
            budget.take(cost)
            taken += cost
        assert clock.now - before <= MOST_WAIT
        assert taken <= 500 + 10 * clock.now + 1e-6


def test_threads_share_it():
    budget = LocalBudget(full=600, per_second=1e-9, floor=100)
    refused = []

    def take():
        try:
            budget.take(50)
        except RateLimited as error:
            refused.append(error)

    threads = [threading.Thread(target=take) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 15
