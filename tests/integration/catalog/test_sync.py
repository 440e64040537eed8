"""Tests update_catalog_data on the sandbox: from a catalog over HTTP into the course overviews."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from edx_django_utils.cache import RequestCache

from course_sync_plugin import api, tasks
from course_sync_plugin.catalog import course_overviews, host, sync
from course_sync_plugin.catalog.client import client as catalog_client
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import CatalogProgress, CatalogRecord, CatalogRun, CatalogSyncConfiguration, leases
from course_sync_plugin.testing.catalog_server import Answer, CatalogServer, MadeUpRuns, made_up_key, recorded_runs
from sandbox.course_overviews.models import CourseOverview
from tests.conftest import shared_data
from tests.integration.catalogs import run

pytestmark = pytest.mark.django_db

DEMO = "course-v1:edX+DemoX+Demo_Course"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(catalog_client, "RETRIES", (0.0, 0.0))
    RequestCache.clear_all_namespaces()


def overviews(*keys, **columns):
    CourseOverview.objects.bulk_create([CourseOverview(id=key, **columns) for key in keys])


def urls():
    return {str(one.id): one.marketing_url for one in CourseOverview.objects.order_by("id")}


def test_every_run_reaches_its_overview(catalog):
    catalog.runs = MadeUpRuns(45)
    overviews(*(made_up_key(at) for at in range(50)))
    result = run("--page-size", "20")
    assert result["counts"] | {"drifting": 0} == {
        "retrieved": 45, "repeated": 0, "matched": 45, "changed": 45, "unchanged": 0, "unknown": 0, "refused": 0,
        "ccx_filled": 0, "drifting": 0, "unseen": 0,
    }  # fmt: skip
    assert (result["pages"], result["state"]) == (3, "completed")
    got = urls()
    assert got[made_up_key(44)] == "https://www.example.com/course/c000044"
    assert got[made_up_key(45)] is None
    record = CatalogRecord.objects.get(key=made_up_key(7))
    assert record.values["marketing_url"] == "https://www.example.com/course/c000007"
    assert record.values["language"] == "en-us"


def test_a_second_run_changes_nothing(catalog):
    catalog.runs = MadeUpRuns(30)
    overviews(*(made_up_key(at) for at in range(30)))
    run()
    changed_at = CatalogRecord.objects.get(key=made_up_key(1)).changed_at
    with CaptureQueriesContext(connection) as queries:
        result = run()
    assert (result["counts"]["changed"], result["counts"]["unchanged"]) == (0, 30)
    assert not [one for one in queries if one["sql"].startswith("UPDATE") and "courseoverview" in one["sql"]]
    record = CatalogRecord.objects.get(key=made_up_key(1))
    assert record.changed_at == changed_at
    assert record.seen_at > changed_at


def test_other_columns_and_modified_are_left_alone(catalog):
    catalog.runs = MadeUpRuns(1)
    overviews(made_up_key(0), display_name="Ours", self_paced=True, language="fr")
    before = CourseOverview.objects.values().get()
    run()
    after = CourseOverview.objects.values().get()
    assert after == before | {"marketing_url": "https://www.example.com/course/c000000"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null"),
        ("", "empty"),
        ("  ", "empty"),
        ("javascript:alert(1)", "invalid: not http or https"),
        ("course/intro", "invalid: not http or https"),
        ("//www.example.com/course", "invalid: not http or https"),
        ("https://", "invalid: no host"),
        ("https://user:secret@www.example.com/", "invalid: contains credentials"),
        ("https://www.example.com:port/", "invalid: not a URL"),
        ("https://[::1", "invalid: not a URL"),
        ("https://www.example.com/" + "x" * 2048, "invalid: too long"),
        ('https://www.example.com/"><script>', "invalid: forbidden characters"),
        ("https://www.example.com/a b", "invalid: forbidden characters"),
        ("https://www.example.com\\@evil.example/", "invalid: forbidden characters"),
        ("https://www.example.com/\U0001f41d", "invalid: forbidden characters"),
        (17, "invalid: not a text"),
        (["https://www.example.com/"], "invalid: not a text"),
        (..., "absent"),
    ],
)
def test_a_value_that_is_none_keeps_what_is_there(catalog, value, reason):
    row = {"key": DEMO} | ({} if value is ... else {"marketing_url": value})
    catalog.runs = [row]
    overviews(DEMO, marketing_url="https://www.example.com/good")
    result = run()
    assert urls() == {DEMO: "https://www.example.com/good"}
    assert result["kept"][f"marketing_url: {reason}"] == 1


def test_a_value_once_given_stays_in_the_record(catalog):
    catalog.runs = [{"key": DEMO, "marketing_url": "https://www.example.com/good"}]
    overviews(DEMO)
    run()
    catalog.runs = [{"key": DEMO, "marketing_url": None}]
    CourseOverview.objects.update(marketing_url=None)
    run()
    assert urls() == {DEMO: "https://www.example.com/good"}


def test_recorded_values_of_every_kind(catalog):
    runs = recorded_runs(shared_data() / "catalog" / "null_marketing_url.json")
    catalog.runs = runs
    overviews(*(row["key"] for row in runs))
    result = run()
    number = lambda at: f"course-v1:NullX+Url{at}+2026"  # noqa: E731
    got = urls()
    assert [at for at in range(1, 12) if got[number(at)] is None] == [1, 2, 6, 7, 8, 11]
    assert got[number(9)] == "https://www.example.com/course/spaces"
    assert got[number(4)] == "https://www.example.com/course/введение-в-логику"
    assert sum(count for reason, count in result["kept"].items() if reason.startswith("marketing_url")) == 6


@pytest.mark.parametrize("name", ["older_release_nutmeg", "newer_release_unknown_fields", "normal_page_p1"])
def test_recorded_releases(catalog, name):
    catalog.runs = recorded_runs(shared_data() / "catalog" / f"{name}.json")
    overviews(DEMO)
    assert run()["refused"] == {}
    assert urls()[DEMO] == "https://www.example.com/course/demonstration-course-demox"


def test_rows_that_shifted_while_the_recorded_pages_were_read(catalog):
    """The recording counts 46 rows and lists 45, one twice with a newer URL, which counts. One row was not read."""
    paths = sorted((shared_data() / "catalog").glob("duplicates_p*.json"))
    recorded = [json.loads(path.read_text()) for path in paths]
    catalog.fault = lambda asked: Answer(body=json.dumps(recorded[int(asked.query.get("offset", 0)) // 20]).encode())
    twice = "course-v1:TestX+Ethics101+2024_T1"
    overviews(twice)
    result = run(expect=1)
    assert urls() == {twice: "https://www.example.com/course/renamed-while-paging"}
    assert (result["counts"]["retrieved"], result["counts"]["unseen"]) == (45, 1)


def test_a_run_taken_away_while_paging_costs_no_other(catalog, monkeypatch):
    """A course run moves to the page before, unread. The list is read again, and nothing is counted twice."""
    monkeypatch.setattr(sync, "BATCH", 1)
    catalog.runs = list(MadeUpRuns(45))
    overviews(*(made_up_key(at) for at in range(45)))

    def shift(asked):
        if asked.query["page"] == "2" and len(catalog.runs) == 45:
            catalog.runs.pop(0)

    catalog.fault = shift
    result = run("--page-size", "20")
    assert None not in urls().values()
    assert (result["counts"]["retrieved"], result["counts"]["unseen"]) == (45, 0)
    assert len(catalog.pages_asked()) == 6


@pytest.mark.parametrize("in_tasks", [False, True])
def test_a_run_taken_away_between_two_runs_costs_no_other(catalog, monkeypatch, in_tasks):
    """A course run that moves to a page before the checkpoint is found, because the list has become shorter."""
    monkeypatch.setattr(sync, "BATCH", 20)
    catalog.runs = list(MadeUpRuns(60))
    overviews(*(made_up_key(at) for at in range(60)))
    if in_tasks:
        options = api.CatalogOptions(page_size=20, seconds=0)
        assert api.update_catalog_data(options).more
        del catalog.runs[:5]
        while api.update_catalog_data(options).more:
            pass
    else:
        catalog.fault = lambda asked: Answer(503) if asked.query["page"] == "2" else None
        run("--page-size", "20", expect=1)
        del catalog.runs[:5]
        catalog.fault = lambda asked: None
        run("--page-size", "20")
    assert None not in urls().values()


def test_a_run_that_the_catalog_counts_and_does_not_list_is_not_done(catalog, capsys):
    listed = [None, *list(MadeUpRuns(31))[:30]]
    answer = {"count": 32, "next": None, "results": listed}
    catalog.fault = lambda asked: Answer(body=json.dumps(answer).encode())
    result = run(expect=1)
    assert (result["counts"]["retrieved"], result["counts"]["unseen"]) == (31, 1)
    assert result["refused"] == {"not an object": 1}
    with pytest.raises(SystemExit):
        call_command("update_catalog_data")
    assert "1 run that the catalog counts is not in its list" in capsys.readouterr().out
    with pytest.raises(CourseSyncError, match="not in its list"):
        tasks.update_catalog_data()


def test_a_ccx_made_meanwhile_is_no_run_that_was_seen(catalog):
    answer = {"count": 31, "next": None, "results": list(MadeUpRuns(30))}
    catalog.fault = lambda asked: Answer(body=json.dumps(answer).encode())

    def make_one(read, count):
        ccx = "ccx-v1:Org+C000001+2026+ccx@1"
        if CatalogRecord.objects.exists() and not CourseOverview.objects.filter(id=ccx).exists():
            CourseOverview.objects.create(id=ccx)

    assert api.update_catalog_data(api.CatalogOptions(on_page=make_one)).run_counts.counts["unseen"] == 1


@pytest.mark.parametrize("said", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"])
def test_a_date_that_is_none_in_utc_is_not_taken(catalog, said):
    catalog.runs = [{"key": DEMO, "end": said, "marketing_url": "https://www.example.com/x"}]
    overviews(DEMO)
    run()
    assert urls() == {DEMO: "https://www.example.com/x"}
    assert "end" not in CatalogRecord.objects.get().values


def test_keys_of_every_kind_are_reported_and_never_fatal(catalog):
    good = {"marketing_url": "https://www.example.com/x"}
    keys = {
        "not a course key": [
            "garbage",
            "",
            "course-v1:",
            "course-v1:a+b\n",
            "\ud800",
            "course-v1:a+b+c\x00",
            "🐝",
            "course-v1:𝒳+C+R",
        ],
        "library key": ["library-v1:Org+Lib"],
        "deprecated key": ["edX/DemoX/Demo"],
        "key too long": ["course-v1:Org+C+" + "x" * 300],
    }
    catalog.runs = [{"key": key, **good} for several in keys.values() for key in several]
    catalog.runs += [{"key": None}, {"key": 7}, {}, None, "text", ["list"], {"key": DEMO, **good}]
    overviews(DEMO)
    result = run()
    assert urls() == {DEMO: "https://www.example.com/x"}
    assert result["refused"] == {
        "not a course key": 7, "library key": 1, "deprecated key": 1, "key too long": 1, "no key": 4,
        "not an object": 3,
    }  # fmt: skip
    assert result["state"] == "completed"


def test_keys_that_differ_in_case_alone_are_two_courses(catalog):
    catalog.runs = [
        {"key": DEMO, "marketing_url": "https://www.example.com/good"},
        {"key": DEMO.upper().replace("COURSE-V1", "course-v1"), "marketing_url": "https://www.example.com/other"},
    ]
    overviews(DEMO)
    result = run()
    assert urls() == {DEMO: "https://www.example.com/good"}
    assert result["counts"]["unknown"] + result["counts"]["refused"] == 1


def test_a_ccx_has_the_url_of_its_parent(catalog):
    catalog.runs = recorded_runs(shared_data() / "catalog" / "ccx.json")
    parent = "ccx-v1:edX+DemoX+Demo_Course+ccx@"
    overviews(DEMO, f"{parent}1", f"{parent}2", f"{parent}3", f"{DEMO}_ccx", "ccx-v1:edX+Other+1+ccx@1")
    result = run()
    demo = "https://www.example.com/course/demonstration-course-demox"
    assert urls() == {
        DEMO: demo,
        f"{DEMO}_ccx": "https://www.example.com/course/demox-ccx-like",
        f"{parent}1": demo,
        f"{parent}2": "https://www.example.com/course/demox-coached",
        f"{parent}3": demo,
        "ccx-v1:edX+Other+1+ccx@1": None,
    }
    assert result["counts"]["ccx_filled"] == 2
    assert run()["counts"]["ccx_filled"] == 0


def test_many_ccx_are_filled_in_parts(catalog, monkeypatch):
    monkeypatch.setattr(course_overviews, "CHUNK", 3)
    catalog.runs = MadeUpRuns(2)
    overviews(*(f"ccx-v1:Org+C000001+2026+ccx@{at}" for at in range(11)))
    assert run()["counts"]["ccx_filled"] == 11


def test_an_outage_is_told_and_the_next_run_heals_it(catalog):
    catalog.runs = MadeUpRuns(45)
    overviews(*(made_up_key(at) for at in range(45)))
    catalog.fault = lambda asked: Answer(503, b"<html>") if asked.query["page"] == "2" else None
    result = run("--page-size", "20", expect=1)
    assert (result["state"], result["counts"]["retrieved"]) == ("stopped", 20)
    assert "503" in result["error"]
    stored = CatalogRun.objects.get()
    assert (stored.state, stored.ended_at, stored.counts["retrieved"]) == ("stopped", None, 20)
    assert "503" in stored.failures[0]
    catalog.asked.clear()
    catalog.fault = lambda asked: None
    result = run("--page-size", "20")
    assert result["resumed"]
    assert result["counts"]["retrieved"] == 45
    assert [query["page"] for query in catalog.pages_asked()] == ["2", "3"]
    assert None not in urls().values()
    stored = CatalogRun.objects.get()
    assert (stored.state, stored.requests) == ("completed", 1 + 3 + 2)


def test_a_killed_run_is_gone_on_with_once_its_lease_is_over(catalog, monkeypatch, settings):
    """SIGKILL leaves the checkpoint of the last batch, and a lease that no process renews."""
    monkeypatch.setattr(sync, "BATCH", 20)
    settings.COURSE_SYNC_LEASE_SECONDS = 0.3
    catalog.runs = MadeUpRuns(60)
    overviews(*(made_up_key(at) for at in range(60)))
    monkeypatch.setattr(sync._Update, "_end", lambda self, done: None)
    catalog.fault = lambda asked: Answer(500) if asked.query["page"] == "3" else None
    run("--page-size", "20", expect=1)
    monkeypatch.undo()
    catalog.fault = lambda asked: None
    assert "under way" in run(expect=1)
    CatalogProgress.objects.update(lease_until=leases.DatabaseNow(-1))
    catalog.asked.clear()
    assert run()["counts"]["retrieved"] == 60
    assert len(catalog.pages_asked()) == 1


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize("page", ["1", "2"])
def test_what_failed_stays_in_the_record_of_the_run(catalog, status, page):
    catalog.runs = MadeUpRuns(45)
    catalog.fault = lambda asked: Answer(status) if asked.query["page"] == page else None
    run("--page-size", "20", expect=1)
    catalog.fault = lambda asked: None
    assert run("--page-size", "20")["resumed"] == (page == "2")
    stored = CatalogRun.objects.get()
    assert stored.state == "completed"
    assert str(status) in stored.failures[0]


def test_a_killed_run_of_chosen_courses_does_not_run_for_ever(catalog, monkeypatch):
    catalog.runs = MadeUpRuns(3)
    monkeypatch.setattr(sync._Update, "_end", lambda self, done: None)
    run("--course", made_up_key(1))
    monkeypatch.undo()
    CatalogProgress.objects.update(lease_until=leases.DatabaseNow(-1))
    run()
    assert sorted(CatalogRun.objects.values_list("state", flat=True)) == ["completed", "stopped"]
    assert not CatalogRun.objects.filter(ended_at=None).exists()


def test_smaller_pages_help_where_large_ones_cannot_be_read(catalog):
    catalog.runs = MadeUpRuns(200)
    overviews(*(made_up_key(at) for at in range(200)))
    catalog.fault = lambda asked: (
        Answer(504) if asked.query["page_size"] == "100" and asked.query["page"] == "2" else None
    )
    run("--page-size", "100", expect=1)
    assert not run("--page-size", "20")["resumed"]
    assert None not in urls().values()


@pytest.mark.parametrize(("hours", "url"), [(11, "c000000"), (13, "renamed")])
def test_a_page_that_never_comes_does_not_keep_those_before_it_old(catalog, hours, url):
    catalog.runs = list(MadeUpRuns(60))
    overviews(made_up_key(0))
    catalog.fault = lambda asked: Answer(500) if asked.query["page"] == "3" else None
    run("--page-size", "20", expect=1)
    catalog.runs[0] = {**catalog.runs[0], "marketing_url": "https://www.example.com/course/renamed"}
    run("--page-size", "20", expect=1)  # it gets no further than the first run, so the checkpoint has not moved
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
        run("--page-size", "20", expect=1)
    assert urls() == {made_up_key(0): f"https://www.example.com/course/{url}"}
    assert CatalogRun.objects.filter(ended_at=None).count() == 1


def test_what_was_read_before_an_outage_reaches_ccx_too(catalog):
    ccx = "ccx-v1:Org+C000001+2026+ccx@1"
    catalog.runs = MadeUpRuns(40)
    overviews(made_up_key(1), ccx)
    catalog.fault = lambda asked: Answer(503) if asked.query["page"] == "2" else None
    assert run("--page-size", "20", expect=1)["counts"]["ccx_filled"] == 1
    assert urls()[ccx] == "https://www.example.com/course/c000001"


def test_links_with_larger_pages_than_were_asked_for_lead_on_all_the_same(catalog, monkeypatch):
    """A catalog that knows only ``limit`` and ``offset`` and returns at least twenty course runs."""
    runs = list(MadeUpRuns(100))

    def by_offset(asked):
        at = int(asked.query.get("offset", 0))
        link = f"{catalog.root}/api/v1/course_runs/?limit=20&offset={at + 20}" if at + 20 < 100 else None
        return Answer(body=json.dumps({"count": 100, "next": link, "results": runs[at : at + 20]}).encode())

    catalog.fault = by_offset
    monkeypatch.setattr(sync, "BATCH", 20)
    options = api.CatalogOptions(page_size=10, seconds=0)
    assert [api.update_catalog_data(options).more for _ in range(5)] == [True] * 4 + [False]


def test_another_catalog_is_read_from_its_beginning(catalog, settings):
    catalog.runs = MadeUpRuns(60)
    catalog.fault = lambda asked: Answer(503) if asked.query["page"] == "2" else None
    run("--page-size", "20", expect=1)
    with CatalogServer(MadeUpRuns(40)) as other:
        settings.COURSE_CATALOG_API_URL = other.settings["COURSE_CATALOG_API_URL"]
        settings.BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL = other.settings["BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL"]
        overviews(*(made_up_key(at) for at in range(40)))
        run("--page-size", "20")
    assert None not in urls().values()


def test_a_run_that_was_overtaken_writes_nothing_old(catalog):
    """It stops for longer than its lease after it has read a page; another run reads the same page meanwhile."""
    catalog.runs = [{"key": DEMO, "marketing_url": "https://www.example.com/old"}]
    overviews(DEMO)

    def stall(read, count):
        CatalogProgress.objects.update(lease_until=leases.DatabaseNow(-1))
        catalog.runs = [{"key": DEMO, "marketing_url": "https://www.example.com/new"}]
        api.update_catalog_data(api.CatalogOptions())

    with pytest.raises(leases.LeaseLost):
        api.update_catalog_data(api.CatalogOptions(on_page=stall))
    assert urls() == {DEMO: "https://www.example.com/new"}
    assert CatalogRecord.objects.get().values["marketing_url"] == "https://www.example.com/new"


def test_a_run_of_chosen_courses_that_was_overtaken_writes_nothing_old(catalog, monkeypatch):
    catalog.runs = [{"key": DEMO, "marketing_url": "https://www.example.com/old"}]
    overviews(DEMO)
    get = catalog_client.CatalogClient.get

    def stall(client, *arguments):
        monkeypatch.setattr(catalog_client.CatalogClient, "get", get)
        answer = client.get(*arguments)
        CatalogProgress.objects.update(lease_until=leases.DatabaseNow(-1))
        catalog.runs = [{"key": DEMO, "marketing_url": "https://www.example.com/new"}]
        api.update_catalog_data(api.CatalogOptions())
        return answer

    monkeypatch.setattr(catalog_client.CatalogClient, "get", stall)
    with pytest.raises(leases.LeaseLost):
        api.update_catalog_data(api.CatalogOptions(courses=[DEMO]))
    assert urls() == {DEMO: "https://www.example.com/new"}


def test_only_one_run_at_a_time(catalog):
    CatalogProgress.objects.create(pk=1)
    leases.claim(CatalogProgress.objects.all())
    assert "under way" in run(expect=1)
    assert catalog.asked == []


def test_a_run_that_was_overtaken_ends_and_leaves_the_rest_to_the_other(catalog, monkeypatch):
    monkeypatch.setattr(sync, "BATCH", 20)
    catalog.runs = MadeUpRuns(60)

    def overtake(read, count):
        if read == 40:
            CatalogProgress.objects.update(lease_token="another")

    with pytest.raises(leases.LeaseLost):
        api.update_catalog_data(api.CatalogOptions(page_size=20, on_page=overtake))
    assert len(catalog.pages_asked()) == 2
    assert CatalogProgress.objects.get().checkpoint["list_pass"]["place"]["number"] == 2


def test_sigterm_leaves_a_checkpoint(catalog):
    catalog.runs = MadeUpRuns(60)

    def terminate(asked):
        if asked.query["page"] == "2":
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

    catalog.fault = terminate
    run("--page-size", "20", expect=143)
    catalog.fault = lambda asked: None
    assert CatalogRun.objects.get().counts["retrieved"] == 20
    catalog.asked.clear()
    assert run()["counts"]["retrieved"] == 60
    assert [query["page"] for query in catalog.pages_asked()] == ["2", "3"]


def test_a_checkpoint_in_the_form_of_another_release_is_none(catalog):
    """The run begins at the beginning of the list; it does not fail until the checkpoint is too old."""
    catalog.runs = MadeUpRuns(60)
    run_record = CatalogRun.objects.create(began_at=datetime.now(UTC))
    checkpoint = {"walk": {"place": {"style": "page", "number": 2, "size": 20}}, "tally": {}}
    CatalogProgress.objects.create(pk=CatalogProgress.ONLY, run=run_record, checkpoint=checkpoint)
    assert run("--page-size", "20")["counts"]["retrieved"] == 60
    assert [query["page"] for query in catalog.pages_asked()] == ["1", "2", "3"]


def test_a_task_reads_a_part_and_another_goes_on(catalog, monkeypatch):
    monkeypatch.setattr(sync, "BATCH", 20)
    catalog.runs = MadeUpRuns(60)
    options = api.CatalogOptions(page_size=20, seconds=0)
    results = [api.update_catalog_data(options) for _ in range(3)]
    assert [(one.more, one.error, one.state) for one in results] == [
        (True, "", "stopped"), (True, "", "stopped"), (False, "", "completed"),
    ]  # fmt: skip
    assert results[-1].run_counts.counts["retrieved"] == 60


def test_chosen_courses_are_asked_for_by_name(catalog):
    catalog.runs = MadeUpRuns(100)
    overviews(*(made_up_key(at) for at in range(100)), "ccx-v1:Org+C000050+2026+ccx@1", "ccx-v1:Org+C000051+2026+ccx@1")
    result = run("--course", made_up_key(50), made_up_key(99))
    assert result["counts"]["changed"] == 2
    assert {key for key, url in urls().items() if url} == {
        made_up_key(50), made_up_key(99), "ccx-v1:Org+C000050+2026+ccx@1",
    }  # fmt: skip
    assert [query["keys"] for query in catalog.pages_asked()] == [f"{made_up_key(50)},{made_up_key(99)}"]
    assert CatalogRun.objects.get().courses == [made_up_key(50), made_up_key(99)]


def test_many_chosen_courses_take_several_requests(catalog):
    catalog.runs = MadeUpRuns(100)
    result = run("--course", *(made_up_key(at) for at in range(100)))
    assert (result["counts"]["unknown"], result["pages"]) == (100, 3)


def test_a_chosen_course_that_the_catalog_has_not(catalog):
    result = run("--course", DEMO, expect=1)
    assert result["missing"] == [DEMO]


@pytest.mark.parametrize("key", ["garbage", "library-v1:Org+Lib", "ccx-v1:edX+DemoX+Demo+ccx@1"])
def test_a_chosen_course_that_is_none(catalog, key):
    assert key in run("--course", key, expect=1)
    assert catalog.asked == []


def test_a_chosen_course_leaves_the_checkpoint_of_the_full_run(catalog):
    catalog.runs = MadeUpRuns(45)
    catalog.fault = lambda asked: Answer(503) if asked.query["page"] == "2" else None
    run("--page-size", "20", expect=1)
    run("--course", made_up_key(3))
    catalog.fault = lambda asked: None
    catalog.asked.clear()
    assert run()["resumed"]
    assert [query["page"] for query in catalog.pages_asked()] == ["2", "3"]


def test_a_dry_run_says_what_would_change_and_writes_nothing(catalog):
    catalog.runs = MadeUpRuns(2)
    overviews(made_up_key(0), "ccx-v1:Org+C000001+2026+ccx@1")
    run_before = CatalogRun.objects.count()
    result = run("--dry-run")
    assert result["changes"] == [
        {"course_key": made_up_key(0), "column": "marketing_url", "old": None,
         "new": "https://www.example.com/course/c000000"},
    ]  # fmt: skip
    assert (set(urls().values()), CatalogRecord.objects.count(), CatalogRun.objects.count()) == ({None}, 0, run_before)
    assert not CatalogProgress.objects.exists()


def test_check_says_what_there_is(catalog):
    catalog.runs = MadeUpRuns(45)
    result = run("--check")
    assert (result["count"], result["signed_in_as"]) == (45, "OAuth2 client catalog-client")
    assert "marketing_url" in result["fields"]
    assert not CatalogRun.objects.exists()
    assert catalog.client_secret not in json.dumps(result)


def test_check_of_a_catalog_that_is_down(catalog):
    catalog.fault = lambda asked: Answer(503)
    assert "503" in run("--check", expect=1)


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_a_page_size_that_is_none(size):
    with pytest.raises((CommandError, SystemExit)):
        call_command("update_catalog_data", "--page-size", size)


def test_for_people(catalog, capsys):
    catalog.runs = [*MadeUpRuns(3), {"key": "garbage"}]
    overviews(made_up_key(0))
    call_command("update_catalog_data")
    said = capsys.readouterr().out
    assert "completed: retrieved 4, matched 1, changed 1, unknown 2, refused 1" in said
    assert "refused 1: not a course key" in said


def test_the_log_has_begin_end_counts_and_failures(catalog, caplog):
    caplog.set_level("INFO", "course_sync_plugin")
    catalog.runs = MadeUpRuns(3)
    overviews(made_up_key(0))
    waiting = [Answer(500)]
    catalog.fault = lambda asked: waiting.pop() if waiting else None
    run()
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0] == "course_sync: catalog: begin"
    assert "course_sync: catalog: The catalog cannot answer now (500)" in texts
    assert any(f"{made_up_key(0)} marketing_url: None -> " in text for text in texts)
    assert texts[-1].startswith("course_sync: catalog: end {'retrieved': 3")


# ---- configuration


def test_what_the_admin_says_holds_from_the_next_run_on(catalog):
    catalog.runs = MadeUpRuns(45)
    overviews(made_up_key(0), eligible_for_financial_aid=False)
    run()
    assert [query["page_size"] for query in catalog.pages_asked()] == ["100"]
    CatalogSyncConfiguration.objects.create(page_size=7, sync_marketing_url=False)
    CourseOverview.objects.update(marketing_url="https://www.example.com/mine", eligible_for_financial_aid=False)
    catalog.asked.clear()
    run()
    assert [query["page_size"] for query in catalog.pages_asked()] == ["7"] * 7
    overview = CourseOverview.objects.get()
    assert (overview.marketing_url, overview.eligible_for_financial_aid) == ("https://www.example.com/mine", True)
    CatalogSyncConfiguration.objects.create(enabled=False)
    catalog.asked.clear()
    assert run(expect=1)["state"] == "off"
    assert catalog.asked == []


def test_switched_off_it_says_so(capsys):
    CatalogSyncConfiguration.objects.create(enabled=False)
    with pytest.raises(SystemExit):
        call_command("update_catalog_data")
    assert "Nothing was done" in capsys.readouterr().out


def test_requests_per_hour_hold_over_runs(catalog):
    CatalogSyncConfiguration.objects.create(requests_per_hour=4)
    catalog.runs = MadeUpRuns(100)
    result = run("--page-size", "20", expect=1)
    assert "this hour" in result["error"]
    assert len(catalog.pages_asked()) == 4
    run(expect=1)
    assert len(catalog.pages_asked()) == 4
    run("--dry-run", expect=1)
    assert len(catalog.pages_asked()) == 4
    CatalogProgress.objects.update(hour_began_at="2026-01-01T00:00:00Z")
    assert run()["counts"]["retrieved"] == 100
    assert len(catalog.pages_asked()) == 5


def test_throttled_for_an_hour_stops_resumably(catalog):
    catalog.runs = MadeUpRuns(45)
    catalog.fault = lambda asked: Answer(429, headers={"Retry-After": "3541"}) if asked.query["page"] == "2" else None
    result = run("--page-size", "20", expect=1)
    assert (result["counts"]["retrieved"], result["state"]) == (20, "stopped")


# ---- language


@pytest.fixture
def _catalog_owns_language(monkeypatch, settings):
    monkeypatch.setattr(host, "leaves_language_to_catalog", lambda: True)
    settings.LANGUAGES = [("en", "English"), ("es-419", "Español"), ("zh-cn", "中文")]
    settings.ALL_LANGUAGES = [["zh", "Chinese"], ["zh_HANS", "Simplified"], ["fr", "French"], ["pt", "Portuguese"]]


@pytest.mark.usefixtures("_catalog_owns_language")
@pytest.mark.parametrize(
    ("said", "here"),
    [
        ("en-us", "en"), ("EN_US", "en"), ("es-419", "es-419"), ("es-es", "es-es"), ("zh-cmn", "zh"),
        ("zh-hans", "zh_HANS"),
        ("zh-hant", "zh"), ("zh-cn", "zh-cn"), ("fr-ca", "fr"), ("tlh", "tlh"), ("pt-br", "pt"),
    ],
)  # fmt: skip
def test_language_by_the_code_that_this_site_has(catalog, said, here):
    catalog.runs = [{"key": DEMO, "content_language": said}]
    overviews(DEMO)
    run()
    assert CourseOverview.objects.get().language == here


@pytest.mark.usefixtures("_catalog_owns_language")
@pytest.mark.parametrize("said", [None, "", "<script>", 7, "e"])
def test_a_language_that_is_none_keeps_what_is_there(catalog, said):
    catalog.runs = [{"key": DEMO, "content_language": said}]
    overviews(DEMO, language="fr")
    run()
    assert CourseOverview.objects.get().language == "fr"


@pytest.mark.story(13)
def test_language_is_studios_where_the_platform_keeps_it(catalog):
    catalog.runs = [{"key": DEMO, "content_language": "en-us"}]
    overviews(DEMO, language="fr")
    run()
    assert CourseOverview.objects.get().language == "fr"


def test_a_task_that_finds_another_run_leaves_it_alone(catalog):
    CatalogProgress.objects.create(pk=1)
    leases.claim(CatalogProgress.objects.all())
    tasks.update_catalog_data()
    assert catalog.asked == []


def test_a_run_of_chosen_courses_between_two_tasks_does_not_end_their_run(catalog, monkeypatch):
    """The second task is retried once: a run that takes longer than that is another full run."""
    sent = []
    monkeypatch.setattr(sync, "BATCH", 20)
    monkeypatch.setattr(tasks, "LONGEST", 0)
    monkeypatch.setattr(tasks, "_send", lambda task, *arguments, countdown=0: sent.append(arguments))
    CatalogSyncConfiguration.objects.create(page_size=20)
    catalog.runs = MadeUpRuns(40)
    tasks.update_catalog_data()
    token = leases.claim(CatalogProgress.objects.all())
    tasks.update_catalog_data(*sent.pop())
    leases.release(CatalogProgress.objects.get(), token)
    tasks.update_catalog_data(*sent[-1])
    assert CatalogRun.objects.get().state == "completed"
    leases.claim(CatalogProgress.objects.all())
    tasks.update_catalog_data(*sent.pop())
    assert sent == []


@pytest.mark.parametrize("answer", [Answer(502), Answer(429, headers={"Retry-After": "25"})])
def test_what_cannot_be_waited_for_in_a_task_is_waited_for_between_two(catalog, monkeypatch, answer):
    sent, faults = [], [answer]
    monkeypatch.setattr(catalog_client, "RETRIES", (1.0, 1.0))
    monkeypatch.setattr(tasks, "LONGEST", 0.5)
    monkeypatch.setattr(tasks, "_send", lambda task, *arguments, countdown=0: sent.append((arguments, countdown)))
    catalog.runs = MadeUpRuns(3)
    overviews(made_up_key(0))
    catalog.fault = lambda asked: faults.pop() if faults else None
    tasks.update_catalog_data()
    seconds = 25 if answer.status == 429 else 1
    assert sent == [((seconds,), seconds)]
    tasks.update_catalog_data(*sent[0][0])
    assert urls() == {made_up_key(0): "https://www.example.com/course/c000000"}


def test_the_task_does_what_the_command_does(catalog):
    catalog.runs = MadeUpRuns(3)
    overviews(made_up_key(0))
    tasks.update_catalog_data()
    assert urls() == {made_up_key(0): "https://www.example.com/course/c000000"}


def test_a_task_whose_catalog_is_down_has_failed(catalog):
    catalog.fault = lambda asked: Answer(503)
    with pytest.raises(CourseSyncError, match="503"):
        tasks.update_catalog_data()


def test_tasks_share_the_budget_for_waiting(catalog, monkeypatch):
    """Each task passes on the seconds that it has waited; none waits beyond its own time."""
    waits, sent = [], []
    monkeypatch.setattr(sync, "BATCH", 20)
    monkeypatch.setattr(sync._Update, "_pause", lambda self, seconds: waits.append(seconds))
    monkeypatch.setattr(tasks, "_send", lambda task, *arguments, countdown=0: sent.append(arguments))
    monkeypatch.setattr(tasks, "LONGEST", 19.9)
    CatalogSyncConfiguration.objects.create(page_size=20)
    catalog.runs = MadeUpRuns(200)
    throttled = set()

    def throttle(asked):
        again = asked.query["page"] in throttled
        throttled.add(asked.query["page"])
        return None if again else Answer(429, headers={"Retry-After": "16"})

    catalog.fault = throttle
    clock = iter(range(0, 100_000, 4))
    monkeypatch.setattr(sync.time, "monotonic", lambda: next(clock))
    with pytest.raises(CourseSyncError, match="429"):
        tasks.update_catalog_data()
        while sent:
            tasks.update_catalog_data(*sent.pop())
    assert sum(waits) <= 60


def test_the_command_runs_in_any_thread(catalog):
    catalog.runs = MadeUpRuns(1)
    with ThreadPoolExecutor(1) as pool:
        try:
            pool.submit(call_command, "update_catalog_data", "--check", stdout=StringIO()).result()
        finally:
            pool.submit(connections.close_all).result()  # a thread has connections of its own
