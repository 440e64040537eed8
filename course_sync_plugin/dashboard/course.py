"""The page of one course: what is published, recorded and delivered, and what keeps it from being in step."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_operators, may_act, visible_course
from course_sync_plugin.dashboard.page import page


@require_safe
@for_operators
def course(request: HttpRequest, course_key: str) -> HttpResponse:
    """Show a course that the user may see. Status 404 for every other one."""
    found = visible_course(request, course_key)
    context = {"course": api.course_report(found), "may_act": may_act(request, found.key), "live": True}
    return page(request, "course", context)
