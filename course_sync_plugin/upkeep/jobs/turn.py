"""Carries a background job on: item by item, by one worker at a time, from where the last one ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin import toggles
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import GOING, DatabaseNow, Job, JobState, leases
from course_sync_plugin.models.text import storable
from course_sync_plugin.sanitize.text import single_line
from course_sync_plugin.upkeep.audit import acting
from course_sync_plugin.upkeep.jobs.items import PLANNERS

log = get_logger(__name__)

#: The most reasons that a job keeps, and the most characters of one.
MOST_ERRORS, LONGEST_ERROR = 20, 500

#: The number of workers that may die with the same item before the job fails.
MOST_DEATHS = 3

#: Seconds for which a lease is renewed while one item is carried out.
LONGEST_ITEM = 900


class Outcome(str, Enum):
    """What became of an item: the names of the columns that count it."""

    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


def due_jobs() -> list[int]:
    """Return the ids of the jobs that a worker can carry on now, the oldest first; none if the sync is stopped."""
    return [] if toggles.is_stopped() else list(_claimable().order_by("pk").values_list("pk", flat=True))


def run_due_jobs(seconds: float) -> bool:
    """Carry on the jobs that are due, one after the other, for about ``seconds``. Tell whether something is left."""
    ends_at = time.monotonic() + seconds
    for job_id in due_jobs():
        run_job(job_id, lambda: time.monotonic() >= ends_at)
    return time.monotonic() >= ends_at and bool(due_jobs())


def run_job(job_id: int, is_ending: Callable[[], bool] = lambda: False) -> None:
    """Carry a job on to its end, unless another worker works on it.

    ``is_ending`` is asked before each item: if it returns True, the job is given back and the next worker goes on.
    """
    token = leases.claim(_claimable().filter(pk=job_id), count_lost_where=Q(state__in=GOING))
    if token is None:
        return
    begun = {"state": JobState.RUNNING, "began_at": DatabaseNow()}
    Job.objects.filter(pk=job_id, state=JobState.WAITING, lease_token=token).update(**begun)
    job = Job.objects.get(pk=job_id)
    try:
        with acting(job.operator, job.note):
            _carry_on(job, token, lambda: is_ending() or toggles.is_stopped())
    except leases.LeaseLost as error:
        log.warning("course_sync: %s", error)


def _carry_on(job: Job, token: str, is_ending: Callable[[], bool]) -> None:
    if job.attempts >= MOST_DEATHS:
        _note(job, _("{n} processes died with this item.").format(n=job.attempts))
        _end(job, token, JobState.FAILED, errors=job.errors)
        return
    while job.position < len(job.items):
        state = Job.objects.filter(pk=job.pk).values_list("state", flat=True).first()
        if state != JobState.RUNNING:
            _end(job, token, JobState.STOPPED)
            return
        if is_ending():
            leases.release(job, token)
            return
        _do_next(job, token)
    _end(job, token, JobState.FINISHED)


def _do_next(job: Job, token: str) -> None:
    """Carry out the next item and note it. Raises LeaseLost if another worker has taken over."""
    leases.replace_cut_connection()
    with leases.renewed(job, token, LONGEST_ITEM, lambda: log.warning("course_sync: %s hangs", job)):
        outcome, reason = _carry_out(job, *job.items[job.position])
    if reason:
        _note(job, reason)
    job.position += 1
    counts = {outcome.value: getattr(job, outcome.value) + 1}
    setattr(job, outcome.value, counts[outcome.value])
    changed = {"results": job.results} if job.results else {}
    leases.update_held(job, token, position=job.position, attempts=0, errors=job.errors, **counts, **changed)


def _carry_out(job: Job, key: str, shown: str) -> tuple[Outcome, str]:
    """Plan an item again, and carry it out if its plan is that which was shown. Return what became of it, and why."""
    try:
        try:
            planned = PLANNERS[job.action](job, key)
        except CourseSyncError as error:
            return Outcome.SKIPPED, error.message
        if planned is None or planned.token != shown:
            return Outcome.SKIPPED, _("it has changed since it was shown, or was done already")
        reason = planned.carry_out()
    except CourseSyncError as error:
        reason = error.message
    except (OperationalError, InterfaceError):
        raise  # the database is away: the next worker tries this item again
    except Exception as error:
        log.exception("course_sync: an item of %s ended in an error", job)
        reason = _("an error of course_sync: {name}").format(name=type(error).__name__)
    return (Outcome.FAILED, reason) if reason else (Outcome.DONE, "")


def _note(job: Job, reason: str) -> None:
    """Keep the reason with the key of the present item, if there is room."""
    if len(job.errors) < MOST_ERRORS:
        key = job.items[job.position][0] if job.position < len(job.items) else ""
        job.errors.append(storable(single_line(f"{key}: {reason}", LONGEST_ERROR)))


def _end(job: Job, token: str, state: JobState, **values: object) -> None:
    leases.release(job, token, state=state, ended_at=DatabaseNow(), **values)


def _claimable() -> QuerySet[Job]:
    """Return the jobs that no worker holds. One of a newer release, whose action is not known here, is left to it."""
    return Job.objects.filter(leases.free(), state__in=GOING, action__in=list(PLANNERS))
