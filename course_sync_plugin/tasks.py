"""Celery tasks: short, idempotent, one call each into the API. The broker carries wake-ups and nothing else."""

from __future__ import annotations

from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from edx_django_utils.monitoring import set_code_owner_attribute
from kombu.exceptions import OperationalError

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError, TransientError
from course_sync_plugin.log import get_logger

log = get_logger(__name__)

#: Seconds a task may work before it hands on to another: workers are shared with the platform.
LONGEST = 20


@shared_task(name="course_sync_plugin.sync_marked", ignore_result=True)
@set_code_owner_attribute
def sync_marked(waited: float = 0) -> None:
    """Sync the courses that have been published and are quiet now; come back for those that are not.

    ``waited``: for how many seconds it has come back by now. Every marker that was there at first is due after
    COURSE_SYNC_MAX_WAIT_SECONDS, so that on a busy site the tasks do not add up.
    """
    due_in = api.sync_marked(seconds=LONGEST)
    wake_lanes()
    if due_in is not None and waited <= settings.COURSE_SYNC_MAX_WAIT_SECONDS:
        _send(sync_marked, waited + due_in, countdown=due_in)


@shared_task(name="course_sync_plugin.deliver_lane", ignore_result=True)
@set_code_owner_attribute
def deliver_lane(lane_id: int) -> None:
    """Deliver one lane; hand on where there is more than fits into one task, else to the next lane that is due."""
    done = api.deliver_lane(lane_id, seconds=LONGEST)
    if done and done.more:
        _send(deliver_lane, lane_id)
    elif done:
        wake_lanes(limit=1)


@shared_task(name="course_sync_plugin.sweep", ignore_result=True)
@set_code_owner_attribute
def sweep() -> None:
    """Find what was missed and make it due: for those who schedule tasks."""
    api.sweep()
    _send(sync_marked, countdown=settings.COURSE_SYNC_QUIET_SECONDS)
    wake_lanes()


@shared_task(name="course_sync_plugin.update_catalog_data", ignore_result=True)
@set_code_owner_attribute
def update_catalog_data(waited: float | None = None, comes_back: bool = True) -> None:
    """Read the catalog, as ``manage.py update_catalog_data`` does; hand on what does not fit into one task.

    ``waited``: seconds of the run's budget that the tasks before have waited, None for the first one. ``comes_back``:
    where another run is under way, it looks once more a little later, as nobody else may go on with its own. Raises
    CourseSyncError where something was not read, so that whoever watches tasks sees it; the next one goes on there.
    """
    try:
        result = api.update_catalog_data(api.CatalogOptions(seconds=LONGEST, waited=waited or 0))
    except TransientError as error:
        log.warning("course_sync: catalog: %s", error)
        if waited is not None and comes_back:
            _send(update_catalog_data, waited, False, countdown=LONGEST)
        return
    if result.more:
        _send(update_catalog_data, result.waited, countdown=result.later)
    if result.incomplete:
        raise CourseSyncError(result.incomplete)


@shared_task(name="course_sync_plugin.restore_catalog_columns", ignore_result=True)
@set_code_owner_attribute
def restore_catalog_columns(course_keys: list[str]) -> None:
    """Put the catalog columns of overviews back that were just saved."""
    api.restore_catalog_columns(course_keys)


def wake_restore(course_keys: list[str]) -> None:
    """Send the task above. Raises what the broker's client raises."""
    _apply(restore_catalog_columns, course_keys)


def wake_sync() -> None:
    """Send a wake-up for when the course just published is quiet. Raises what the broker's client raises."""
    _apply(sync_marked, countdown=settings.COURSE_SYNC_QUIET_SECONDS)


def wake_workers() -> None:
    """Send a wake-up for whatever is due now, courses and lanes: an operator has made it due."""
    _send(sync_marked)


def wake_lanes(limit: int = 100) -> None:
    """Send a wake-up for the lanes that have been due longest; each hands on to one more when it is done."""
    for lane_id in api.due_lane_ids(limit):
        if not _send(deliver_lane, lane_id):
            break  # a broker that refused one takes as long to refuse each of the others


def _send(task: Any, *args: Any, countdown: float = 0) -> bool:
    """Send a task; False without a broker: then it is left to ``manage.py course_sync run``."""
    try:
        _apply(task, *args, countdown=countdown)
    except OperationalError as error:
        log.warning("course_sync: no wake-up was sent (%s); what is due stands in the database", error)
        return False
    return True


def _apply(task: Any, *args: Any, countdown: float = 0) -> None:
    """Send a task to the configured queue. An eager Celery has no worker to wake: nothing is run in the caller."""
    if current_app.conf.task_always_eager:
        return
    task.apply_async(args, countdown=countdown, queue=settings.COURSE_SYNC_CELERY_QUEUE, retry=False)
