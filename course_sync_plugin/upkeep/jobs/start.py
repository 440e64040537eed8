"""Starts a background job with exactly the items that an operator was shown, and stops one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.keys import org_of
from course_sync_plugin.models import DatabaseNow, Job, JobState, digest_of
from course_sync_plugin.upkeep.audit import operator_now, record
from course_sync_plugin.upkeep.plan_tokens import token_of

#: The most items of a job. What is left is for the next one.
MOST_ITEMS = 10_000

#: The most rows that an action carries out in the request. More of them are a job.
AT_ONCE = 50

#: A key that the planner of the action understands, and the token of the plan that was shown.
Item = tuple[str, str]


@attrs.frozen
class StopPlan:
    """A job that would stop before its next item, and how far it is. ``token`` names the job."""

    id: int
    action: str
    position: int
    total: int
    token: str


def start_job(
    action: str,
    items: Sequence[Item],
    *,
    target: str = "",
    org: str = "",
    course: str = "",
    arguments: Mapping[str, str] | None = None,
) -> Job:
    """Store a job for the operator who acts now, and record it. A worker begins it within seconds.

    ``items``: at most ``MOST_ITEMS``. ``target``, ``org``, ``course``: what it is limited to; those who see the
    organisation or the course see the job. ``arguments``: the filters with which the items were found.
    """
    if len(items) > MOST_ITEMS:
        raise ValueError(f"a job has at most {MOST_ITEMS} items, not {len(items)}")
    operator, org = operator_now(), org or (org_of(course) if course else "")
    with transaction.atomic():
        job = Job.objects.create(
            action=action,
            target_name=target,
            org=org,
            org_digest=digest_of(org) if org else "",
            course_key=course,
            course_digest=digest_of(course) if course else "",
            arguments=dict(arguments or {}),
            items=[list(item) for item in items],
            total=len(items),
            operator=operator.name,
            note=operator.note,
            created_at=DatabaseNow(),
        )
        asked = {**(arguments or {}), "job": job.pk, "action": action, "items": len(items)}
        record("start-job", target=target, course=course, arguments=asked)
    return job


def stop_plan(job_id: int) -> StopPlan:
    """Return the plan to stop a job. Raises UnknownName, or ConfigurationError if the job has ended or is stopping."""
    job = Job.objects.defer("items", "results").filter(pk=job_id).first()
    if job is None:
        raise UnknownName(_("There is no job {id}; 'jobs' lists them.").format(id=job_id))
    if job.state not in (JobState.WAITING, JobState.RUNNING):
        text = _("Job {id} cannot be stopped: {state}.")
        raise ConfigurationError(text.format(id=job_id, state=job.get_state_display()))
    return StopPlan(job.pk, job.action, job.position, job.total, token_of("stop-job", str(job.pk)))


@transaction.atomic
def stop_job(plan: StopPlan) -> bool:
    """Stop a job before its next item, and record it. Return False if it has ended just before."""
    rows = Job.objects.filter(pk=plan.id)
    ended = {"state": JobState.STOPPED, "ended_at": DatabaseNow()}
    stopped = rows.filter(state=JobState.WAITING).update(**ended)
    stopped = stopped or rows.filter(state=JobState.RUNNING).update(state=JobState.STOPPING)
    if stopped:
        job = rows.defer("items", "results").get()
        changed = {"position": job.position, "of": job.total}
        arguments = {"job": job.pk, "action": job.action}
        record("stop-job", target=job.target_name, course=job.course_key, arguments=arguments, changed=changed)
    return bool(stopped)
