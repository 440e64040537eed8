"""The numbers of the last requests to a target: right for a known history, and as fast with a million attempts."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Course, DatabaseNow, Lane, Target, digest_of
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep.status import traffic
from course_sync_plugin.upkeep.status.traffic import Sample, Traffic
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.upkeep.test_status import said

pytestmark = pytest.mark.django_db


def recent(name: str = "crm") -> dict:
    return next(one["recent"] for one in api.status()["targets"] if one["name"] == name)


def last_day(name: str) -> dict:
    return next(one["last_day"] for one in api.status()["targets"] if one["name"] == name)


def a_lane(name: str = "t") -> Lane:
    """Make a target with a lane of a course."""
    target = Target.objects.create(name=name, backend="webhook")
    course, _made = Course.objects.get_or_create(key=COURSE, key_digest=digest_of(COURSE), org="Org")
    return Lane.objects.create(target=target, course=course, cursor=0)


def attempted(lane: Lane, ago: float, seconds: float = 0.1, **values) -> Attempt:
    """Store an attempt that began ``ago`` seconds before now."""
    values = {"operations": 1, "sequence": 1, "message_id": "m", **values}
    return Attempt.objects.create(target=lane.target, lane=lane, began_at=DatabaseNow(-ago), seconds=seconds, **values)


class TestAKnownHistory:
    def test_with_a_real_receiver(self, shelf, receiver):
        """One snapshot; an update that the receiver does not answer at first; an update of which it refuses one."""
        receiver.faults.append(Refuse(500))
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_due()
        assert (recent()["attempts"], recent()["success_rate"], recent()["operations_per_minute"]) == (1, 0, 0)
        Lane.objects.update(due_at=DatabaseNow())
        api.deliver_until_empty()
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no such class"))
        shelf.publish(a_course("v2", titles={"unit-0-0": "New", "unit-0-1": "New"}))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        found = recent()
        assert {name: found[name] for name in ("attempts", "answered", "refused", "unanswered")} == {
            "attempts": 3, "answered": 2, "refused": 0, "unanswered": 1,
        }  # fmt: skip
        assert found["success_rate"] == pytest.approx(2 / 3, abs=1e-4)
        done = len(a_course("v1")) + 1
        assert found["operations_per_minute"] == pytest.approx(done / 60, abs=0.01)
        seconds = sorted(Attempt.objects.values_list("seconds", flat=True))
        assert (found["p50_seconds"], found["p95_seconds"]) == (round(seconds[1], 4), round(seconds[2], 4))

    def test_what_a_receiver_refuses(self, shelf, receiver):
        receiver.faults.append(Refuse(401))
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_due()
        assert (recent()["attempts"], recent()["refused"], recent()["unanswered"]) == (1, 1, 0)

    def test_without_an_attempt(self, shelf):
        a_lane()
        assert recent("t") == {
            "window_seconds": 3600, "attempts": 0, "answered": 0, "refused": 0, "unanswered": 0, "success_rate": None,
            "operations_per_minute": 0, "p50_seconds": None, "p95_seconds": None,
        }  # fmt: skip

    def test_an_hour_and_no_longer(self, shelf):
        lane = a_lane()
        for ago in (3660, 3540, 10):
            attempted(lane, ago)
        assert recent("t")["attempts"] == 2

    def test_the_last_day_by_hour(self, shelf):
        lane = a_lane()
        for ago, error_class in ((10, ""), (20, "TransientError"), (2 * 3600 + 10, ""), (86_390, ""), (86_410, "")):
            attempted(lane, ago, error_class=error_class)
        found = last_day("t")
        assert (found["attempts"], found["answered"], found["window_seconds"]) == (4, 3, 86400)
        assert found["success_rates"] == [1, *[None] * 20, 1, None, 0.5]

    def test_each_target_has_its_own(self, shelf):
        for at, name in enumerate(("a", "b"), 1):
            lane = a_lane(name)
            for _ in range(at):
                attempted(lane, 5, seconds=at)
        assert [(recent(name)["attempts"], recent(name)["p50_seconds"]) for name in ("a", "b")] == [(1, 1), (2, 2)]


class TestABusyTarget:
    @pytest.fixture
    def busy(self, shelf, monkeypatch):
        """Let a target have 30 attempts, one each 10 seconds, where 10 are read; another target has one."""
        monkeypatch.setattr(traffic, "MOST_ATTEMPTS", 10)
        lane = a_lane("busy")
        for at in range(30):
            attempted(lane, 5 + 10 * at, seconds=at, operations=2)
        attempted(a_lane("quiet"), 3000)

    def test_the_newest_are_read(self, busy):
        found = recent("busy")
        assert (found["attempts"], found["p95_seconds"]) == (10, 9)
        assert found["window_seconds"] == pytest.approx(105, abs=3)

    def test_the_throughput_is_that_of_the_time_they_took(self, busy):
        assert recent("busy")["operations_per_minute"] == pytest.approx(20 * 60 / 105, rel=0.05)

    def test_it_takes_nothing_from_another_target(self, busy):
        assert (recent("quiet")["attempts"], recent("quiet")["window_seconds"]) == (1, 3600)

    def test_the_last_day_is_read_no_further(self, busy):
        found = last_day("busy")
        assert found["attempts"] == 10
        assert found["window_seconds"] == pytest.approx(105, abs=3)

    def test_the_hour_is_not_crowded_by_the_day(self, shelf, monkeypatch):
        monkeypatch.setattr(traffic, "MOST_ATTEMPTS", 10)
        lane = a_lane("t")
        for at in range(15):
            attempted(lane, 10 if at < 5 else 4000 + at)
        assert (recent("t")["attempts"], recent("t")["window_seconds"]) == (5, 3600)
        assert last_day("t")["attempts"] == 10

    def test_the_table_says_of_how_many_minutes(self, busy):
        lines = said()
        at = lines.index("Requests of the last hour")
        assert lines[at + 2].split()[:4] == ["busy", "10", "in", "2"]
        assert lines[at + 3].split()[:3] == ["quiet", "1", "100.0%"]

    def test_its_rows_and_queries(self, busy):
        rows = traffic.with_window(Target.objects.all())
        with own_queries() as queries:
            read = traffic.read_traffic(list(rows))
        assert len(queries) == 2
        assert sum(len(one.samples) for one in read.values()) == 11


def test_the_table_fits_eighty_columns(shelf):
    lane = a_lane("a-target-with-a-rather-long-name")
    for ago in range(5):
        attempted(lane, ago + 1, seconds=43200, operations=10_000)
    lines = said()
    at = lines.index("Requests of the last hour")
    assert lines[at + 2].split() == ["a-target-with-a-rather-long-name", "5", "100.0%", "833.33", "43200.0", "43200.0"]
    assert max(map(len, lines[at : at + 3])) <= 80


def test_a_target_without_requests_has_no_line(shelf):
    a_lane()
    assert "Requests of the last hour" not in said()


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=60), st.sampled_from([(0.5, "p50"), (0.95, "p95")]))
def test_a_quantile_is_not_exceeded_by_its_share(seconds, quantile):
    """And by no smaller duration: it is one of them."""
    share, name = quantile
    now = datetime.now(UTC)
    found = Traffic([Sample(1, now, one, 1, 0, "") for one in seconds]).as_dict()[f"{name}_seconds"]
    ranked = sorted(round(one, 4) for one in seconds)
    below = [one for one in ranked if one <= found]
    assert found in ranked
    assert len(below) >= math.ceil(share * len(ranked))
    assert sum(one < found for one in ranked) < math.ceil(share * len(ranked))
