"""The pages of targets: a list of all, and each with its state, its attempts and the actions on it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_site
from course_sync_plugin.dashboard.charts import chart
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.dashboard.paging import SIZE, cut, seen_last
from course_sync_plugin.exceptions import UnknownName


@require_safe
@for_site
def targets(request: HttpRequest) -> HttpResponse:
    """Show all targets: how each is, and how it is set up."""
    return page(request, "targets", {"reports": api.target_reports(), "live": True})


@require_safe
@for_site
def target(request: HttpRequest, name: str) -> HttpResponse:
    """Show one target in detail."""
    try:
        details = api.target_details(name, seen_last(request), SIZE + 1)
    except UnknownName as error:
        raise Http404 from error
    context = {
        "target": details,
        "report": details.report,
        "lanes": cut(request, details.lanes),
        "chart": chart(details.calls, top=1),
        "total_calls": sum(details.calls),
        "live": True,
    }
    return page(request, "target", context)
