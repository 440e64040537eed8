"""Causal time: what knows of another change is later than it, whatever the clocks say."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.ledger.causal_time import Stamp, next_stamp

HOUR = 3_600_000
stamps = st.builds(Stamp, st.integers(0, 5), st.sampled_from(["openedx", "canvas", "forum"]))


@given(st.integers(0, 10), st.lists(stamps), st.none() | st.integers(0, 20))
def test_it_is_later_than_all_that_was_seen(clock: int, seen: list[Stamp], changed_at: int | None):
    assert all(stamp < next_stamp("canvas", clock, seen, changed_at) for stamp in seen)


def test_a_clock_that_is_ahead_wins_nothing():
    assert next_stamp("canvas", clock=10, changed_at=10 + HOUR) == Stamp(10, "canvas")


def test_a_clock_that_is_behind_still_comes_after_what_the_site_had_seen():
    assert next_stamp("canvas", clock=HOUR, changed_at=5, seen=[Stamp(10, "openedx")]) == Stamp(11, "canvas")


@given(st.lists(stamps, min_size=3, max_size=3))
def test_the_most_recent_does_not_depend_on_the_order(three: list[Stamp]):
    assert len({max(max(one, two), last) for one, two, last in permutations(three)}) == 1
