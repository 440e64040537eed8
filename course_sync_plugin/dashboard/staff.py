"""The page for the staff of a course: what each target has of it, in their words. Pages of the site may frame it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_everybody, may_act, visible_course
from course_sync_plugin.dashboard.page import page


@xframe_options_exempt  # the policy below says who may frame it; the older header knows only one origin
@require_safe
@for_everybody
def staff(request: HttpRequest, course_key: str) -> HttpResponse:
    """Show a course to those who have a role in it, in its organisation or on the site. Status 404 for the others.

    The origins in CSRF_TRUSTED_ORIGINS may frame it: the site's own MFEs are there, because they send forms to the LMS.
    """
    found = visible_course(request, course_key)
    context = {"report": api.staff_report(found), "may_act": may_act(request, found.key), "live": True}
    answer = page(request, "staff", context)
    answer["Content-Security-Policy"] = " ".join(("frame-ancestors 'self'", *settings.CSRF_TRUSTED_ORIGINS))
    return answer
