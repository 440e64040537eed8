"""Waits until a Celery worker or this process has recorded or held a publish, and reports it on a terminal."""

from __future__ import annotations

import sys
import time

from django.conf import settings
from django.core.management.base import BaseCommand

from course_sync_plugin import api
from course_sync_plugin.management.subcommands.counts import operations
from course_sync_plugin.models import Run
from course_sync_plugin.sanitize.text import cleaned
from sandbox.published.models import PublishedCourse

#: Seconds that a Celery worker has to record a publish after the course became quiet; seconds between two checks.
WORKER_SECONDS, INTERVAL = 10, 0.1


def report(command: BaseCommand, published: PublishedCourse) -> None:
    """Wait until a publish is recorded or held, and print what became of it. Exit with 1 if it cannot be read."""
    result = synced(published)
    for warning in result.warnings:
        command.stdout.write(cleaned(f"  {warning}"))
    command.stdout.write(f"{result.course_key}: {_summary(result, published)}")
    if result.outcome is api.Outcome.UNREADABLE:
        command.stderr.write(result.error)
        sys.exit(1)


def _summary(result: api.SyncResult, published: PublishedCourse) -> str:
    """Return the result of the publish, also if another process recorded it."""
    runs = Run.objects.filter(course__key=published.course_key, published_version=published.published_version)
    run = runs.filter(lane=None).first()
    return f"recorded, {operations(run.operations_count)}" if run else result.outcome.value


def synced(published: PublishedCourse) -> api.SyncResult:
    """Return the result when the publish is recorded or held, or when the course cannot be read.

    With a broker, wait for a Celery worker first. If no worker records it in time, or there is no broker, sync here.
    """
    if settings.CELERY_BROKER_URL:
        _wait_for_worker(published.course_key)
    while (result := api.sync_course(published.course_key)).outcome is api.Outcome.BUSY:
        time.sleep(INTERVAL)  # another worker has the course, until its lease runs out at the latest
    return result


def _wait_for_worker(course_key: str) -> None:
    """Wait until the course has no marker. A worker first waits until the course is quiet, so this can take long."""
    ends_at = time.monotonic() + settings.COURSE_SYNC_QUIET_SECONDS + WORKER_SECONDS
    while course_key in api.marked_courses() and time.monotonic() < ends_at:
        time.sleep(INTERVAL)
