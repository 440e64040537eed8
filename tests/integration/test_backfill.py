"""Filling what was there before us, and the lanes that a target lacks: one bad course does not stop the rest."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from waffle.testutils import override_switch

from course_sync_plugin import api, toggles
from course_sync_plugin.lanes.wake import make_missing_lanes
from course_sync_plugin.models import Course, JournalOperation, Lane, Run, Target, digest_of

from .courses import a_course, own_queries, recorded

pytestmark = pytest.mark.django_db

RUNS = tuple(f"course-v1:Org+Course+Run{at}" for at in range(3))


@pytest.fixture
def published(shelf):
    """Three courses that were there before the plugin."""
    for key in RUNS:
        shelf.put(a_course("v1", course=key, sections=1, units=1))
    return shelf


def backfill(capsys, *arguments: str) -> tuple[int, str]:
    try:
        call_command("course_sync", "backfill", *arguments)
    except SystemExit as exit_:
        return exit_.code, capsys.readouterr().out
    return 0, capsys.readouterr().out


def test_every_course_is_recorded_and_delivered(published, receiver, capsys):
    status, out = backfill(capsys)
    assert status == 0
    assert out.splitlines() == [*(f"{key}: recorded: 4 entities" for key in RUNS), "3 of 3 courses"]
    api.deliver_until_empty()
    assert all(receiver.equals(published.courses[key]) for key in RUNS)


def test_a_second_time_nothing_is_done(published, receiver, capsys):
    backfill(capsys)
    runs = Run.objects.count()
    status, out = backfill(capsys)
    assert (status, out.splitlines()[-1]) == (0, "0 of 3 courses")
    assert "skipped: recorded, and every target that wants it has a lane" in out
    assert Run.objects.count() == runs
    assert Lane.objects.count() == 3


def test_one_bad_course_does_not_stop_the_rest(published, receiver, capsys):
    published.courses[RUNS[1]] = ValueError("a bad block")
    status, out = backfill(capsys)
    assert status == 1
    assert f"{RUNS[1]}: ValueError: a bad block" in out
    assert out.splitlines()[-1] == "2 of 3 courses"
    assert recorded(RUNS[2]).published_version == "v1"


def test_a_dry_run_does_nothing(published, receiver, capsys):
    status, out = backfill(capsys, "--dry-run")
    assert status == 0
    assert out.count("would be recorded for the first time") == 3
    assert out.splitlines()[-1] == "3 of 3 courses would be done"
    assert (Course.objects.count(), Lane.objects.count(), published.reads) == (0, 0, 0)


def test_named_courses(published, receiver, capsys):
    backfill(capsys, "--course", RUNS[0], RUNS[1])
    assert Course.objects.count() == 2


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


def test_an_excluded_course_is_skipped_and_says_why(published, capsys, monkeypatch):
    monkeypatch.setattr(toggles, "excluded_among", lambda keys: {RUNS[0]} & set(keys))
    assert f"{RUNS[0]}: skipped: excluded by course_sync.excluded" in backfill(capsys)[1]
    assert Course.objects.count() == 2


def test_while_everything_is_stopped(published, capsys):
    with override_switch("course_sync.stopped", active=True):
        status, out = backfill(capsys)
    assert status == 1
    assert "course_sync.stopped" in out
    assert not Course.objects.exists()


def test_a_course_in_other_hands_is_told(published, capsys):
    api.sync_course(RUNS[0])
    JournalOperation.objects.all().delete()
    Run.objects.all().delete()
    Course.objects.update(
        last_position=0, published_version="", structure_digest="",
        lease_token="theirs", lease_until="2100-01-01T00:00:00Z",
    )  # fmt: skip
    assert f"{RUNS[0]}: busy" in backfill(capsys)[1]


class TestATarget:
    """``--target NAME``: the lanes of this target."""

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
        assert f"{RUNS[0]}: snapshot due for crm" in out
        assert {lane.target.name for lane in Lane.objects.all()} == {"crm"}

    def test_of_every_target(self, two, capsys):
        assert f"{RUNS[0]}: snapshot due for crm, other" in backfill(capsys)[1]
        assert Lane.objects.count() == 6

    def test_a_dry_run(self, two, capsys):
        assert f"{RUNS[0]}: would send a snapshot to crm" in backfill(capsys, "--target", "crm", "--dry-run")[1]
        assert not Lane.objects.exists()

    def test_courses_that_it_does_not_want_are_left_alone(self, published, receiver, capsys):
        api.add_target("one", url=receiver.url, courses=[RUNS[0]])
        status, out = backfill(capsys, "--target", "one")
        assert status == 0
        assert f"{RUNS[1]}: skipped: one does not want it" in out
        assert [course.key for course in Course.objects.all()] == [RUNS[0]]

    def test_a_snapshot_brings_a_lost_receiver_in_step(self, two, receiver, capsys):
        backfill(capsys)
        api.deliver_until_empty()
        assert all(receiver.equals(two.courses[key]) for key in RUNS)

    def test_a_target_that_is_not_known(self, two, capsys):
        with pytest.raises(SystemExit):
            call_command("course_sync", "backfill", "--target", "cmr")
        assert "Did you mean 'crm'?" in capsys.readouterr().err


#: What courses lack, and whether it is a dry run. A course that must be read takes queries of its own.
STATES = [("nothing", True), ("nothing", False), ("lanes", True), ("lanes", False), ("everything", True)]


@pytest.mark.parametrize(("lacks", "dry_run"), STATES)
def test_its_queries_do_not_grow_with_the_courses(shelf, receiver, lacks, dry_run):
    counts = []
    for number in (5, 40):  # SQLite takes no more lanes in one statement
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
    assert counts[0] == counts[1] <= 6
    assert Lane.objects.count() == (0 if dry_run and lacks != "nothing" else 45)


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
