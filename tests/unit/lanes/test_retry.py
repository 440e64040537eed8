"""When a lane tries again: by a schedule or by a backoff, within limits in attempts and in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.retry import BACKOFF_ATTEMPTS, JITTER, Retries, backoff_wait
from course_sync_plugin.sanitize.limits import RETRY_ATTEMPTS
from course_sync_plugin.targets.base import parse_options
from course_sync_plugin.targets.webhook import WebhookTarget

SITE = [10, 100]


@pytest.mark.parametrize(
    ("options", "attempts"),
    [
        ({}, 3),
        ({"retry_schedule": []}, 1),
        ({"retry_schedule": [1, 1, 1]}, 4),
        ({"retry_attempts": 1}, 1),
        ({"retry_attempts": 7}, 7),
        ({"retry_hours": 1}, 3),
        ({"retry_backoff": [1, 60]}, BACKOFF_ATTEMPTS),
        ({"retry_backoff": [1, 60], "retry_attempts": 4}, 4),
        ({"retry_backoff": [1, 60], "retry_hours": 1}, RETRY_ATTEMPTS.most),
        ({"retry_backoff": [1, 60], "retry_schedule": [1]}, BACKOFF_ATTEMPTS),
    ],
    ids=str,
)
def test_the_limit_in_attempts(options, attempts):
    retries = Retries.of(options, SITE)
    assert retries.attempts == attempts
    waits = [retries.wait(at) for at in range(1, attempts + 1)]
    assert waits[-1] is None
    assert None not in waits[:-1]


@pytest.mark.parametrize(("elapsed", "is_over"), [(0, False), (3599, False), (3600, True), (1e9, True)])
@pytest.mark.parametrize("options", [{}, {"retry_backoff": [1, 2]}], ids=str)
def test_the_limit_in_time(elapsed, is_over, options):
    retries = Retries.of({**options, "retry_hours": 1}, SITE, elapsed)
    assert (retries.wait(1) is None) == is_over


def test_a_schedule_that_is_shorter_than_the_attempts_repeats_its_last_wait():
    retries = Retries.of({"retry_attempts": 6}, SITE)
    waits = [retries.wait(at) for at in range(1, 6)]
    for wait, planned in zip(waits, (10, 100, 100, 100, 100)):
        assert planned <= wait <= planned * (1 + JITTER)


def test_attempts_without_a_schedule_follow_at_once():
    retries = Retries.of({"retry_attempts": 3, "retry_schedule": []}, SITE)
    assert [retries.wait(at) for at in range(1, 4)] == [0, 0, None]


@given(st.floats(0.1, 1e5), st.floats(0.1, 1e5), st.integers(1, 2000))
def test_a_backoff_stays_within_its_bound(one, other, attempts):
    first, most = sorted((one, other))
    bound = most if attempts > 60 else min(most, first * 2 ** (attempts - 1))
    assert 0 <= backoff_wait(first, most, attempts) <= bound * 1.000001


def test_its_jitter_is_full():
    """The waits after the same attempt are spread over the whole range, not only near its end."""
    waits = sorted(backoff_wait(100, 1000, 2) for _ in range(400))
    assert waits[0] < 30
    assert waits[-1] > 170
    assert 70 < waits[200] < 130


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("retry_backoff=1,60", {"retry_backoff": [1, 60]}),
        ("retry_backoff=0.5, 0.5", {"retry_backoff": [0.5, 0.5]}),
        ("retry_attempts=3", {"retry_attempts": 3}),
        ("retry_hours=0.5", {"retry_hours": 0.5}),
        ("breaker_failures=1", {"breaker_failures": 1}),
        ("parallel_lanes=2", {"parallel_lanes": 2}),
    ],
)
def test_the_options(text, value):
    assert parse_options(WebhookTarget, [text]) == value


@pytest.mark.parametrize(
    "text",
    [
        *(f"retry_backoff={value}" for value in ("", "1", "1,2,3", "60,1", "0,1", "1,1e12", "a,b", "nan,nan")),
        *(f"retry_attempts={value}" for value in ("0", "1001", "1.5", "x", "inf")),
        *(f"retry_hours={value}" for value in ("0", "8785", "nan", "-1")),
        *(f"breaker_failures={value}" for value in ("0", "1001", "")),
        *(f"parallel_lanes={value}" for value in ("0", "1001", "two")),
    ],
)
def test_options_that_are_wrong(text):
    with pytest.raises(ConfigurationError, match=text.partition("=")[0]):
        parse_options(WebhookTarget, [text])


@pytest.mark.parametrize(("attempts", "bound"), [(1, 5), (2, 10), (3, 20), (5, 80), (6, 100), (1000, 100)])
def test_the_bound_of_a_backoff_doubles(attempts, bound, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda least, most: most)
    assert backoff_wait(5, 100, attempts) == bound
