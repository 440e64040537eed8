"""Waiting until a publish is recorded or held, whoever does it."""

from __future__ import annotations

import time

from django.conf import settings

from course_sync_plugin import api
from sandbox.published.models import PublishedCourse

#: Seconds that a Celery worker has to record a publish, after its course has been quiet; seconds between two looks.
WORKER_SECONDS, INTERVAL = 10, 0.1


def synced(published: PublishedCourse) -> api.SyncResult:
    """Return when what was published is recorded or held, or cannot be read.

    With a broker it is left to a worker first; where none comes in time, or there is no broker, it is done here.
    """
    if settings.CELERY_BROKER_URL:
        _wait_for_worker(published.course_key)
    while (result := api.sync_course(published.course_key)).outcome is api.Outcome.BUSY:
        time.sleep(INTERVAL)  # in other hands, which lose it when the lease runs out
    return result


def _wait_for_worker(course_key: str) -> None:
    """Wait until the course is marked no more. A burst of publishes is one to the worker, so it may take its time."""
    ends_at = time.monotonic() + settings.COURSE_SYNC_QUIET_SECONDS + WORKER_SECONDS
    while course_key in api.marked_courses() and time.monotonic() < ends_at:
        time.sleep(INTERVAL)
