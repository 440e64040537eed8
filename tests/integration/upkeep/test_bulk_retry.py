"""Many lanes are retried in batches: throttled, resumable, and ended between two batches."""

from __future__ import annotations

import signal
import time

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.models import Lane, OperatorAction, Problem, ProblemState
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.upkeep.bulk_retry import RetriedBatch, lanes_in, retry_in_batches
from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.retry_plans import retry_plans
from tests.integration.courses import a_course, exit_status

pytestmark = pytest.mark.django_db

COURSES = [f"course-v1:Org+Many+{number}" for number in range(5)]


def plans(**filters):
    return retry_plans(Filters(**filters))


@pytest.fixture
def after_an_outage(shelf, receiver):
    """Two lanes with a failed section, two failing lanes, and one lane in step."""
    for course in COURSES:
        shelf.publish(a_course("v1", course=course, sections=1, units=1))
        api.sync_course(course)
    for course in COURSES[:2]:
        receiver.faults.append(Fail(entity_id=f"block-v1:{course[10:]}+type@chapter+block@section-0"))
    api.deliver_until_empty()
    Lane.objects.filter(course__key__in=COURSES[2:4]).update(failing=True, due_at=None)
    assert Problem.objects.filter(state=ProblemState.FAILED).count() == 2


def test_batches_do_all_that_was_planned(after_an_outage):
    results = list(retry_in_batches(plans(), 3))
    assert [one.lanes for one in results] == [3, 1]
    assert sum(one.operations for one in results) == 6  # with those parked behind the two
    assert sum(one.restarted for one in results) == 2
    assert plans() == []
    assert not Lane.objects.filter(failing=True).exists()
    assert OperatorAction.objects.filter(action="retry").count() == 2
    api.deliver_until_empty()
    assert api.problems() == []


def test_the_limit_and_then_the_rest(after_an_outage):
    assert sum(one.lanes for one in retry_in_batches(plans(), 2, limit=3)) == 3
    assert lanes_in(plans()) == 1
    assert [one.lanes for one in retry_in_batches(plans(), 2)] == [1]


def test_it_ends_between_two_batches(after_an_outage):
    done: list[RetriedBatch] = []
    for one in retry_in_batches(plans(), 1, stop=lambda: len(done) == 2):
        done.append(one)
    assert len(done) == 2
    assert lanes_in(plans()) == 2


def test_it_waits_between_two_batches(after_an_outage):
    began = time.monotonic()
    assert len(list(retry_in_batches(plans(), 2, 0.3))) == 2
    assert time.monotonic() - began > 0.3


def test_the_filters_choose(after_an_outage):
    assert lanes_in(plans(entity_type="section")) == 2
    assert plans(entity_type="unit") == []
    assert lanes_in(plans(course=COURSES[2])) == 1
    assert plans(course=COURSES[4]) == []
    (one,) = retry_in_batches(plans(entity_type="section"), 10)
    assert (one.operations, one.restarted) == (6, 0)


def test_the_command_goes_on_where_it_stopped(after_an_outage, capsys):
    assert exit_status("retry", "crm", "--limit", "3", "--sleep", "0.01", "--yes") == 0
    assert "1 lane is left" in capsys.readouterr().out
    assert exit_status("retry", "crm", "--limit", "3", "--yes", "--json") == 0
    assert '"left": 0' in capsys.readouterr().out
    api.deliver_until_empty()
    assert api.problems() == []


def test_without_yes_the_command_only_shows(after_an_outage, capsys):
    assert exit_status("retry", "--limit", "3") == 0
    assert "would retry 2 failed operations, in 2 lanes" in capsys.readouterr().out
    assert lanes_in(plans()) == 4


def test_a_signal_ends_the_command_between_two_lanes(after_an_outage, monkeypatch, capsys):
    def interrupt(*_lanes):
        signal.raise_signal(signal.SIGTERM)
        return nudge(*_lanes)

    monkeypatch.setattr("course_sync_plugin.upkeep.retry_plans.nudge", interrupt)
    assert exit_status("retry", "crm", "--sleep", "0.01", "--yes") == 143
    assert "3 lanes are left" in capsys.readouterr().out
