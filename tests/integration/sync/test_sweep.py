"""The sweep finds missed publishes by a comparison of versions, and reports courses that were never recorded."""

from __future__ import annotations

import json
import logging

import pytest
from django.core.management import call_command

from course_sync_plugin import api, toggles
from course_sync_plugin.models import Course, DatabaseNow, Lane, Marker, Run, digest_of
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.sync.sweep import Swept
from tests.integration.courses import COURSE, a_course, approve, own_queries, recorded

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Org+Course+Other"


@pytest.fixture
def known(shelf):
    """Publish and record a course."""
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    return shelf


class TestMissed:
    def test_a_publish_of_which_nobody_told_us(self, known):
        known.put(a_course("v2", units=4))
        assert api.sweep().missed == (COURSE,)
        api.sync_marked()
        assert recorded().published_version == "v2"
        assert api.sweep().missed == ()

    def test_a_deletion_of_which_nobody_told_us(self, known):
        known.delete()
        assert api.sweep().missed == (COURSE,)
        api.sync_marked()
        assert api.status()["held"][0]["course_id"] == COURSE

    def test_a_course_made_again_of_which_nobody_told_us(self, known):
        known.delete()
        api.sync_course(COURSE)
        approve()
        known.put(a_course("v3"))
        assert api.sweep().missed == (COURSE,)

    def test_nothing(self, known):
        known.put(a_course("v1", course=OTHER))
        assert api.sweep().missed == ()
        assert not Marker.objects.exists()

    def test_what_is_marked_already_is_not_marked_again(self, known):
        known.publish(a_course("v2"))
        assert api.sweep().missed == ()
        assert Marker.objects.count() == 1

    def test_twice_is_once(self, known):
        known.put(a_course("v2"))
        api.sweep()
        assert api.sweep().missed == ()
        assert Marker.objects.count() == 1

    def test_a_course_that_was_never_recorded_and_is_marked_is_synced(self, shelf):
        shelf.publish(a_course("v1"))
        api.sweep()
        api.sync_marked()
        assert recorded().published_version == "v1"

    @pytest.mark.story(3)
    def test_the_worker_that_died_with_a_course(self, known):
        """The worker was killed while it held the lease: its marker is still there, and the lease runs out."""
        known.publish(a_course("v2"))
        Course.objects.update(lease_token="dead", lease_until="2100-01-01T00:00:00Z")
        assert api.sync_course(COURSE).outcome is Outcome.BUSY
        Course.objects.update(lease_until="2020-01-01T00:00:00Z")
        api.sync_marked()
        assert recorded().published_version == "v2"


class TestUnknown:
    def test_they_are_told_and_never_filled(self, known):
        for at in range(3):
            known.put(a_course("v1", course=f"course-v1:Org+Course+Old{at}"))
        assert api.sweep().unknown == tuple(f"course-v1:Org+Course+Old{at}" for at in range(3))
        api.sync_marked()
        assert Run.objects.count() == 1
        assert not Marker.objects.exists()

    def test_a_course_that_could_not_be_read_is_unknown_yet(self, shelf):
        shelf.break_(ValueError("!"), "v1")
        api.sync_course(COURSE)
        assert api.sweep().unknown == (COURSE,)
        assert Marker.objects.count() == 1


class TestLanes:
    def test_one_that_nobody_woke(self, known, receiver):
        api.deliver_until_empty()
        known.publish(a_course("v2", units=4))
        api.sync_course(COURSE)
        Lane.objects.update(due_at=None)
        assert api.sweep().lanes == 1
        api.deliver_until_empty()
        assert receiver.equals(a_course("v2", units=4))
        assert api.sweep().lanes == 0

    def test_one_that_nobody_made(self, known, receiver):
        """A target is added while a course is recorded for the first time: neither process sees the other's row."""
        Lane.objects.all().delete()
        assert api.sweep().lanes == 1
        api.deliver_until_empty()
        assert receiver.equals(a_course("v1"))
        assert api.sweep().lanes == 0

    def test_none_is_made_that_nobody_wants(self, known, receiver):
        api.add_target("other", url=receiver.url, orgs=["Other"])
        Course.objects.update(published_version="")
        Lane.objects.all().delete()
        assert api.sweep().lanes == 0

    @pytest.mark.parametrize("values", [{"failing": True}, {"waiting_for": "level"}])
    def test_one_that_waits_for_somebody_is_left_alone(self, known, receiver, values):
        Lane.objects.update(cursor=0, due_at=None, **values)
        assert api.sweep().lanes == 0


def test_the_number_of_queries_does_not_grow(shelf):
    def queries_with(courses: int) -> int:
        shelf.versions.clear()
        Course.objects.all().delete()
        for at in range(courses):
            key = f"course-v1:Org+Course+Run{at}"
            Course.objects.create(
                key=key, key_digest=digest_of(key), org="Org", last_position=5, published_version="v1"
            )
            shelf.versions[key] = "v1" if at % 2 else "v2"
            shelf.versions[f"{key}unknown"] = "v1"
        Marker.objects.all().delete()
        with own_queries() as queries:
            swept = api.sweep()
        assert (len(swept.missed), len(swept.unknown)) == (courses // 2, courses)
        return len(queries)

    queries_with(2)
    assert queries_with(60) == queries_with(6) <= 8


def test_one_line_in_the_log(known, caplog):
    caplog.set_level(logging.INFO, "course_sync_plugin")
    known.put(a_course("v2"))
    api.sweep()
    assert [record.getMessage() for record in caplog.records] == ["course_sync: sweep missed=1 unknown=0 lanes=0"]


def test_the_command(known, capsys):
    known.put(a_course("v2"))
    known.put(a_course("v1", course=OTHER))
    call_command("course_sync", "sweep")
    out = capsys.readouterr().out
    assert "1 publish was missed and is due now" in out
    assert f"  {COURSE}" in out
    assert "1 course was never recorded; 'backfill' records it" in out
    call_command("course_sync", "sweep", "--json")
    assert json.loads(capsys.readouterr().out) == {"missed": [], "unknown": [OTHER], "lanes": 0}


def test_a_sweep_finds_nothing_while_everything_is_stopped(shelf, monkeypatch):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    shelf.put(a_course("v2"))
    Marker.objects.all().delete()
    with monkeypatch.context() as patched:
        patched.setattr(toggles, "is_stopped", lambda: True)
        assert api.sweep() == Swept((), (), 0)
    assert not Marker.objects.exists()
    assert api.sweep() == Swept((COURSE,), (), 0)


def test_a_lane_that_waits_for_its_next_attempt_goes_on_waiting(shelf, receiver):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    Lane.objects.update(due_at=DatabaseNow(600), cursor=0)
    before = Lane.objects.get().due_at
    assert api.sweep().lanes == 0
    assert Lane.objects.get().due_at == before
