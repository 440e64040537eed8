"""``status --prometheus``: what a scraper reads is what ``status`` says."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from django.core.management import call_command
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from course_sync_plugin import api
from course_sync_plugin.models import Activity, Course, DatabaseNow, Lane, Marker, Run, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep.status.lanes import STATES
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.upkeep.test_status import OTHER, many

pytestmark = pytest.mark.django_db


def families() -> dict:
    return {family.name: family for family in text_string_to_metric_families(api.metrics().decode())}


def samples() -> dict[tuple[str, ...], float]:
    """Return the value of each sample by the name without prefix, the target, and the other label."""
    return {
        (sample.name.removeprefix("course_sync_"), *sorted_labels(sample.labels)): sample.value
        for family in families().values()
        for sample in family.samples
    }


def sorted_labels(labels: dict[str, str]) -> list[str]:
    return [labels[name] for name in ("target", "state", "outcome") if name in labels]


@pytest.fixture
def history(shelf, receiver):
    """Deliver a course, of which the receiver refuses one update; another course gets no answer."""
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no such class"))
    shelf.publish(a_course("v2", titles={"unit-0-0": "New"}))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    receiver.faults.append(Refuse(500))
    shelf.publish(a_course("v1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_due()
    Run.objects.filter(course__key=OTHER).update(ended_at=DatabaseNow(-90))
    Lane.objects.update(created_at=DatabaseNow(-900))
    api.sweep()
    return receiver


def test_the_numbers_of_a_known_history(history, settings):
    settings.COURSE_SYNC_OBJECTIVE_SECONDS = 900
    found = samples()
    expected = {
        ("courses",): 2,
        ("courses_in_step",): 0,
        ("open_problems",): 1,
        ("held_runs",): 0,
        ("stopped",): 0,
        ("not_running",): 0,
        ("objective_seconds",): 900,
        ("oldest_publish_waiting_seconds",): 0,
        ("target_pending_operations", "crm"): len(a_course("v1")),
        ("target_open_problems", "crm"): 1,
        ("target_state", "crm", "problems"): 1,
        ("target_breaker_state", "crm", "closed"): 1,
        ("target_breaker_state", "crm", "open"): 0,
        ("target_recent_requests", "crm", "answered"): 2,
        ("target_recent_requests", "crm", "unanswered"): 1,
        ("target_recent_requests", "crm", "refused"): 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found["target_lag_seconds", "crm"] == pytest.approx(90, abs=5)
    assert found["target_recent_success_ratio", "crm"] == pytest.approx(2 / 3, abs=1e-3)
    recent = api.status()["targets"][0]["recent"]
    assert found["target_recent_request_p95_seconds", "crm"] == recent["p95_seconds"] > 0
    assert found["target_recent_operations_per_second", "crm"] == pytest.approx(recent["operations_per_minute"] / 60)
    swept = Activity.objects.get().swept_at.timestamp()
    assert found["last_sweep_timestamp_seconds",] == pytest.approx(swept, abs=1)
    assert ("last_run_timestamp_seconds",) not in found


def test_exactly_one_state_of_a_target_holds(history):
    api.add_target("new", url=history.url, secret=history.secret)
    Target.objects.filter(name="new").update(breaker_opened_at=DatabaseNow(), breaker_token="t")
    holds = defaultdict(list)
    for (name, *labels), value in samples().items():
        if name in ("target_state", "target_breaker_state") and value:
            holds[name, labels[0]].append(labels[1])
    assert holds == {
        ("target_state", "crm"): ["problems"],
        ("target_state", "new"): ["unreachable"],
        ("target_breaker_state", "crm"): ["closed"],
        ("target_breaker_state", "new"): ["half-open"],
    }


def test_every_state_has_its_sample(history):
    shown = {labels[1] for name, *labels in samples() if name == "target_state"}
    assert shown == {*STATES, "no courses"}


def test_a_publish_that_waits(shelf):
    marker = Marker.put(COURSE)
    Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(-700))
    found = samples()
    assert found["oldest_publish_waiting_seconds",] == pytest.approx(700, abs=5)
    assert found["not_running",] == 1


def test_names_help_and_labels(history):
    """As the rules of Prometheus want it: a prefix, base units, help, no reserved label, and no label of a course."""
    for name, family in families().items():
        assert re.fullmatch(r"course_sync_[a-z0-9_]+", name)
        assert not re.search(r"_(total|count|sum|bucket|info|minutes|percent)$", name), "reserved, or no base unit"
        assert family.type == "gauge"
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert sample.labels.keys() <= {"target", "state", "outcome"}
    assert COURSE not in api.metrics().decode()


def test_the_labels_do_not_grow_with_the_courses(shelf):
    many(2)
    few = len(samples())
    Target.objects.all().delete()
    Course.objects.all().delete()
    many(40)
    assert len(samples()) == few


def test_its_queries_do_not_grow(shelf):
    counts = []
    for courses in (2, 60):
        Target.objects.all().delete()
        Course.objects.all().delete()
        many(courses)
        with own_queries() as queries:
            api.metrics()
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 11


def test_nothing_is_kept_in_the_process(history):
    api.metrics()
    assert not [name for name in REGISTRY._names_to_collectors if name.startswith("course_sync")]
    Target.objects.all().delete()
    assert not [name for name in samples() if name[0].startswith("target_")]


def test_the_command_prints_them(history, capsys):
    call_command("course_sync", "status", "--prometheus")
    text = capsys.readouterr().out
    assert "# TYPE course_sync_target_lag_seconds gauge\n" in text
    assert {family.name for family in text_string_to_metric_families(text)} == families().keys()
