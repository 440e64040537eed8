"""The histogram of durations: quantiles within the documented error, and sums of days."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.upkeep.summaries.durations import LAST, Durations, bucket_of, middle_of

ERROR = 2 ** (1 / 8) - 1
SECONDS = st.floats(0.001, 86_400)


def exact(seconds: list[float], share: float) -> float:
    return sorted(seconds)[max(1, math.ceil(share * len(seconds))) - 1]


@given(st.lists(SECONDS, min_size=1, max_size=200), st.sampled_from([0, 0.5, 0.95, 0.99, 1]))
def test_a_quantile_differs_by_nine_percent_at_most(seconds, share):
    found, right = Durations.of(seconds).quantile(share), exact(seconds, share)
    assert right / (1 + ERROR) * 0.999999 <= found <= right * (1 + ERROR) * 1.000001
    assert round(ERROR, 3) == 0.091


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_two_days_added_are_as_if_they_were_one(first, second):
    both = Durations.of(first) + Durations.of(second)
    assert both == Durations.of([*first, *second])
    assert both.total == len(first) + len(second)


@given(st.lists(SECONDS))
def test_what_is_stored_is_read_back(seconds):
    durations = Durations.of(seconds)
    assert Durations.from_json(durations.as_json()) == durations


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, 0), (-1, 0), (0.001, 0), (0.00118, 0), (0.0012, 1), (0.002, 4), (1, 39), (86_400, 105), (1e300, LAST)],
)
def test_buckets(seconds, bucket):
    assert bucket_of(seconds) == bucket


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_duration_falls_into_some_bucket(seconds):
    assert 0 <= bucket_of(seconds) <= LAST


def test_without_durations_there_is_no_quantile():
    assert Durations().quantile(0.5) is None
    assert Durations().as_json() == {}


def test_the_last_bucket_holds_a_day():
    assert middle_of(LAST - 1) < 86_400 < middle_of(LAST + 1)
