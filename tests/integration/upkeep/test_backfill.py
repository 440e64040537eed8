"""``backfill`` records courses that existed before the plugin, and makes lanes that targets lack.

A course that cannot be read does not stop the others. A later backfill goes on with what is still missing.
"""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from waffle.testutils import override_switch

from course_sync_plugin import api, toggles
from course_sync_plugin.lanes.due import make_missing_lanes
from course_sync_plugin.management.subcommands.base import Output
from course_sync_plugin.models import Course, DatabaseNow, JournalOperation, Lane, Run, Target, digest_of
from tests.integration.courses import Shelf, a_course, own_queries, recorded

pytestmark = pytest.mark.django_db

RUNS = tuple(f"course-v1:Org+Course+Run{at}" for at in range(3))


@pytest.fixture
def published(shelf):
    """Publish three courses before the plugin is installed."""
    for key in RUNS:
        shelf.put(a_course("v1", course=key, sections=1, units=1))
    return shelf


def backfill(capsys, *arguments: str) -> tuple[int, str]:
    try:
        call_command("course_sync", "backfill", *arguments)
    except SystemExit as exit_:
        return exit_.code, capsys.readouterr().out
    return 0, capsys.readouterr().out


@pytest.mark.story(27)
def test_every_course_is_recorded_and_delivered(published, receiver, capsys):
    status, out = backfill(capsys)
    assert status == 0
    total = "3 of 3 courses filled: 3 recorded, 0 lanes made for courses recorded before, 0 failed"
    assert out.splitlines() == [*(f"{key}: recorded: 4 entities" for key in RUNS), total]
    api.deliver_until_empty()
    assert all(receiver.equals(published.courses[key]) for key in RUNS)


@pytest.mark.story(27)
def test_a_second_time_nothing_is_done(published, receiver, capsys):
    backfill(capsys)
    runs = Run.objects.count()
    status, out = backfill(capsys)
    assert status == 0
    assert out.splitlines() == [
        "0 of 3 courses filled: 0 recorded, 0 lanes made for courses recorded before, 0 failed",
        "  3 complete: it is recorded, and every subscribed target has a lane",
    ]
    assert Run.objects.count() == runs
    assert Lane.objects.count() == 3


@pytest.mark.story(27)
def test_one_bad_course_does_not_stop_the_rest(published, receiver, capsys):
    published.courses[RUNS[1]] = ValueError("a bad block")
    status, out = backfill(capsys)
    assert status == 1
    assert f"{RUNS[1]}: ValueError: a bad block" in out
    total = "2 of 3 courses filled: 2 recorded, 0 lanes made for courses recorded before, 1 failed"
    assert out.splitlines()[-1] == total
    assert recorded(RUNS[2]).published_version == "v1"


def test_a_dry_run_does_nothing(published, receiver, capsys):
    status, out = backfill(capsys, "--dry-run")
    assert status == 0
    assert out.count("would be recorded for the first time") == 3
    total = "3 of 3 courses would be filled: 3 recorded, 0 lanes made for courses recorded before, 0 failed"
    assert out.splitlines()[-1] == total
    assert (Course.objects.count(), Lane.objects.count(), published.reads) == (0, 0, 0)


def test_named_courses(published, receiver, capsys):
    out = backfill(capsys, "--course", RUNS[0], RUNS[1], RUNS[0])[1]
    assert Course.objects.count() == 2
    assert "2 of 2 courses filled" in out


@pytest.mark.parametrize("key", ["nonsense", "library-v1:Org+Library", "course-v1:Org+Course+Nun0"])
def test_a_course_that_is_none(published, capsys, key):
    with pytest.raises(SystemExit) as exit_:
        call_command("course_sync", "backfill", "--course", RUNS[0], key)
    assert exit_.value.code == 1
    assert key in capsys.readouterr().err
    assert not Course.objects.exists()


def test_json(published, capsys):
    published.courses[RUNS[1]] = ValueError("a bad block")
    with pytest.raises(SystemExit):
        call_command("course_sync", "backfill", "--json")
    filled = json.loads(capsys.readouterr().out)
    assert [(one["course_id"], one["done"]) for one in filled] == [(RUNS[0], True), (RUNS[1], False), (RUNS[2], True)]
    assert filled[1]["reason"] == "ValueError: a bad block"
    assert [one["outcome"] for one in filled] == ["recorded", "failed", "recorded"]


def test_an_excluded_course_is_skipped_and_says_why(published, capsys, monkeypatch):
    monkeypatch.setattr(toggles, "excluded_among", lambda keys: {RUNS[0]} & set(keys))
    out = backfill(capsys)[1]
    assert f"{RUNS[0]}: skipped: excluded by course_sync.excluded" in out
    assert out.splitlines()[-1] == "  1 skipped: excluded by course_sync.excluded"
    assert Course.objects.count() == 2


def test_while_everything_is_stopped(published, capsys):
    with override_switch("course_sync.stopped", active=True):
        status, out = backfill(capsys)
    assert status == 1
    assert "course_sync.stopped" in out
    assert out.splitlines()[-1] == "2 courses are left; the next 'backfill' goes on with them"
    assert not Course.objects.exists()


def test_a_course_in_other_hands_is_told(published, capsys):
    api.sync_course(RUNS[0])
    JournalOperation.objects.all().delete()
    Run.objects.all().delete()
    Course.objects.update(
        last_position=0, published_version="", structure_digest="",
        lease_token="theirs", lease_until="2100-01-01T00:00:00Z",
    )  # fmt: skip
    status, out, *_ = backfill(capsys)
    assert (status, out.splitlines()[-1]) == (0, "1 course is left; the next 'backfill' goes on with it")


ONE_LEFT = "1 course is left; the next 'backfill' goes on with it"
TWO_LEFT = "2 courses are left; the next 'backfill' goes on with them"


def lines_of(out: str) -> list[str]:
    """Return the ids of the courses that have a line of their own."""
    return [line.partition(": ")[0] for line in out.splitlines() if line.startswith("course-v1:")]


class TestALimit:
    """``--limit N``: at most N courses that need something. The next backfill goes on with the others."""

    def test_the_next_call_goes_on(self, published, receiver, capsys):
        status, out = backfill(capsys, "--limit", "2")
        assert (status, lines_of(out), out.splitlines()[-1]) == (0, [RUNS[0], RUNS[1]], ONE_LEFT)
        assert Course.objects.count() == 2
        status, out = backfill(capsys, "--limit", "2")
        assert (status, lines_of(out)) == (0, [RUNS[2]])
        assert "are left" not in out
        assert published.reads == 3

    def test_courses_that_are_complete_do_not_count(self, published, receiver, capsys):
        api.sync_course(RUNS[0])
        assert lines_of(backfill(capsys, "--limit", "1")[1]) == [RUNS[1]]

    def test_nor_those_that_are_skipped(self, published, receiver, capsys, monkeypatch):
        monkeypatch.setattr(toggles, "excluded_among", lambda keys: {RUNS[0]} & set(keys))
        out = backfill(capsys, "--limit", "1")[1]
        assert recorded(RUNS[1]).last_position
        assert ONE_LEFT in out

    def test_courses_that_lack_a_lane_count_and_come_first(self, published, receiver, capsys):
        for key in RUNS[1:]:
            api.sync_course(key)
        Lane.objects.all().delete()
        out = backfill(capsys, "--limit", "1")[1]
        assert [lane.course.key for lane in Lane.objects.all()] == [RUNS[1]] == lines_of(out)
        assert "1 of 3 courses filled: 0 recorded, 1 lane made for courses recorded before, 0 failed" in out
        assert TWO_LEFT in out
        assert lines_of(backfill(capsys, "--limit", "2")[1]) == [RUNS[2], RUNS[0]]

    def test_a_dry_run_shows_that_many(self, published, receiver, capsys):
        status, out = backfill(capsys, "--dry-run", "--limit", "2")
        assert (status, lines_of(out), out.splitlines()[-1]) == (0, [RUNS[0], RUNS[1]], ONE_LEFT)
        assert "2 of 3 courses would be filled" in out
        assert (Course.objects.count(), Lane.objects.count(), published.reads) == (0, 0, 0)

    def test_json(self, published, receiver, capsys):
        api.sync_course(RUNS[2])
        Lane.objects.all().delete()
        backfill(capsys, "--course", RUNS[2])
        api.add_target("other", url=receiver.url, orgs=["Org"])
        Lane.objects.all().delete()
        status, out = backfill(capsys, "--limit", "2", "--json")
        assert status == 0
        assert json.loads(out) == [
            {
                "course_id": RUNS[2],
                "done": True,
                "outcome": "lanes",
                "lanes": 2,
                "reason": "a snapshot is due for crm, other",
            },
            {
                "course_id": RUNS[0],
                "done": True,
                "outcome": "recorded",
                "lanes": 0,
                "reason": "recorded: 4 entities",
            },
            {
                "course_id": RUNS[1],
                "done": False,
                "outcome": "left",
                "lanes": 0,
                "reason": "left for the next backfill",
            },
        ]
        assert [one["outcome"] for one in json.loads(backfill(capsys, "--json")[1])] == [
            "recorded", "complete", "complete",
        ]  # fmt: skip

    def test_the_api(self, published, receiver):
        filled = list(api.backfill(RUNS, limit=1))
        assert [(one.course_key, one.outcome.value, one.failed) for one in filled] == [
            (RUNS[0], "recorded", False), (RUNS[1], "left", False), (RUNS[2], "left", False),
        ]  # fmt: skip

    def test_its_progress_is_that_of_the_courses_that_need_something(self, published, receiver, capsys, monkeypatch):
        totals = []

        def progress(out: Output, items: Any, unit: str, total: int | None = None) -> Any:
            totals.append((unit, total))
            return iter(items)

        monkeypatch.setattr(Output, "progress", progress)
        api.sync_course(RUNS[0])
        backfill(capsys)
        backfill(capsys)
        published.put(a_course("v1", course=f"{RUNS[0]}a"))
        published.put(a_course("v1", course=f"{RUNS[0]}b"))
        backfill(capsys, "--limit", "1")
        assert totals == [("course", 2), ("course", 0), ("course", 1)]


class TestTheOrder:
    """Courses never tried come first, then those that failed, the oldest failure first."""

    def failing(self, shelf: Shelf, *keys: str) -> None:
        for key in keys:
            shelf.courses[key] = ValueError("a bad block")

    def test_what_failed_a_moment_ago_waits_for_the_others(self, published, capsys):
        self.failing(published, RUNS[0], RUNS[1])
        tried = [lines_of(backfill(capsys, "--limit", "1")[1]) for _ in range(6)]
        assert tried == [[key] for key in (RUNS[0], RUNS[1], RUNS[2], RUNS[0], RUNS[1], RUNS[0])]

    def test_a_new_course_comes_before_them(self, published, capsys):
        self.failing(published, *RUNS)
        backfill(capsys)
        published.put(a_course("v1", course="course-v1:Org+Course+Zebra"))
        assert lines_of(backfill(capsys)[1]) == ["course-v1:Org+Course+Zebra", *RUNS]

    def test_the_oldest_failure_first_however_often_it_failed(self, published, capsys):
        self.failing(published, *RUNS)
        for key in (RUNS[2], RUNS[2], RUNS[1], RUNS[0]):
            backfill(capsys, "--course", key)
        assert lines_of(backfill(capsys)[1]) == [RUNS[2], RUNS[1], RUNS[0]]

    def test_a_read_that_killed_the_process_counts_as_an_attempt(self, published, capsys):
        """Such a course is not the first one each time: otherwise it would keep the others from their turn."""
        self.failing(published, RUNS[0])
        backfill(capsys, "--course", RUNS[0])
        values = {"org": "Org", "lease_token": "dead", "lease_until": DatabaseNow(-0.001)}
        Course.objects.create(key=RUNS[1], key_digest=digest_of(RUNS[1]), **values)
        assert lines_of(backfill(capsys, "--dry-run")[1]) == [RUNS[2], RUNS[0], RUNS[1]]
        Course.objects.filter(lease_token="dead").update(lease_until=DatabaseNow(-600))
        assert lines_of(backfill(capsys, "--dry-run")[1]) == [RUNS[2], RUNS[1], RUNS[0]]

    def test_one_that_failed_can_be_read_at_once(self, published, capsys):
        """The time of the failure is kept beside the lease, which is free."""
        self.failing(published, RUNS[0])
        backfill(capsys, "--course", RUNS[0])
        published.put(a_course("v1", course=RUNS[0]))
        backfill(capsys, "--course", RUNS[0])
        course = recorded(RUNS[0])
        assert (course.published_version, course.last_error, course.lease_until) == ("v1", "", None)


class TestASleep:
    """``--sleep SECONDS``: a pause between two courses that need something."""

    def test_between_two_courses(self, published, receiver, capsys):
        began = time.monotonic()
        backfill(capsys, "--sleep", "0.4")
        assert 0.8 <= time.monotonic() - began < 1.2
        assert Course.objects.count() == 3

    def test_not_for_courses_that_are_complete_nor_for_a_dry_run(self, published, receiver, capsys):
        began = time.monotonic()
        backfill(capsys, "--sleep", "30", "--dry-run")
        backfill(capsys, "--sleep", "30", "--limit", "1")
        backfill(capsys)
        backfill(capsys, "--sleep", "30")
        assert time.monotonic() - began < 10

    def test_lanes_are_made_one_course_after_the_other(self, published, receiver, capsys):
        for key in RUNS:
            api.sync_course(key)
        Lane.objects.all().delete()
        made = [Lane.objects.count() for _ in api.backfill(RUNS, sleep=0.01)]
        assert made == [1, 2, 3]


class TestASignal:
    """SIGTERM and Ctrl-C end a backfill between two courses; the next one goes on."""

    @pytest.fixture
    def while_reading(self, published, monkeypatch) -> Callable[[Callable[[], object]], None]:
        """Return a function that makes each read of a course call another function first."""

        def change(then: Callable[[], object]) -> None:
            read = published.read
            monkeypatch.setattr(published, "read", lambda course_id: then() or read(course_id))

        return change

    @pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_it_ends_after_the_present_course(self, published, receiver, while_reading, capfd, number, status):
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        while_reading(lambda: signal.raise_signal(number) if published.reads == 1 else None)
        ended, out = backfill(capfd)
        assert (ended, lines_of(out)) == (status, [RUNS[0], RUNS[1]])
        assert out.splitlines()[2:] == [
            "2 of 3 courses filled: 2 recorded, 0 lanes made for courses recorded before, 0 failed",
            ONE_LEFT,
        ]
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
        assert lines_of(backfill(capfd)[1]) == [RUNS[2]]

    def test_it_says_that_it_will(self, published, while_reading, capfd):
        while_reading(lambda: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(SystemExit):
            call_command("course_sync", "backfill")
        assert "ends after this course; a second signal ends it at once" in capfd.readouterr().err

    def test_it_does_not_wait_until_the_pause_is_over(self, published, capfd):
        main = threading.main_thread().ident
        timer = threading.Timer(1, lambda: signal.pthread_kill(main, signal.SIGTERM))
        timer.start()
        began = time.monotonic()
        assert backfill(capfd, "--sleep", "60")[0] == 143
        assert time.monotonic() - began < 10
        assert Course.objects.count() == 1

    def test_the_second_one_does_not_wait_for_the_course(self, published, while_reading, capfd):
        """The course is free again when its lease has run out."""
        while_reading(lambda: [signal.raise_signal(number) for number in (signal.SIGTERM, signal.SIGINT)])
        status, out = backfill(capfd)
        assert (status, out) == (130, "")
        assert recorded(RUNS[0]).published_version == ""

    def test_a_failure_does_not_hide_it(self, published, while_reading, capfd):
        while_reading(lambda: [signal.raise_signal(signal.SIGTERM), 1 / 0])
        status, out = backfill(capfd)
        assert (status, lines_of(out), out.splitlines()[-1]) == (143, [RUNS[0]], TWO_LEFT)

    def test_json(self, published, while_reading, capfd):
        while_reading(lambda: signal.raise_signal(signal.SIGTERM))
        status, out = backfill(capfd, "--json")
        assert status == 143
        assert [one["outcome"] for one in json.loads(out)] == ["recorded", "left", "left"]

    def test_a_call_in_another_thread_gets_no_signals(self, published, monkeypatch, capsys):
        """Python handles signals in the main thread alone."""
        monkeypatch.setattr(threading, "main_thread", lambda: threading.Thread())
        assert backfill(capsys)[0] == 0


def test_a_stopped_site_is_not_asked_again_for_each_course(published, capsys):
    began = time.monotonic()
    with override_switch("course_sync.stopped", active=True):
        status, out = backfill(capsys, "--sleep", "30")
    assert (status, lines_of(out), out.splitlines()[-1]) == (1, [RUNS[0]], TWO_LEFT)
    assert time.monotonic() - began < 10


class TestATarget:
    """``--target NAME`` makes only the lanes of this target."""

    @pytest.fixture
    def two(self, published, receiver):
        for key in RUNS:
            api.sync_course(key)
        api.add_target("other", url=receiver.url, orgs=["Org"])
        Lane.objects.all().delete()
        return published

    def test_only_its_lanes_are_made(self, two, capsys):
        status, out = backfill(capsys, "--target", "crm")
        assert status == 0
        assert f"{RUNS[0]}: a snapshot is due for crm" in out
        assert {lane.target.name for lane in Lane.objects.all()} == {"crm"}

    def test_of_every_target(self, two, capsys):
        assert f"{RUNS[0]}: a snapshot is due for crm, other" in backfill(capsys)[1]
        assert Lane.objects.count() == 6

    def test_a_dry_run(self, two, capsys):
        assert f"{RUNS[0]}: would send a snapshot to crm" in backfill(capsys, "--target", "crm", "--dry-run")[1]
        assert not Lane.objects.exists()

    def test_courses_that_it_does_not_want_are_left_alone(self, published, receiver, capsys):
        api.add_target("one", url=receiver.url, courses=[RUNS[0]])
        status, out = backfill(capsys, "--target", "one")
        assert status == 0
        assert f"{RUNS[1]}: skipped: one has no subscription for it" in out
        assert [course.key for course in Course.objects.all()] == [RUNS[0]]

    def test_a_snapshot_brings_a_lost_receiver_in_step(self, two, receiver, capsys):
        backfill(capsys)
        api.deliver_until_empty()
        assert all(receiver.equals(two.courses[key]) for key in RUNS)

    def test_a_target_that_is_not_known(self, two, capsys):
        with pytest.raises(SystemExit):
            call_command("course_sync", "backfill", "--target", "cmr")
        assert "Did you mean 'crm'?" in capsys.readouterr().err


#: The parts that courses lack, and whether it is a dry run. A course that must be read needs queries of its own.
STATES = [("nothing", True), ("nothing", False), ("lanes", True), ("lanes", False), ("everything", True)]


@pytest.mark.parametrize(("lacks", "dry_run"), STATES)
def test_its_queries_do_not_grow_with_the_courses(shelf, receiver, lacks, dry_run):
    counts = []
    for number in (5, 35):  # SQLite accepts no more lanes in one statement
        keys = [f"course-v1:Org+Course+Of{number}-{at}" for at in range(number)]
        for key in keys:
            shelf.put(a_course("v1", course=key))
        values = {"org": "Org", "last_position": 1, "published_version": "v1"}
        rows = [Course(key=key, key_digest=digest_of(key), **values) for key in keys]
        Course.objects.bulk_create(rows if lacks != "everything" else [])
        make_missing_lanes(rows if lacks == "nothing" else [])
        with own_queries() as queries:
            filled = list(api.backfill(api.courses_to_fill(keys), dry_run=dry_run))
        assert [one.done for one in filled] == [lacks != "nothing"] * number
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 8
    assert Lane.objects.count() == (0 if dry_run and lacks != "nothing" else 40)


def test_its_queries_do_not_grow_with_the_targets(published, django_assert_max_num_queries):
    for key in RUNS:
        api.sync_course(key)
    Target.objects.bulk_create(Target(name=f"t{at}", backend="webhook") for at in range(30))
    Lane.objects.bulk_create(
        Lane(target=target, course=course, cursor=4, end=4)
        for target in Target.objects.all()
        for course in Course.objects.all()
    )
    with django_assert_max_num_queries(10):
        list(api.backfill(api.courses_to_fill()))
