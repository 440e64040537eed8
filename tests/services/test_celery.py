"""Tests the way from a publish to the receiver with real Celery workers and a broker, without ``course_sync run``."""

from __future__ import annotations

import re

import pytest

from course_sync_plugin.models import Marker, Run
from course_sync_plugin.structure.olx.reader import read_olx
from tests.conftest import SAMPLE, shared_data
from tests.integration.courses import COURSE
from tests.services.host import Host, check_in_step, check_journal, published, syncs
from tests.services.processes import eventually


def publish_olx(host: Host, *arguments: str) -> str:
    """Run ``publish_olx`` as a person does; return the last line of its output."""
    process = host.manage("publish_olx", *arguments)
    assert process.wait() == 0, process.says()
    return process.says().strip().splitlines()[-1]


def test_a_series_is_in_step_after_each_publish(celery_host):
    receiver = celery_host.receiver()
    worker = celery_host.worker()
    revisions = [shared_data() / "courses" / f"test101__r{number}.tar.gz" for number in (1, 2, 3)]
    course = read_olx(revisions[-1]).course_id
    for number, path in enumerate(revisions, 1):
        said = publish_olx(celery_host, str(path), "--course-key", course)
        assert re.fullmatch(rf"{re.escape(course)}: recorded, \d+ operations", said)
        eventually(lambda: not Marker.objects.exists(), "the deletion of the markers")
        assert published(course).same_course_as(read_olx(path, course))
        check_in_step([receiver], [course])
        # the worker recorded it, not the command, which waited
        assert len(syncs(worker, "recorded")) == number
    check_journal(course)


def test_a_publish_that_changes_nothing_and_one_that_deletes_too_much(celery_host):
    celery_host.set(COURSE_SYNC_MASS_DELETE_COUNT=1, COURSE_SYNC_MASS_DELETE_PERCENT=1)
    worker = celery_host.worker()
    assert publish_olx(celery_host, str(SAMPLE / "old")).endswith("recorded, 33 operations")
    assert publish_olx(celery_host, str(SAMPLE / "old")).endswith("unchanged")
    assert publish_olx(celery_host, str(SAMPLE / "new")).endswith("held")
    for outcome in ("recorded", "unchanged", "held"):
        assert len(syncs(worker, outcome)) == 1


@pytest.mark.story(2)
def test_a_burst_is_one_run_of_the_final_state(celery_host):
    """One import of a real course sends 182 signals."""
    celery_host.set(COURSE_SYNC_QUIET_SECONDS=2)
    receiver = celery_host.receiver()
    worker, studio = celery_host.worker(), celery_host.studio()
    for number in range(182):
        studio.publish(COURSE, f"v{number}", {"unit-0-1": f"Title {number}"})
    eventually(lambda: not Marker.objects.exists(), "the sync")
    check_in_step([receiver], [COURSE])
    assert Run.objects.get().published_version == "v181"
    # one wake-up for the publishes in the pause after the last one, and repetitions because the course was not quiet
    assert len(re.findall(r"Task course_sync_plugin.sync_marked\S+ received", worker.says())) < 20


def test_a_worker_that_comes_late_finds_everything(celery_host):
    """The wake-ups wait in the broker, the markers in the database."""
    receiver = celery_host.receiver()
    studio = celery_host.studio()
    courses = [f"course-v1:Org+Course+Run{number}" for number in range(5)]
    for course in courses:
        studio.publish(course, "v1")
    celery_host.worker()
    check_in_step([receiver], courses)
