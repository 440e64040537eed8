"""Lists background jobs, the newest first, for those who may see them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import GOING, Job, digest_of

#: The most jobs on the overview.
FEW = 5


def all_jobs() -> QuerySet[Job]:
    """Return all jobs, without the columns that may be large."""
    return Job.objects.defer("items", "results")


def jobs_within(orgs: Collection[str], courses: Collection[str]) -> QuerySet[Job]:
    """Return the jobs that are limited to one of these organisations or courses. The names are compared exactly."""
    of_orgs = Q(org_digest__in=[digest_of(org) for org in orgs])
    return all_jobs().filter(of_orgs | Q(course_digest__in=[digest_of(course) for course in courses]))


def going_jobs() -> list[Job]:
    """Return the first jobs that wait or run, the newest first."""
    return list(all_jobs().filter(state__in=GOING).order_by("-pk")[:FEW])


def job_as_dict(job: Job) -> dict[str, Any]:
    """Return a job for programs. ``item``s that were skipped had changed since they were shown."""
    moments = {name: getattr(job, name) for name in ("created_at", "began_at", "ended_at")}
    return {
        "id": job.pk,
        "action": job.action,
        "target": job.target_name,
        "org": job.org,
        "course_id": job.course_key,
        "arguments": job.arguments,
        "state": job.state,
        "total": job.total,
        "position": job.position,
        "done": job.done,
        "skipped": job.skipped,
        "failed": job.failed,
        "errors": job.errors,
        "operator": job.operator,
        "note": job.note,
        **{name: utc_text(at) if at else None for name, at in moments.items()},
    }
