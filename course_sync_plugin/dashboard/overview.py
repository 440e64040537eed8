"""The overview: whether everything is in step, and if not, what to do about it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_site
from course_sync_plugin.dashboard.charts import chart
from course_sync_plugin.dashboard.jobs import label_of
from course_sync_plugin.dashboard.page import page

#: The most held runs on the page. The command 'approve' lists all of them.
_MOST_HELD = 20


@require_safe
@for_site
def overview(request: HttpRequest) -> HttpResponse:
    """Show the same as ``manage.py course_sync status``, the worst first."""
    status = api.status_overview()
    for target in status["targets"]:
        target["answered"] = _percent(target["recent"]["success_rate"]) if target["recent"]["attempts"] else ""
        target["chart"] = chart(target["last_day"]["success_rates"], top=1)
    held = {one["course_id"] for one in status["held"]}
    for course in status["courses"]:
        course["is_held"] = course["course_id"] in held
    context = {
        "status": status,
        "objective": settings.COURSE_SYNC_OBJECTIVE_SECONDS,
        "attention": api.attention(status),
        "more_courses": _out_of_step(status) - len(status["courses"]),
        "is_in_step": not _out_of_step(status),
        "held": status["held"][:_MOST_HELD],
        "jobs": [{"job": job, "label": label_of(job)} for job in api.going_jobs()],
        "catalog_run": api.last_catalog_run(),
        "live": True,
    }
    return page(request, "overview", context)


def _out_of_step(status: dict[str, Any]) -> int:
    """Return the number of courses that are listed. Those that only wait for a link are counted."""
    return int(status["courses_total"] - status["courses_in_step"] - status["courses_waiting_for_link"])


def _percent(part: float) -> str:
    return _("{number}%").format(number=number_format(100 * part, 1))
