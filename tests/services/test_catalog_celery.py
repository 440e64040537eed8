"""Tests the catalog tasks with a real broker, a real Celery worker, and a catalog in this process."""

from __future__ import annotations

import pytest

from course_sync_plugin.models import CatalogProgress, CatalogRun, DatabaseNow
from course_sync_plugin.testing.catalog_server import Answer, CatalogServer, MadeUpRuns, made_up_key
from sandbox.course_overviews.models import CourseOverview
from tests.services.processes import eventually

TASK = "course_sync_plugin.update_catalog_data"
COURSES = 500
CCX = "ccx-v1:Org+C000001+2026+ccx@1"


@pytest.fixture
def catalog(celery_host):
    with CatalogServer(MadeUpRuns(COURSES)) as server:
        celery_host.environment |= server.settings
        CourseOverview.objects.bulk_create(CourseOverview(id=made_up_key(at)) for at in range(COURSES))
        yield server


def send(host) -> None:
    """Send the task, as the scheduler of an operator does."""
    queue = host.environment["COURSE_SYNC_CELERY_QUEUE"]
    call = ("-m", "celery", "-A", "sandbox", "call", TASK, "--queue", queue)
    process = host.processes.start("call", *call, environment=host.environment)
    assert process.wait() == 0, process.says()


def filled() -> int:
    return CourseOverview.objects.exclude(marketing_url=None).count()


def test_a_task_fills_every_overview_and_brings_back_what_is_made_again(celery_host, catalog):
    worker = celery_host.worker()
    send(celery_host)
    eventually(lambda: CatalogRun.objects.filter(state="completed").exists(), "the end of the run")
    assert filled() == COURSES
    catalog.fault = lambda asked: Answer(503)
    asked = len(catalog.asked)
    overview = CourseOverview.objects.get(id=made_up_key(1))
    url = overview.marketing_url
    CourseOverview.objects.filter(id=overview.id).delete()
    made = (
        "from sandbox.course_overviews.models import CourseOverview as C;"
        f"[C.objects.create(id=key) for key in ('{overview.id}', '{CCX}')]"
    )
    shell = celery_host.manage("shell", "-c", made)
    assert shell.wait() == 0, shell.says()
    eventually(lambda: filled() == COURSES + 1, "the columns of what was made again")
    assert {row.marketing_url for row in CourseOverview.objects.filter(id__in=[overview.id, CCX])} == {url}
    assert len(catalog.asked) == asked
    assert worker.is_running()


def test_a_worker_that_is_killed_with_the_catalog_in_its_hands(celery_host, catalog):
    """Another worker resumes at the checkpoint when the lease has run out."""
    celery_host.set(COURSE_SYNC_LEASE_SECONDS=60)
    worker = celery_host.worker()
    pages = []

    def kill_at_the_last(asked):
        pages.append(asked.query["page"])
        if len(pages) == 5:
            worker.kill()

    catalog.fault = kill_at_the_last
    send(celery_host)
    eventually(lambda: not worker.is_running(), "the kill")
    assert (filled(), CatalogRun.objects.get().state) == (400, "running")
    CatalogProgress.objects.update(lease_until=DatabaseNow(-1))
    celery_host.worker()
    send(celery_host)
    eventually(lambda: CatalogRun.objects.filter(state="completed").exists(), "the end of the run")
    assert (filled(), CatalogRun.objects.count()) == (COURSES, 1)
    assert pages == ["1", "2", "3", "4", "5", "5"]
