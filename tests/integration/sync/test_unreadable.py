"""A course that cannot be read is not deleted, does not delay other courses, and recovers later."""

from __future__ import annotations

import logging
import shutil
from unittest.mock import Mock

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.models import Course, DatabaseNow, Entity, Marker, Run, SyncLog, digest_of
from course_sync_plugin.sync.course import FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, CourseSync, Outcome
from course_sync_plugin.upkeep.status.report import status
from tests.conftest import SAMPLE
from tests.integration.courses import COURSE, a_course, block, differences, recorded, replayed, same

pytestmark = pytest.mark.django_db

BROKEN = InvalidCourse("html/welcome.xml, line 12: 'unclosed tag'")


@pytest.fixture(autouse=True)
def _no_quiet(settings):
    settings.COURSE_SYNC_QUIET_SECONDS = 0


@pytest.fixture
def broken(shelf):
    """Record a course, then publish a version that cannot be read, and try to sync it."""
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    shelf.break_(BROKEN, "v2")
    assert api.sync_course(COURSE).outcome is Outcome.UNREADABLE
    return shelf


def seconds_until_the_next_try() -> float:
    marker = Marker.objects.annotate(now=DatabaseNow()).first()
    return (marker.seen_at - marker.now).total_seconds()


def test_nothing_is_deleted_and_the_marker_stays(broken):
    assert Run.objects.count() == 1
    assert Marker.objects.count() == 1
    assert recorded().published_version == "v1"
    assert differences(COURSE, a_course("v1"), replayed()) == []


def test_the_result_says_what_is_wrong(shelf):
    shelf.break_(BROKEN, "v1")
    result = api.sync_course(COURSE)
    assert (result.outcome, result.error) == (Outcome.UNREADABLE, BROKEN.message)


def test_the_status_says_what_is_wrong(broken):
    (course,) = status()["courses"]
    assert (course["published_version"], course["recorded_version"]) == ("v2", "v1")
    assert course["error"] == BROKEN.message


def test_the_status_knows_a_course_that_could_never_be_read(shelf):
    shelf.break_(BROKEN, "v1")
    api.sync_course(COURSE)
    assert [course["error"] for course in status()["courses"]] == [BROKEN.message]


def test_a_read_that_hangs_is_an_error_that_names_the_setting(shelf, settings, caplog):
    """The thread that renews the lease calls this method. tests/services/test_slow_reads.py lets a read hang."""
    settings.COURSE_SYNC_READ_SECONDS = 12.5
    shelf.publish(a_course("v1"))
    CourseSync(COURSE, shelf)._postpone_overdue_read()
    message = "The course was not read within 12.5 s (COURSE_SYNC_READ_SECONDS)."
    assert recorded().last_error == message
    assert SyncLog.objects.get().error_class == "TimeoutError"
    assert message in caplog.text


def test_it_is_postponed_although_a_worker_died_with_its_lease(broken, monkeypatch):
    """The version itself cannot be read, so this sync has no lease yet. The lease of the dead worker has ended."""
    monkeypatch.setattr(broken, "published_version", Mock(side_effect=BROKEN))
    Course.objects.update(lease_token="dead", lease_until=DatabaseNow(-1), attempts=0)
    assert api.sync_course(COURSE).outcome is Outcome.UNREADABLE
    assert (recorded().attempts, recorded().lease_token) == (1, "")


def test_it_is_tried_again_later_and_later(broken):
    waits = []
    for _ in range(12):
        waits.append(seconds_until_the_next_try())
        assert api.sync_course(COURSE).outcome is Outcome.UNREADABLE
    expected = [min(FIRST_RETRY_SECONDS * 2**tried, LONGEST_RETRY_SECONDS) for tried in range(12)]
    assert waits == pytest.approx(expected, abs=2)


def test_it_does_not_keep_the_loop_busy(broken):
    reads = broken.reads
    for _ in range(3):
        assert api.sync_marked() is None
    api.sweep()
    api.sync_marked()
    assert broken.reads == reads


def test_it_heals_when_its_time_has_come(broken):
    broken.put(a_course("v2", units=4))
    Marker.objects.update(seen_at=DatabaseNow(-1))
    api.sync_marked()
    assert recorded().published_version == "v2"
    assert (recorded().last_error, recorded().attempts) == ("", 0)
    assert not Marker.objects.exists()
    assert status()["courses"][0]["error"] == ""


def test_a_new_publish_heals_at_once(broken):
    """The author repairs the course and publishes: this version must not wait until the next try of the broken one."""
    for _ in range(6):
        api.sync_course(COURSE)
    assert seconds_until_the_next_try() > 300
    broken.publish(a_course("v3", units=4))
    api.sync_marked()
    assert recorded().published_version == "v3"
    assert not Marker.objects.exists()


def test_a_new_publish_that_is_as_bad_waits_longer(broken):
    broken.break_(BROKEN, "v3")
    api.sync_marked()
    assert recorded().attempts == 2
    assert Marker.objects.count() == 2
    assert Marker.objects.filter(seen_at__gt=DatabaseNow(FIRST_RETRY_SECONDS)).count() == 2


def test_an_operator_does_not_have_to_wait(broken, capsys):
    broken.put(a_course("v2", units=4))
    call_command("course_sync", "sync")
    assert recorded().published_version == "v2"
    assert f"{COURSE}: recorded" in capsys.readouterr().out


def test_one_that_was_deleted_instead_is_no_error_any_more(shelf):
    shelf.break_(BROKEN, "v1")
    api.sync_course(COURSE)
    shelf.delete()
    api.sync_course(COURSE)
    assert status()["courses"] == []
    assert not Marker.objects.exists()


def test_one_does_not_stop_the_rest(shelf):
    keys = [f"course-v1:Org+Course+Run{at}" for at in range(3)]
    for at, key in enumerate(keys):
        if at == 1:
            shelf.break_(ZeroDivisionError("a bug of a source"), "v1", key)
        else:
            shelf.publish(a_course("v1", course=key))
    api.sync_marked()
    assert [recorded(key).published_version for key in keys] == ["v1", "", "v1"]
    assert "ZeroDivisionError" in recorded(keys[1]).last_error


def test_a_version_that_cannot_be_asked_for_is_put_off_too(shelf, monkeypatch):
    shelf.publish(a_course("v1"))
    monkeypatch.setattr(shelf, "published_version", lambda course_id: 1 / 0)
    assert api.sync_course(COURSE).outcome is Outcome.UNREADABLE
    assert seconds_until_the_next_try() == pytest.approx(FIRST_RETRY_SECONDS, abs=2)
    assert SyncLog.objects.get().published_version == ""


def test_it_does_not_disturb_one_who_is_at_it(shelf, monkeypatch):
    """Another worker holds the lease and reads. Our sync cannot even get the version; it must not store that error.

    Nor may it put the publish off: if the other worker dies, the course is due as soon as the lease is over.
    """
    shelf.publish(a_course("v1"))
    theirs = {"lease_token": "theirs", "lease_until": "2100-01-01T00:00:00Z"}
    Course.objects.create(key=COURSE, key_digest=digest_of(COURSE), org="Org", **theirs)
    monkeypatch.setattr(shelf, "published_version", lambda course_id: 1 / 0)
    api.sync_course(COURSE)
    assert (recorded().lease_token, recorded().last_error, recorded().attempts) == ("theirs", "", 0)
    assert seconds_until_the_next_try() <= 0


def test_the_log_warns(shelf, caplog):
    caplog.set_level(logging.INFO, "course_sync_plugin")
    shelf.break_(BROKEN, "v1")
    api.sync_course(COURSE)
    (line,) = [record for record in caplog.records if record.name == "course_sync_plugin.sync.course"]
    assert line.levelno == logging.WARNING
    assert BROKEN.message in line.getMessage()


class TestPartly:
    """Some children of a parent could not be read."""

    def hidden(self, structure, *names):
        """Return the structure without some leaves, with their parents marked as unreadable."""
        gone = {block("vertical", name) for name in names}
        parents = {structure.entities[key].parent_id for key in gone}
        return same(
            structure,
            entities={key: entity for key, entity in structure.entities.items() if key not in gone},
            children={
                parent: tuple(key for key in kids if key not in gone) for parent, kids in structure.children.items()
            },
            unreadable=frozenset(parents),
            warnings=("a block of unit-0 could not be read",),
        )

    def test_what_is_hidden_stays_and_the_rest_is_synced(self, shelf):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        shelf.publish(self.hidden(a_course("v2", titles={"unit-1-2": "Renamed"}), "unit-0-1"))
        result = api.sync_course(COURSE)
        assert [operation.operation for operation in result.operations] == ["update"]
        assert result.incomplete
        assert result.warnings == ("a block of unit-0 could not be read",)
        assert Run.objects.latest("pk").incomplete
        assert Entity.objects.filter(entity_id=block("vertical", "unit-0-1")).exists()
        assert differences(COURSE, a_course("v2", titles={"unit-1-2": "Renamed"}), replayed()) == []

    def test_the_same_again_is_no_change(self, shelf):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        for version in ("v2", "v3"):
            shelf.publish(self.hidden(a_course(version), "unit-0-1"))
            assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert Run.objects.count() == 1

    def test_what_can_be_read_now_although_nobody_published_it(self, shelf, capsys):
        """The XBlock was installed since. The version is the same, so an operator asks for a sync of this course."""
        shelf.publish(self.hidden(a_course("v1"), "unit-0-1"))
        api.sync_course(COURSE)
        shelf.put(a_course("v1"))
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        call_command("course_sync", "sync", "--course", COURSE)
        assert capsys.readouterr().out == f"{COURSE}: recorded 1 create\n"
        assert differences(COURSE, a_course("v1"), replayed()) == []

    def test_once_it_can_be_read_what_is_gone_is_deleted(self, shelf):
        shelf.publish(a_course("v1", units=3))
        api.sync_course(COURSE)
        shelf.publish(self.hidden(a_course("v2", units=3), "unit-0-2"))
        api.sync_course(COURSE)
        shelf.publish(a_course("v3", units=2))
        assert {one.operation for one in api.sync_course(COURSE).operations} == {"delete"}
        assert differences(COURSE, a_course("v3", units=2), replayed()) == []

    def test_the_log_warns(self, shelf, caplog):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        caplog.set_level(logging.INFO, "course_sync_plugin")
        shelf.publish(self.hidden(a_course("v2", titles={"unit-1-2": "Renamed"}), "unit-0-1"))
        api.sync_course(COURSE)
        assert [record.levelname for record in caplog.records if "outcome=" in record.getMessage()] == ["WARNING"]


def test_a_real_broken_export_is_refused_before_it_is_published(tmp_path, capsys):
    """The sandbox reads the export when it is published: nothing is published and nothing is deleted."""
    call_command("publish_olx", str(SAMPLE / "old"))
    shutil.copytree(SAMPLE / "new", tmp_path / "new")
    target = next((tmp_path / "new" / "sequential").glob("*.xml"))
    target.write_text("<sequential><vertical></sequential>")
    with pytest.raises(SystemExit) as exit_:
        call_command("publish_olx", str(tmp_path / "new"))
    assert exit_.value.code == 1
    error = capsys.readouterr().err
    assert f"sequential/{target.name}" in error
    assert "line 1" in error
    assert Run.objects.count() == 1
    assert status()["courses"][0]["error"] == ""
