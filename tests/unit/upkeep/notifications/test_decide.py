"""The law of notifications: thresholds, groups, cool-downs and quiet recovery, over any course of troubles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.upkeep.notifications.decide import GROUP, Known, Terms, changes, due, over
from course_sync_plugin.upkeep.notifications.findings import Finding

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def ago(minutes: float | None) -> datetime | None:
    return None if minutes is None else NOW - timedelta(minutes=minutes)


def known(since: float, *, sent: float | None = None, closed: float | None = None, subject: str = "crm") -> Known:
    """Return a notice; all times are minutes ago."""
    return Known(1, 1, subject, ago(since), ago(since), 1, ago(sent), ago(closed))


def terms(threshold: float = 0, cooldown: float = 60) -> Terms:
    return Terms(timedelta(minutes=threshold), timedelta(minutes=cooldown))


@pytest.mark.parametrize(
    ("notice", "since", "threshold", "expected"),
    [
        (None, None, 15, "opened"),  # its begin is not known: the notice keeps it
        (None, 14.9, 15, ""),
        (None, 15, 15, "opened"),
        (None, -0.1, 0, ""),  # newer than the evaluation
        (known(20), 20, 15, ""),
        (known(20), None, 15, ""),
        (known(20, sent=5), 10, 15, "closed"),  # the trouble of now is younger than the threshold
        (known(20), 10, 15, "forgotten"),
        (known(20, sent=5, closed=2), None, 0, "reopened"),
        (known(20, sent=5, closed=2), 10, 15, ""),
    ],
)
def test_what_is_found(notice, since, threshold, expected):
    result = changes({"crm": notice} if notice else {}, [Finding(ago(since), "crm")], terms(threshold), NOW)
    assert [name for name in ("opened", "reopened", "closed", "forgotten") if getattr(result, name)] == (
        [expected] if expected else []
    )


@pytest.mark.parametrize(
    ("notice", "expected"),
    [(known(20), "forgotten"), (known(20, sent=5), "closed"), (known(20, sent=5, closed=2), "")],
)
def test_what_is_found_no_more(notice, expected):
    result = changes({"crm": notice}, [], terms(), NOW)
    assert [name for name in ("opened", "reopened", "closed", "forgotten") if getattr(result, name)] == (
        [expected] if expected else []
    )


@pytest.mark.parametrize(
    ("notice", "threshold", "is_due"),
    [
        (known(14.9), 15, False),
        (known(15), 15, True),
        (known(90, sent=59.9), 0, False),
        (known(90, sent=60), 0, True),
        (known(90, sent=60, closed=1), 0, False),
    ],
)
def test_what_is_due(notice, threshold, is_due):
    assert bool(due([notice], terms(threshold), NOW)) == is_due


@pytest.mark.parametrize(
    ("notice", "is_over"),
    [(known(90, sent=59.9, closed=30), False), (known(90, sent=60, closed=1), True), (known(90, sent=60), False)],
)
def test_what_is_over(notice, is_over):
    assert bool(over([notice], terms(), NOW)) == is_over


@pytest.mark.parametrize(("minutes", "cooldown", "waits"), [(4.9, 60, True), (5, 60, False), (1, 1, False)])
def test_a_new_trouble_waits_for_the_group(minutes, cooldown, waits):
    notices = [known(90, sent=minutes), known(1, subject="lms")._replace(pk=2)]
    assert ("lms" in [one.subject for one in due(notices, terms(0, cooldown), NOW)]) != waits


class Model:
    """The notices of one rule in memory, evaluated each minute, and what was told of them."""

    def __init__(self, terms: Terms):
        self.terms = terms
        self.notices: dict[str, Known] = {}
        self.told: list[tuple[int, str, bool]] = []
        self._keys = 0

    def evaluate(self, minute: int, troubled: Sequence[str]) -> None:
        now = NOW + timedelta(minutes=minute)
        found = changes(self.notices, [Finding(None, name) for name in troubled], self.terms, now)
        for finding, since in found.opened:
            self._keys += 1
            self._put(Known(self._keys, 1, finding.subject, since, since, 1, None, None))
        for old, since in found.reopened:
            self._put(old._replace(open_since=since, times=old.times + 1, closed_at=None))
        for old in found.closed:
            self._put(old._replace(closed_at=now))
        for old in found.forgotten:
            del self.notices[old.subject]
        for notice in due(list(self.notices.values()), self.terms, now):
            self.told.append((minute, notice.subject, True))
            self._put(notice._replace(last_sent_at=now))
        for notice in over(list(self.notices.values()), self.terms, now):
            self.told.append((minute, notice.subject, False))
            del self.notices[notice.subject]

    def _put(self, notice: Known) -> None:
        self.notices[notice.subject] = notice


NAMES = ("a", "b", "c")
HISTORIES = st.lists(st.lists(st.sampled_from(NAMES), unique=True), min_size=1, max_size=60)


@given(HISTORIES, st.integers(0, 10), st.integers(1, 20))
def test_the_law(history, threshold, cooldown):
    model = Model(terms(threshold, cooldown))
    for minute, troubled in enumerate(history):
        model.evaluate(minute, troubled)
    for name in NAMES:
        own = [(minute, lasts) for minute, subject, lasts in model.told if subject == name]
        began = [minute for minute, lasts in own if lasts]
        assert all(later - earlier >= cooldown for earlier, later in pairwise(began)), "no repeat in the cool-down"
        assert not own or own[0][1], "no end is told whose begin was not"
        assert all(before or after for (_, before), (_, after) in pairwise(own)), "an end is told once"
        assert all((name in history[minute]) == lasts for minute, lasts in own), "what is told is true"
        last_told = max(began, default=None)
        assert all(minute - max(m for m in began if m <= minute) >= cooldown for minute, lasts in own if not lasts)
        long_enough = threshold + cooldown + GROUP // timedelta(minutes=1)
        if len(history) > long_enough and all(name in troubled for troubled in history[-long_enough - 1 :]):
            assert last_told is not None, "what lasts is told"
    minutes = sorted({minute for minute, _, lasts in model.told if lasts})
    group = min(GROUP // timedelta(minutes=1), cooldown)
    assert all(later - earlier >= group for earlier, later in pairwise(minutes)), "troubles share messages"


def test_flapping_is_told_once_in_the_cool_down_with_how_often():
    model = Model(terms(0, 10))
    for minute in range(10):
        model.evaluate(minute, ["a"] if minute % 2 == 0 else [])
    assert model.told == [(0, "a", True)]
    model.evaluate(10, ["a"])
    assert model.told[1:] == [(10, "a", True)]
    assert model.notices["a"].times == 6
