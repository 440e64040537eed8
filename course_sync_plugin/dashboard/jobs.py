"""The pages of background jobs: a list, and each with its progress, its errors and what it found."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import access_to, for_everybody, for_operators
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.dashboard.paging import newest_first
from course_sync_plugin.models import Job, JobState
from course_sync_plugin.roles.access import Scope
from course_sync_plugin.row_actions.offered import OFFERED
from course_sync_plugin.row_actions.remote_checks import CHECK

#: The largest key that every database takes.
LARGEST_KEY = 2**63 - 1


@require_safe
@for_operators
def jobs(request: HttpRequest) -> HttpResponse:
    """Show the jobs that the user may see, the newest first."""
    listed = newest_first(request, jobs_in(access_to(request).sees))
    shown = [{"job": job, "label": label_of(job)} for job in listed.rows]
    return page(request, "jobs", {"rows": listed, "shown": shown, "live": True})


@require_safe
@for_everybody
def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """Show one job. While it goes on, the page asks for its progress every two seconds."""
    access = access_to(request)
    row = jobs_in(access.sees).defer("items").filter(pk=min(job_id, LARGEST_KEY)).first()
    if row is None:
        raise Http404
    may_act = access.acts.includes(row.org, row.course_key)
    context = {
        "job": row,
        "label": label_of(row),
        "may_stop": may_act and row.state in (JobState.WAITING, JobState.RUNNING),
        "is_check": row.action == CHECK.name,
        "findings": row.results.get("findings", []),
        "more_findings": row.results.get("more", 0),
        "may_repair": may_act and not row.is_going and bool(row.results.get("repairs")),
    }
    return page(request, "job", context)


def jobs_in(scope: Scope) -> QuerySet[Job]:
    """Return the jobs in these organisations and courses; for the whole site, all."""
    return api.all_jobs() if scope.site else api.jobs_within(scope.orgs, scope.courses)


def label_of(job: Job) -> Any:
    """Return the label of the action of a job; its name if this release does not know it."""
    offered = OFFERED.get(job.action)
    return offered.action.label if offered else job.action
