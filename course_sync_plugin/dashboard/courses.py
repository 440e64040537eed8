"""The list of courses: the state of each at each target, with the filters in the address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import access_to, for_operators
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.dashboard.paging import SIZE, seen_last, with_values
from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.roles.access import Scope


@require_safe
@for_operators
def courses(request: HttpRequest) -> HttpResponse:
    """Show the courses that the user may see, those that were added last first."""
    filters = api.CourseFilters(
        org=request.GET.get("org", "").strip(),
        text=request.GET.get("course", "").strip(),
        target=request.GET.get("target", "").strip(),
        state=request.GET.get("state", ""),
    )
    found, error = _find(request, filters)
    older = found.older_than
    context = {
        "filters": filters,
        "error": error,
        "courses": found.courses,
        "fills": _filled_org(access_to(request).acts, filters.org),
        "states": api.COURSE_STATES,
        "rows": {"next": with_values(request, before=older) if older else ""},
    }
    return page(request, "courses", context)


def _filled_org(acts: Scope, org: str) -> str | None:
    """Return the organisation whose courses the user may record from this page (empty: all), or None."""
    if acts.site or org in acts.orgs:
        return org
    return min(acts.orgs) if len(acts.orgs) == 1 and not org else None


def _find(request: HttpRequest, filters: api.CourseFilters) -> tuple[api.CoursePage, str]:
    """Return the page of courses, and what is wrong with the filters."""
    if filters.state not in ("", *api.COURSE_STATES):
        return api.CoursePage([], None), _("No course or target ever has this state.")
    try:
        course_ids = access_to(request).sees.course_ids()
        return api.list_courses(filters, course_ids, seen_last(request), SIZE), ""
    except UnknownName as error:
        return api.CoursePage([], None), error.message
