"""The custom attributes and spans that the monitoring of the host gets of tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from edx_django_utils.monitoring import TelemetryBackend
from waffle.testutils import override_switch

from course_sync_plugin import api, tasks
from course_sync_plugin.models import DatabaseNow, Job, Lane, Marker
from course_sync_plugin.testing.faults import Refuse
from tests.integration.courses import COURSE, a_course
from tests.integration.upkeep.test_status import OTHER

pytestmark = pytest.mark.django_db


class Recorded(TelemetryBackend):
    """A backend that keeps what it gets."""

    attributes: dict[str, object] = {}
    spans: list[str] = []

    def set_attribute(self, key, value):
        self.attributes[key] = value

    def record_exception(self):
        raise AssertionError("no exception is recorded")

    @contextmanager
    def create_span(self, name, operation_name=None) -> Iterator[None]:
        self.spans.append(name)
        yield

    def tag_root_span_with_error(self, exception):
        raise AssertionError("no error")

    def set_local_root_span_name(self, name, group=None, priority=None):
        raise AssertionError("no name")


@pytest.fixture(autouse=True)
def _backend(settings):
    settings.OPENEDX_TELEMETRY = [f"{__name__}.Recorded"]
    settings.COURSE_SYNC_QUIET_SECONDS = 0


def monitored(task, *args) -> dict[str, object]:
    """Run a task; return the attributes that it sets, without those of every task."""
    Recorded.attributes.clear()
    Recorded.spans.clear()
    task(*args)
    seconds = Recorded.attributes.pop("course_sync_seconds")
    assert isinstance(seconds, float)
    assert 0 <= seconds < 30
    return {key: value for key, value in Recorded.attributes.items() if not key.startswith("code_owner")}


def published(shelf, course: str = COURSE) -> None:
    shelf.publish(a_course("v1", course=course))
    Marker.objects.update(seen_at=DatabaseNow(-1))


class TestSyncs:
    def test_one_course(self, shelf):
        published(shelf)
        assert monitored(tasks.sync_marked) == {
            "course_id": COURSE,
            "course_sync_courses": 1,
            "course_sync_operations": len(a_course("v1")),
            "course_sync_outcome": "recorded",
        }
        steps = ["compare_versions", "read", "diff", "record"]
        assert Recorded.spans == [f"course_sync.sync.{step}" for step in steps]

    def test_several(self, shelf):
        published(shelf)
        shelf.break_(ValueError("no such file"), "v1", course=OTHER)
        Marker.objects.update(seen_at=DatabaseNow(-1))
        found = monitored(tasks.sync_marked)
        assert (found["course_sync_courses"], found["course_sync_outcome"]) == (2, "recorded,unreadable")
        assert found["course_sync_operations"] == len(a_course("v1"))

    def test_nothing(self, shelf):
        expected = {"course_sync_courses": 0, "course_sync_operations": 0, "course_sync_outcome": "nothing"}
        assert monitored(tasks.sync_marked) == expected


class TestDeliveries:
    @pytest.fixture
    def lane(self, shelf, receiver) -> Lane:
        published(shelf)
        api.sync_course(COURSE)
        return Lane.objects.get()

    def test_delivered(self, lane):
        assert monitored(tasks.deliver_lane, lane.pk) == {
            "course_id": COURSE,
            "course_sync_target": "crm",
            "course_sync_outcome": "delivered",
            "course_sync_envelopes": 1,
            "course_sync_operations": len(a_course("v1")),
        }
        assert Recorded.spans == ["course_sync.deliver.send"]

    @pytest.mark.parametrize(("status", "name"), [(500, "TransientError"), (401, "ConfigurationError")])
    def test_failed(self, lane, receiver, status, name):
        receiver.faults.append(Refuse(status))
        found = monitored(tasks.deliver_lane, lane.pk)
        assert (found["course_sync_outcome"], found["course_sync_error_class"]) == ("failed", name)
        assert (found["course_sync_envelopes"], found["course_id"]) == (0, COURSE)
        assert not any(receiver.url in str(value) for value in found.values())

    def test_not_claimed(self, lane):
        with override_switch("course_sync.stopped", active=True):
            assert monitored(tasks.deliver_lane, lane.pk) == {"course_sync_outcome": "not claimed"}

    def test_excluded(self, lane, monkeypatch):
        monkeypatch.setattr("course_sync_plugin.toggles.is_excluded", lambda course_key: True)
        assert monitored(tasks.deliver_lane, lane.pk) == {"course_sync_outcome": "excluded"}


class TestJobs:
    @pytest.fixture
    def sent(self, monkeypatch) -> list:
        found: list = []
        monkeypatch.setattr(tasks, "_send", lambda task, *args, **options: found.append(task))
        return found

    def test_a_task_carries_them_on_and_wakes_the_lanes(self, shelf, receiver, sent):
        shelf.put(a_course("v1"))
        api.start_job("backfill", [(COURSE, api.gap_token(COURSE))])
        assert monitored(tasks.run_jobs)["course_sync_more"] == 0
        assert Job.objects.get().state == "finished"
        assert sent == [tasks.deliver_lane]

    def test_what_is_left_is_for_the_next_task(self, shelf, sent, monkeypatch):
        monkeypatch.setattr(tasks, "LONGEST", -1)
        shelf.put(a_course("v1"))
        api.start_job("backfill", [(COURSE, api.gap_token(COURSE))])
        assert monitored(tasks.run_jobs)["course_sync_more"] == 1
        assert sent == [tasks.run_jobs]

    @pytest.mark.parametrize("task", [tasks.sync_marked, tasks.sweep])
    def test_wake_ups_find_jobs_that_wait(self, shelf, sent, task):
        task()
        assert tasks.run_jobs not in sent
        api.start_job("backfill", [(COURSE, "")])
        task()
        assert sent.count(tasks.run_jobs) == 1


def test_a_sweep(shelf):
    published(shelf)
    api.sync_course(COURSE)
    shelf.put(a_course("v2", units=5))
    shelf.put(a_course("v1", course=OTHER))
    assert monitored(tasks.sweep) == {"course_sync_missed": 1, "course_sync_unknown": 1, "course_sync_lanes": 0}


def test_a_prune(shelf):
    assert monitored(tasks.prune) == {"course_sync_rows": 0}
