"""The page of errors: what failed, by its cause, with what it means and what to do."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import access_to, for_operators, may_act
from course_sync_plugin.dashboard.charts import chart
from course_sync_plugin.dashboard.filters import given, visible_filters
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.dashboard.paging import SIZE, seen_last, with_values
from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.exceptions import CourseSyncError


@require_safe
@for_operators
def errors(request: HttpRequest) -> HttpResponse:
    """Show the same as ``manage.py course_sync errors``. ``cause`` in the address opens one of the causes."""
    filters, opened = given(request), request.GET.get("cause", "")
    state = request.GET.get("state", "")
    state = state if state in api.NOTED_STATES else "open"
    context = {"filters": filters, "opened": opened, "kinds": api.KINDS, "types": entity_types.names(), "state": state}
    sees = access_to(request).sees
    try:
        chosen = visible_filters(request, filters)
        found = api.errors(chosen, opened, seen_last(request), SIZE, state, None if sees.site else sees.orgs)
    except CourseSyncError as error:
        return page(request, "errors", {**context, "error": error.message})
    for cause in found.listed["causes"]:
        cause["trend"] = chart(cause["by_day"], top=1)
    return page(request, "errors", {**context, "found": found, **_shown(request, filters["course"], found.members)})


def _shown(request: HttpRequest, course: str, members: api.Members | None) -> dict[str, Any]:
    """Return the members of the opened cause, where the user may act, and the addresses that show more or less.

    ``may_note``: the user acts on more than one course, so the page of a step may let the user take it.
    """
    rows = [(row, may_act(request, row["course_id"])) for row in members.rows] if members else []
    acts = access_to(request).acts
    return {
        "members": rows,
        "may_act": may_act(request, course),
        "may_note": acts.site or bool(acts.orgs),
        "closed": with_values(request, before="", cause=""),
        "resolved": with_values(request, before="", cause="", state="resolved"),
        "next": with_values(request, before=members.next) if members and members.next else "",
    }
