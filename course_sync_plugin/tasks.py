"""Celery tasks: short, idempotent, each with one call into the API. The broker carries only wake-ups.

The tasks that sync, deliver, sweep and prune set custom attributes, which the monitoring of the host shows.
"""

from __future__ import annotations

import time
from typing import Any

from celery import current_app, shared_task
from django.conf import settings
from edx_django_utils.monitoring import set_code_owner_attribute, set_custom_attribute
from kombu.exceptions import OperationalError

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError, TransientError, class_name
from course_sync_plugin.log import get_logger

log = get_logger(__name__)

#: Seconds that a task may work before it sends another one for the rest: the platform uses the same workers.
LONGEST = 20

#: The most seconds that a message waits in the broker; a longer wait is several messages, one after the other. Redis
#: delivers a message again once it has waited for its visibility timeout, one hour by default, and the tasks multiply.
LONGEST_COUNTDOWN = 30 * 60


@shared_task(name="course_sync_plugin.sync_marked", ignore_result=True)
@set_code_owner_attribute
def sync_marked(waited: float = 0) -> None:
    """Sync the published courses that are quiet now. Send the task again, with a delay, for those that are not.

    ``waited``: the sum of these delays so far, in seconds. After COURSE_SYNC_MAX_WAIT_SECONDS every marker that the
    first task saw is due, so no further task is sent: on a busy site they would add up.
    """
    began, results = time.monotonic(), list[api.SyncResult]()
    due_in = api.sync_marked(seconds=LONGEST, done=results.append)
    wake_lanes()
    wake_jobs()
    if due_in is not None and waited <= settings.COURSE_SYNC_MAX_WAIT_SECONDS:
        countdown = min(due_in, LONGEST_COUNTDOWN)
        _send(sync_marked, waited + countdown, countdown=countdown)
    _monitor(began, **_of_syncs(results))


@shared_task(name="course_sync_plugin.deliver_lane", ignore_result=True)
@set_code_owner_attribute
def deliver_lane(lane_id: int) -> None:
    """Deliver one lane. Then send a task for the rest of the lane, or for the next due lane if nothing is left."""
    began, turns = time.monotonic(), list[api.LaneTurn]()
    done = api.deliver_lane(lane_id, seconds=LONGEST, begun=turns.append)
    if done and done.more:
        _send(deliver_lane, lane_id)
    elif done:
        wake_lanes(limit=1)
    _monitor(began, **_of_turn(done, turns[0] if turns else None))


@shared_task(name="course_sync_plugin.sweep", ignore_result=True)
@set_code_owner_attribute
def sweep() -> None:
    """Find missed publishes and lanes and make them due. A site that schedules Celery tasks can schedule this one."""
    began, swept = time.monotonic(), api.sweep()
    _send(sync_marked, countdown=settings.COURSE_SYNC_QUIET_SECONDS)
    wake_lanes()
    wake_jobs()
    _monitor(began, missed=len(swept.missed), unknown=len(swept.unknown), lanes=swept.lanes)


@shared_task(name="course_sync_plugin.run_jobs", ignore_result=True)
@set_code_owner_attribute
def run_jobs() -> None:
    """Carry on the background jobs of operators. Then send a task for the rest, and wake the lanes they made due."""
    began, more = time.monotonic(), api.run_due_jobs(LONGEST)
    if more:
        _send(run_jobs)
    wake_lanes()
    _monitor(began, more=int(more))


@shared_task(name="course_sync_plugin.notify", ignore_result=True)
@set_code_owner_attribute
def notify() -> None:
    """Evaluate the rules of notifications, and send what is due.

    ``manage.py course_sync run`` does this each minute. A site without it can schedule this task.
    """
    api.send_notifications()


@shared_task(name="course_sync_plugin.prune", ignore_result=True)
@set_code_owner_attribute
def prune() -> None:
    """Prune what is old, and send another task for what is left. A site that schedules Celery tasks can schedule it."""
    began, pruned = time.monotonic(), api.prune(seconds=LONGEST)
    if not pruned.finished and (pruned.days or any(pruned.rows.values())):
        _send(prune)
    _monitor(began, rows=sum(pruned.rows.values()))


@shared_task(name="course_sync_plugin.update_catalog_data", ignore_result=True)
@set_code_owner_attribute
def update_catalog_data(waited: float | None = None, comes_back: bool = True, rest: float = 0) -> None:
    """Read the catalog, as ``manage.py update_catalog_data`` does. Send another task for what does not fit into one.

    ``waited``: the seconds of the run's waiting budget that the earlier tasks have used; None for the first task.
    ``comes_back``: if another process reads the catalog now, a task that continues a run is sent once more a little
    later, because no other task would continue that run. ``rest``: the seconds to wait before the catalog may be asked.
    Raises CourseSyncError if a part was not read, so that the monitoring of tasks shows it; the next run continues from
    there.
    """
    if rest > 0:
        _continue_catalog(waited, rest)
        return
    try:
        result = api.update_catalog_data(api.CatalogOptions(seconds=LONGEST, waited=waited or 0))
    except TransientError as error:
        log.warning("course_sync: catalog: %s", error)
        if waited is not None and comes_back:
            _send(update_catalog_data, waited, False, countdown=LONGEST)
        return
    if result.more:
        _continue_catalog(result.waited, result.later)
    if result.incomplete:
        raise CourseSyncError(result.incomplete)


def _continue_catalog(waited: float | None, seconds: float) -> None:
    """Send the task that asks the catalog again in ``seconds``, or after as much of it as a message may wait."""
    rest = seconds - LONGEST_COUNTDOWN
    _send(update_catalog_data, waited, *((True, rest) if rest > 0 else ()), countdown=seconds)


@shared_task(name="course_sync_plugin.restore_catalog_columns", ignore_result=True)
@set_code_owner_attribute
def restore_catalog_columns(course_keys: list[str]) -> None:
    """Restore the catalog columns of course overviews that were just saved."""
    api.restore_catalog_columns(course_keys)


# .. custom_attribute_name: course_sync_seconds
# .. custom_attribute_description: Seconds that the task took.
# .. custom_attribute_name: course_sync_outcome
# .. custom_attribute_description: sync_marked: the outcomes of the syncs (recorded, unchanged, held, unreadable …),
#     with commas, or nothing. deliver_lane: delivered, nothing (to send), failed (no answer, or a refusal), excluded,
#     or not claimed.
# .. custom_attribute_name: course_sync_operations
# .. custom_attribute_description: Operations that were recorded (sync_marked) or delivered (deliver_lane).
# .. custom_attribute_name: course_sync_courses
# .. custom_attribute_description: Courses that sync_marked has looked at. course_id is the last of them.
# .. custom_attribute_name: course_sync_target
# .. custom_attribute_description: Name of the target to which deliver_lane delivers. course_id is the course.
# .. custom_attribute_name: course_sync_envelopes
# .. custom_attribute_description: Envelopes that the target has answered.
# .. custom_attribute_name: course_sync_error_class
# .. custom_attribute_description: Class of the last error (exceptions.py), if the last request had one.
# .. custom_attribute_name: course_sync_missed
# .. custom_attribute_description: sweep: published courses that it has marked. course_sync_unknown: those that were
#     never recorded. course_sync_lanes: lanes that it has made due.
# .. custom_attribute_name: course_sync_more
# .. custom_attribute_description: run_jobs: 1 if background jobs are left for the next task, else 0.
# .. custom_attribute_name: course_sync_rows
# .. custom_attribute_description: prune: rows that it has deleted.
def _monitor(began: float, course_id: str = "", **values: str | float) -> None:
    """Set the custom attributes of the task. ``began``: by ``time.monotonic``. They hold names and numbers only."""
    if course_id:
        set_custom_attribute("course_id", course_id)
    for name, value in {**values, "seconds": round(time.monotonic() - began, 3)}.items():
        set_custom_attribute(f"course_sync_{name}", value)


def _of_syncs(results: list[api.SyncResult]) -> dict[str, Any]:
    return {
        "course_id": results[-1].course_key if results else "",
        "courses": len(results),
        "operations": sum(len(one.operations) for one in results if one.outcome is api.Outcome.RECORDED),
        "outcome": ",".join(sorted({one.outcome.value for one in results})) or "nothing",
    }


def _of_turn(done: api.Delivered | None, turn: api.LaneTurn | None) -> dict[str, Any]:
    if done is None or turn is None:
        return {"outcome": "excluded" if done else "not claimed"}
    values = {
        "course_id": turn.lane.course.key,
        "target": turn.lane.target.name,
        "outcome": "failed" if turn.error else "delivered" if done.envelopes else "nothing",
        "envelopes": done.envelopes,
        "operations": done.operations,
    }
    error = turn.sent.result if turn.sent else None
    return {**values, "error_class": class_name(error)} if isinstance(error, CourseSyncError) else values


def wake_restore(course_keys: list[str]) -> None:
    """Send the task ``restore_catalog_columns``. Raises the errors of the broker's client."""
    _apply(restore_catalog_columns, course_keys)


def wake_sync() -> None:
    """Send a wake-up for the time at which a new publish may be quiet. Raises the errors of the broker's client."""
    _apply(sync_marked, countdown=settings.COURSE_SYNC_QUIET_SECONDS)


def wake_workers() -> None:
    """Send a wake-up for the courses, lanes and jobs that an operator has just made due."""
    _send(sync_marked)


def wake_jobs() -> None:
    """Send a task for the background jobs that are due, if there are any. A task takes all of them in turn."""
    if api.due_jobs():
        _send(run_jobs)


def wake_lanes(limit: int = 100) -> None:
    """Send a task for each of the first ``limit`` lanes that can be begun. Each task sends one for another lane."""
    for lane_id in api.lane_ids_to_begin(limit):
        if not _send(deliver_lane, lane_id):
            break  # the broker would take as long to refuse each of the others


def _send(task: Any, *args: Any, countdown: float = 0) -> bool:
    """Send a task. Return False if the broker cannot be reached: then ``manage.py course_sync run`` does the work."""
    try:
        _apply(task, *args, countdown=countdown)
    except OperationalError as error:
        log.warning("course_sync: no wake-up was sent (%s); the due work stays in the database", error)
        return False
    return True


def _apply(task: Any, *args: Any, countdown: float = 0) -> None:
    """Send a task to the configured queue. With an eager Celery (``CELERY_TASK_ALWAYS_EAGER``) do nothing.

    An eager Celery has no worker to wake, and would run the task in the calling process. ``countdown``: seconds, of
    which a message waits ``LONGEST_COUNTDOWN`` at most.
    """
    if current_app.conf.task_always_eager:
        return
    countdown = min(countdown, LONGEST_COUNTDOWN)
    task.apply_async(args, countdown=countdown, queue=settings.COURSE_SYNC_CELERY_QUEUE, retry=False)
