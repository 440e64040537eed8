"""Daily summaries: counted from the rows of a day, stored once when the day is over, kept when the rows are pruned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.models import Activity, Attempt, DailySummary, Lane
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.upkeep.summaries import store
from tests.integration.courses import block
from tests.integration.one_lane import publish, renamed, the_lane
from tests.integration.upkeep.prune.ages import age, an_attempt

pytestmark = pytest.mark.django_db

#: A day is stored an hour after its end.
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def delivered(shelf, receiver):
    """A course of 11 entities, of which the receiver refused to rename one unit."""
    publish(shelf, "1")
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no room"))
    publish(shelf, "2", titles=renamed("unit-0-0", "unit-0-1"))
    api.deliver_until_empty()
    Attempt.objects.all().delete()
    return the_lane()


def counts(one: api.Summary) -> tuple[int, ...]:
    return (one.attempts, one.answered, one.refused, one.unanswered, one.operations, one.failed)


def test_the_requests_of_a_target(delivered):
    for seconds in (0.1, 0.1, 0.1, 10):
        an_attempt(delivered, seconds)
    an_attempt(delivered, failed=1)
    an_attempt(delivered, error_class="TransientError", status=None)
    an_attempt(delivered, error_class="RateLimited", status=429)
    an_attempt(delivered, error_class="PermanentError", status=400)
    found = api.summaries()[0]
    assert (found.target, found.entity_type, found.final) == ("crm", "", False)
    assert counts(found) == (8, 5, 1, 2, 15, 1)
    assert found.success_rate == 5 / 8
    assert found.durations.total == 8
    assert found.durations.quantile(0.5) == pytest.approx(0.2, rel=0.091)
    assert found.durations.quantile(0.99) == pytest.approx(10, rel=0.091)


def test_the_operations_of_a_target_by_type_and_kind(delivered):
    by_type = {one.entity_type: one for one in api.summaries("crm")}
    assert by_type.keys() == {"course", "section", "subsection", "unit"}
    unit = by_type["unit"]
    assert unit.kinds == {"create": [6, 0], "update": [2, 1]}
    assert counts(unit) == (0, 0, 0, 0, 8, 1)
    assert unit.success_rate == 7 / 8
    assert by_type["course"].kinds == {"create": [1, 0]}


def test_only_what_the_target_wants(delivered, receiver):
    api.add_target("units", url=receiver.url, secret=receiver.secret, entity_types=["unit"])
    assert {one.entity_type for one in api.summaries("units")} == {"unit"}


def test_a_lane_that_was_made_later_got_nothing_on_that_day(delivered):
    Lane.objects.update(created_at=datetime.now(UTC) + timedelta(days=2))
    assert sum(one.operations for one in api.summaries("crm")) == 0


def test_a_day_is_stored_when_it_is_over_and_then_stays(delivered):
    an_attempt(delivered)
    before = {(one.entity_type, counts(one)) for one in api.summaries()}
    assert store.store_finished_days() == 0  # until yesterday there was nothing
    assert not DailySummary.objects.exists()
    Activity.objects.update(summarised_until=F("summarised_until") - timedelta(days=3))
    age(2)
    assert store.store_finished_days() == 1
    assert store.store_finished_days() == 0
    assert store.summarised_before().date() == (Activity.read()[1] - AN_HOUR).date()
    Attempt.objects.all().delete()
    after = api.summaries()
    assert {(one.entity_type, counts(one)) for one in after} == before
    assert {one.final for one in after} == {True}
    (day,) = {one.day for one in after}
    assert day == (Activity.read()[1] - timedelta(days=2)).date()
    assert api.summaries(days=2) == []


def test_the_first_day_is_that_of_the_oldest_row(delivered):
    age(10)
    assert store.store_finished_days() == 1
    assert {(Activity.read()[1].date() - one.day).days for one in api.summaries()} == {10}


def test_it_ends_when_the_time_is_up(delivered):
    age(3)
    an_attempt(delivered)
    age(7)
    assert store.store_finished_days(iter([False, True]).__next__) == 1
    assert store.summarised_before().date() == (Activity.read()[1] - timedelta(days=9)).date()
    assert store.store_finished_days() == 1


def test_a_summary_stays_when_its_target_is_removed(delivered):
    age(2)
    store.store_finished_days()
    api.remove_target("crm")
    assert {one.target for one in api.summaries()} == {"crm"}


def test_another_process_that_was_faster(delivered, monkeypatch):
    age(5)
    count = store.summaries_of

    def later(day):
        rows = count(day)
        monkeypatch.setattr(store, "summaries_of", count)
        store.store_finished_days()
        return rows

    monkeypatch.setattr(store, "summaries_of", later)
    assert store.store_finished_days() == 0
    assert len(api.summaries()) == len({(one.day, one.target, one.entity_type) for one in api.summaries()}) == 4
