"""The history: all kinds of events in one order, complete page by page; filters, the drawing, exports, and roles."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Course, DatabaseNow, JournalOperation, OperatorAction, Run, Target
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.reports.history import merged, picture, sources
from course_sync_plugin.upkeep.reports.history.events import EVERY_KIND, HistoryFilters
from tests.integration.courses import COURSE, block
from tests.integration.dashboard.people import HOSTILE, OTHER, no_inline_code, seen, sign_in, texts

pytestmark = pytest.mark.django_db

PAGE = "/course_sync/history/"


def address(**filters: str) -> str:
    return f"{PAGE}?{urlencode(filters)}"


def rows(page) -> list[list[str]]:
    found = page.xpath("//div[@aria-labelledby='history']//tbody/tr")
    return [[" ".join(cell.text_content().split()) for cell in row] for row in found]


def kinds(page) -> list[str]:
    return [row[1].split()[0] for row in rows(page)]


def sent(answer) -> str:
    return b"".join(answer.streaming_content).decode()


@pytest.fixture
def site(two_courses, receiver):
    """Two courses of two organisations; in the first one a unit fails; then an operator pauses the target."""
    with api.acting("somebody", "=1+1"):
        api.pause("crm")
        api.exclude("crm", block("vertical", "unit-1-1"))
    return receiver


@pytest.fixture
def operator(client):
    return sign_in(client, is_superuser=True)


def test_an_empty_site(operator, shelf):
    page = seen(operator, PAGE)
    assert "Nothing was found." in page.text_content()
    assert page.xpath("//*[name()='svg']") == []


def test_everything_is_in_one_order(operator, site):
    page = seen(operator, PAGE)
    assert kinds(page) == ["action", "action", "attempt", "run", "attempt", "attempt", "run", "run", "action"]
    times = [row[0] for row in rows(page)]
    assert times == sorted(times, reverse=True)
    assert rows(page)[1][1:] == ["action pause", "", "crm", "somebody: =1+1"]
    assert rows(page)[2][1:4] == ["attempt HTTP 200 failed", COURSE, "crm"]
    assert rows(page)[3][1:3] == ["run changes", COURSE]
    assert no_inline_code(page)


def walked(operator, first: str) -> list[list[str]]:
    """Return the rows of all pages."""
    found, query = [], first
    for _number in range(100):
        page = seen(operator, query)
        found += rows(page)
        following = page.xpath("//a[@rel='next']/@href")
        if not following:
            return found
        query = f"{PAGE}{following[0]}"
    raise AssertionError("there is always one more page")


@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize("at_one_time", [False, True])
def test_pages_together_are_everything(operator, site, monkeypatch, size, at_one_time):
    """Also where many things happened at the same time, so that only their keys tell them apart."""
    if at_one_time:
        moment = datetime(2026, 1, 31, tzinfo=UTC)
        Run.objects.update(ended_at=moment)
        Attempt.objects.update(began_at=moment)
        OperatorAction.objects.update(at=moment)
    monkeypatch.setattr("course_sync_plugin.dashboard.history.SIZE", size)
    models = (Run, JournalOperation, Attempt, OperatorAction)
    found = list(api.exported_history(HistoryFilters(kind=EVERY_KIND)))
    assert len(found) == len({(one.kind, one.id) for one in found}) == sum(one.objects.count() for one in models)
    assert len(walked(operator, address(kind="all"))) == len(found)
    assert len(walked(operator, address(kind="operation"))) == JournalOperation.objects.count()


@pytest.mark.parametrize("looked_through", [2, 5])
def test_what_is_looked_for_is_found_on_some_page(operator, site, monkeypatch, looked_through):
    """A page looks through a limited number of rows, and the next one goes on where it ended."""
    monkeypatch.setattr(sources, "LOOKED_THROUGH", looked_through)
    monkeypatch.setattr("course_sync_plugin.dashboard.history.SIZE", 1)
    expected = JournalOperation.objects.filter(entity_type="section").count()
    found = walked(operator, address(kind="all", text="SECTION-0", entity_type="section"))
    assert len(found) == expected / 2 == 2
    assert len(walked(operator, address(kind="operation", state="failed"))) == 1
    assert len(walked(operator, address(kind="operation", operation="update"))) == 1


def test_a_run_with_more_operations_than_a_page(operator, site, monkeypatch):
    monkeypatch.setattr("course_sync_plugin.dashboard.history.SIZE", 4)
    found = walked(operator, address(kind="operation", course=OTHER))
    assert len(found) == len({row[4] for row in found}) == 11


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "action"}, ["action", "action", "action"]),
        ({"kind": "run", "course": OTHER}, ["run"]),
        ({"course": OTHER}, ["attempt", "run"]),
        ({"org": "Other"}, ["attempt", "run"]),
        ({"org": "other"}, []),
        ({"state": "failed"}, ["attempt"]),
        ({"text": "SOMEBODY"}, ["action", "action"]),
        ({"text": HOSTILE}, []),
        ({"target": "nobody"}, ["run", "run", "run"]),
        ({"operation": "update"}, ["operation"]),
        ({"operation": "update", "kind": "run"}, []),
        ({"until": "2020-01-01"}, []),
        ({"since": "2h", "kind": "run"}, ["run", "run", "run"]),
        ({"before": "nothing"}, None),
        ({"before": "2h~1~x"}, None),
        ({"before": "9998-01-01~9~" + "9" * 40}, None),
        ({"before": "9998-01-01~" + "9" * 19 + "~" + "9" * 19}, None),
        ({"before": "0001-01-01T00:00:00+14:00~1~1"}, None),
    ],
)
def test_filters(operator, site, filters, expected):
    found = kinds(seen(operator, address(**filters)))
    assert found == expected if expected is not None else len(found) == 9


@pytest.mark.parametrize(
    "filters",
    [
        {"entity_type": HOSTILE},
        {"operation": "copy"},
        {"state": "well"},
        {"kind": "runs"},
        {"since": "soon"},
        {"until": "\0"},
    ],
)
def test_a_wrong_filter_is_explained(operator, site, filters):
    page = seen(operator, address(**filters))
    assert len(page.xpath("//main//li[@class='error']")) == 1
    assert rows(page) == []
    assert operator.get(f"{PAGE}export/csv/?{urlencode(filters)}").status_code == 404


@pytest.mark.parametrize("filters", [{"target": "crm\0"}, {"course": "\0"}, {"org": HOSTILE}, {"text": "\0"}])
def test_names_that_nothing_has(operator, site, filters):
    assert operator.get(address(**filters)).status_code == 200


def test_a_removed_target(operator, site):
    api.remove_target("crm")
    found = kinds(seen(operator, address(target="crm", kind="action")))
    assert len(found) == 4


def test_the_drawing_narrows_the_time(operator, site):
    Run.objects.filter(pk=Run.objects.earliest("pk").pk).update(ended_at=F("ended_at") - timedelta(hours=9))
    page = seen(operator, address(kind="run"))
    links = page.xpath("//*[name()='svg']//*[name()='a']")
    assert len(links) == 2
    labels = [one.get("aria-label") for one in links]
    assert [label.rpartition(": ")[2] for label in labels] == ["1", "2"]
    assert texts(page, "//details//tbody/tr") == [label.replace(": ", "") for label in labels]
    narrowed = seen(operator, f"{PAGE}{links[0].get('href')}")
    assert len(rows(narrowed)) == 1


def test_a_short_time_is_drawn_in_minutes(operator, site):
    """A site that is new, or what is left after narrowing, would be a single bar."""
    Run.objects.filter(pk=Run.objects.earliest("pk").pk).update(ended_at=F("ended_at") - timedelta(minutes=5))
    bars = seen(operator, address(kind="run")).xpath("//*[name()='svg']//*[name()='a']")
    assert len(bars) >= 2


def test_an_event_leads_to_its_course(operator, site):
    record("sync", course="of/no/course")
    page = seen(operator, PAGE)
    links = set(page.xpath("//div[@aria-labelledby='history']//tbody//a/@href"))
    assert links == {f"/course_sync/courses/{key}/" for key in (COURSE, OTHER)}


def test_bars_are_few_whatever_the_time(operator, site):
    for since, until in (("2000-01-01", "9998-12-31"), ("2000-01-01", ""), ("", "9998-12-31"), ("366d", "1s")):
        assert operator.get(address(since=since, until=until)).status_code == 200
    drawn = api.picture(HistoryFilters(since=datetime(2000, 1, 1, tzinfo=UTC)))
    assert len(drawn.bars) <= picture.BARS
    assert sum(bar.count for bar in drawn.bars) == 9


def test_a_drawing_of_too_many_says_so(operator, site, monkeypatch):
    monkeypatch.setattr(picture, "MOST", 2)
    page = seen(operator, address(kind="run"))
    assert "Only the newest events are drawn." in page.text_content()


def test_the_export_as_csv_holds_no_formula(operator, site):
    answer = operator.get(f"{PAGE}export/csv/")
    assert answer["Content-Disposition"] == 'attachment; filename="course-sync-history.csv"'
    head, *lines = csv.reader(sent(answer).splitlines())
    assert head[:4] == ["at", "kind", "id", "course_id"]
    assert len(lines) == 9
    (pause,) = [line for line in lines if "pause" in line]
    assert "'=1+1" in pause
    assert [cell for line in lines for cell in line if cell[:1] in tuple("=+-@\t\r")] == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_each_beginning_of_a_formula_is_defused(operator, shelf, start):
    OperatorAction.objects.create(at=DatabaseNow(), operator="x", action=f"{start}cmd()", arguments={}, changed={})
    _head, line = csv.reader(sent(operator.get(f"{PAGE}export/csv/")).splitlines())
    assert line[5].startswith("'")


def test_the_export_as_json_lines(operator, site):
    lines = sent(operator.get(f"{PAGE}export/jsonl/?{urlencode({'course': OTHER})}")).splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["attempt", "run"]
    assert json.loads(lines[0])["course_id"] == OTHER


def test_an_export_is_bounded(operator, site, monkeypatch):
    monkeypatch.setattr(merged, "EXPORTED", 3)
    assert len(sent(operator.get(f"{PAGE}export/jsonl/")).splitlines()) == 3
    assert operator.get(f"{PAGE}export/xlsx/").status_code == 404


@pytest.mark.parametrize(
    ("groups", "values", "courses", "actions"),
    [
        ([], {"is_staff": True}, {COURSE, OTHER}, 3),
        (["staff of Org"], {}, {COURSE}, 1),  # the exclusion; a pause concerns the whole target
        (["staff of Other"], {}, {OTHER}, 0),
        (["staff of Nobody"], {}, set(), 0),
    ],
)
@pytest.mark.parametrize("kind", ["", "all"])
def test_who_sees_what(client, site, groups, values, courses, actions, kind):
    sign_in(client, *groups, **values)
    page = seen(client, address(kind=kind))
    assert {row[2] for row in rows(page) if row[2]} == courses
    assert kinds(page).count("action") == actions
    exported = [json.loads(line) for line in sent(client.get(f"{PAGE}export/jsonl/?kind={kind}")).splitlines()]
    assert {one["course_id"] for one in exported if one["course_id"]} == courses


def test_another_organisation_in_the_address(client, site):
    sign_in(client, "staff of Org")
    assert client.get(address(course=OTHER)).status_code == 404
    assert client.get(f"{PAGE}export/csv/?{urlencode({'course': OTHER})}").status_code == 404
    assert rows(seen(client, address(org="Other"))) == []
    assert OTHER not in seen(client, address(text="Other", kind="all")).text_content()
    assert seen(client, address(org="Other")).xpath("//*[name()='svg']") == []


@pytest.mark.parametrize("page", [PAGE, f"{PAGE}export/csv/"])
def test_who_may_not(client, shelf, page):
    assert client.get(page).status_code == 302
    sign_in(client, f"staff of {COURSE}")
    assert client.get(page).status_code == 403


def test_the_number_of_queries_does_not_grow(client, site, django_assert_max_num_queries):
    course, target = Course.objects.get(key=COURSE), Target.objects.get()
    for number in range(60):
        Run.objects.create(
            course=course, kind="changes", began_at=DatabaseNow(), ended_at=DatabaseNow(-number), operations_count=0
        )
    sign_in(client, is_superuser=True)
    for filters in ({}, {"kind": "all", "target": target.name, "course": COURSE}):
        with django_assert_max_num_queries(12):
            seen(client, address(**filters))


def test_it_is_only_read(operator, shelf):
    assert operator.post(PAGE).status_code == 405
