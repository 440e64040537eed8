"""The page of performance: its numbers are those of the daily summaries, wrong dates are told, and who sees it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.models import Activity, Attempt, CatalogRun, DailySummary, SyncLog, Target
from course_sync_plugin.testing.faults import Refuse
from course_sync_plugin.upkeep.reports import performance
from course_sync_plugin.upkeep.summaries.store import store_finished_days
from tests.integration.courses import COURSE
from tests.integration.dashboard.people import HOSTILE, cells, seen, sign_in, texts
from tests.integration.one_lane import publish, the_lane
from tests.integration.upkeep.prune.ages import age, an_attempt

pytestmark = pytest.mark.django_db

PAGE = "/course_sync/performance/"
#: The columns of the tables.
IN, OUT, REQUESTS, ANSWERED, P50, SYNCS = 1, 2, 3, 4, 5, 8


@pytest.fixture
def operator(client):
    return sign_in(client, is_staff=True)


@pytest.fixture
def delivered(shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()


@pytest.fixture
def summarised(delivered):
    """Let the delivery of 11 operations be two days old, and its summary be stored."""
    store_finished_days()
    Activity.objects.update(summarised_until=F("summarised_until") - timedelta(days=3))
    age(2)
    store_finished_days()
    return datetime.now(UTC).date() - timedelta(days=2)


def day_of(page, day: date) -> list[str]:
    (row,) = [row for row in cells(page, "days") if row[0] == str(day)]
    return row


def address(**names: object) -> str:
    return PAGE + "?" + "&".join(f"{name}={value}" for name, value in names.items())


def errors(page) -> list[str]:
    return texts(page, "//li[@class='error']")


def test_an_empty_site(operator, shelf):
    page = seen(operator, PAGE)
    assert "There is no target." in page.text_content()
    assert "There was none on these days." in page.text_content()
    assert len(cells(page, "days")) == 30


def test_a_day_that_is_summarised(operator, summarised):
    Attempt.objects.all().delete()  # the summary stays when its rows are pruned
    page = seen(operator, PAGE)
    row = day_of(page, summarised)
    assert (row[IN], row[OUT], row[REQUESTS], row[ANSWERED], row[SYNCS]) == ("11", "11", "1", "1", "1")
    (total,) = cells(page, "by-target")
    assert total == ["crm", "0", "11", "11", "1", "1", "0", "0", "0", "–"]
    (summary,) = [one for one in api.summaries("crm") if not one.entity_type]
    assert row[P50] == f"{summary.durations.quantile(0.5):.3f}"


def test_today_is_counted_from_the_requests(operator, delivered):
    """As it will be in the summary; only what was recorded for the target is not known yet."""
    page = seen(operator, PAGE)
    assert cells(page, "by-target")[0][2:4] == ["–", "11"]
    row = day_of(page, datetime.now(UTC).date())
    (summary,) = [one for one in api.summaries("crm") if not one.entity_type]
    p50, p95, p99 = (f"{summary.durations.quantile(share):.3f}" for share in (0.5, 0.95, 0.99))
    assert row[1:8] == ["–", "11", "1", "1", p50, p95, p99]


def test_throttling_and_errors(operator, delivered, shelf, receiver):
    lane = the_lane()
    an_attempt(lane, error_class="RateLimited", status=429)
    an_attempt(lane, error_class="RateLimited", status=503)
    an_attempt(lane, error_class="PermanentError", status=400)
    receiver.faults.append(Refuse(503))
    publish(shelf, "2", units=4)
    (row,) = cells(seen(operator, PAGE), "by-target")
    assert row[1] == "2"  # pending now
    assert row[4:9] == ["4", "1", "1", "2", "1"]
    assert row[9] == "RateLimited: 2, PermanentError: 1"


def test_one_target_and_one_that_was_removed(operator, summarised, shelf):
    Target.objects.create(name="other", backend="webhook")
    DailySummary.objects.create(day=summarised, target_name="gone", attempts=7)
    assert [row[0] for row in cells(seen(operator, PAGE), "by-target")] == ["crm", "gone (removed)", "other"]
    page = seen(operator, address(target="crm"))
    assert [row[0] for row in cells(page, "by-target")] == ["crm"]
    assert day_of(page, summarised)[REQUESTS] == "1"
    assert day_of(seen(operator, PAGE), summarised)[REQUESTS] == "8"
    assert texts(page, "//option[@selected]") == ["crm"]


def test_the_days_of_the_address(operator, summarised):
    page = seen(operator, address(since=summarised, until=summarised))
    assert [row[0] for row in cells(page, "days")] == [str(summarised)]
    assert page.xpath("//input/@value") == [str(summarised)] * 2
    after = summarised + timedelta(days=1)
    assert day_of(seen(operator, address(since=after, until=after)), after)[REQUESTS] == "0"


def test_it_reads_no_more_than_the_newest(operator, delivered, monkeypatch):
    monkeypatch.setattr(performance, "MOST_ROWS", 3)
    for _at in range(5):
        an_attempt(the_lane())
        SyncLog.objects.create(course_key=COURSE, began_at=datetime.now(UTC), seconds=1, outcome="recorded")
    page = seen(operator, PAGE)
    row = day_of(page, datetime.now(UTC).date())
    assert (row[REQUESTS], row[SYNCS]) == ("3", "3")
    assert "There are many requests: throttling, errors and days without a summary count only those since" in (
        " ".join(page.text_content().split())
    )


def test_a_chart_says_in_words_what_it_shows(operator, summarised):
    page = seen(operator, PAGE)
    drawings = page.xpath("//*[local-name()='svg']")
    assert [one.get("aria-label") for one in drawings] == texts(page, "//figcaption")
    assert {one.get("role") for one in drawings} == {"img"}
    requests = drawings[2]
    assert "The upper edge is 1 a day." in requests.get("aria-label")
    everything, not_answered = requests.xpath("*/@d")
    assert everything.count(" 0.0") == 1  # the one day with a request
    assert not_answered.count(" 100.0") == 30


def test_runs_of_the_catalog(operator, shelf):
    began = datetime.now(UTC) - timedelta(days=1)
    counts = {"retrieved": 7, "changed": 2}
    for at in range(30):
        CatalogRun.objects.create(began_at=began, seconds=1.5, requests=at, counts=counts, failures=[HOSTILE])
    CatalogRun.objects.create(began_at=began - timedelta(days=100))
    page = seen(operator, PAGE)
    rows = cells(page, "catalog")
    assert len(rows) == 20
    assert rows[0][1:] == ["running", "1.5", "29", "7", "2", "1"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"since": "yesterday"}, "'yesterday' is not a day: write YYYY-MM-DD."),
        ({"until": "2026-02-30"}, "'2026-02-30' is not a day: write YYYY-MM-DD."),
        ({"since": "2026-02-02", "until": "2026-02-01"}, "The first day is after the last day: the last day alone is"),
        ({"target": "CRM"}, "There is no target CRM."),
        ({"target": "%3Cscript%3E%00"}, "There is no target <script>\ufffd."),
    ],
)
def test_a_wrong_filter_is_told(operator, delivered, names, told):
    (error,) = errors(seen(operator, address(**names)))
    assert error.startswith(told)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1970-01-01"])
@pytest.mark.parametrize("name", ["since", "until"])
def test_days_at_the_end_of_time(operator, delivered, day, name):
    assert 1 <= len(cells(seen(operator, address(**{name: day})), "days")) <= 92


def test_its_queries_do_not_grow(operator, summarised, receiver, django_assert_max_num_queries):
    for at in range(5):
        api.add_target(f"other-{at}", url=receiver.url, secret=receiver.secret)
    api.deliver_until_empty()
    for names in ({}, {"target": "crm"}):
        with django_assert_max_num_queries(12):
            seen(operator, address(**names))


@pytest.mark.parametrize(
    ("groups", "values", "status"),
    [
        ([], {"is_superuser": True}, 200),
        ([], {"is_staff": True}, 200),
        (["admin of Org"], {}, 403),
        (["staff of Other"], {}, 403),
        ([f"staff of {COURSE}"], {}, 403),
        ([], {}, 403),
    ],
)
def test_who_sees_it(client, shelf, groups, values, status):
    sign_in(client, *groups, **values)
    assert client.get(PAGE).status_code == status


def test_a_visitor_signs_in_first(client, shelf):
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(operator, shelf, method):
    assert getattr(operator, method)(PAGE).status_code == 405
