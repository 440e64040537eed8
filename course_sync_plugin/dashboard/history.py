"""The page of the history: what happened, in one order of time, drawn, filtered and exported."""

from __future__ import annotations

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import for_operators
from course_sync_plugin.dashboard.drawn_bars import drawn
from course_sync_plugin.dashboard.filters import courses_within, given
from course_sync_plugin.dashboard.history_forms import FORMS
from course_sync_plugin.dashboard.page import page
from course_sync_plugin.dashboard.paging import SIZE, Rows, with_values
from course_sync_plugin.diff.handlers import entity_types
from course_sync_plugin.exceptions import CourseSyncError

_NAMES = ("target", "course", "org", "entity_type", "operation", "state", "since", "until", "text", "kind")


@require_safe
@for_operators
def history(request: HttpRequest) -> HttpResponse:
    """Show runs, operations, attempts and the actions of operators, the newest first."""
    context = {
        "filters": given(request, _NAMES),
        "types": entity_types.names(),
        "operations": api.KINDS,
        "most": api.EXPORTED,
        "query": with_values(request, before=""),
    }
    try:
        chosen = _chosen(request)
    except CourseSyncError as error:
        return page(request, "history", {**context, "error": error.message})
    found = api.history(chosen, api.Place.read(request.GET.get("before", "")), SIZE)
    rows = Rows(found.events, with_values(request, before=found.next) if found.next else "")
    picture = api.picture(chosen)
    ends = picture.bars[-1].until if picture.bars else None
    shown = {"rows": rows, "picture": picture, "bars": drawn(request, picture), "ends": ends}
    return page(request, "history", {**context, **shown})


@transaction.non_atomic_requests  # it is read while it is sent, after the view
@require_safe
@for_operators
def export(request: HttpRequest, form: str) -> HttpResponseBase:
    """Send the newest events that match as CSV or as JSON lines."""
    written = FORMS.get(form)
    if written is None:
        raise Http404
    try:
        events = api.exported_history(_chosen(request))
    except CourseSyncError as error:
        raise Http404 from error
    answer = StreamingHttpResponse(written.lines(events), content_type=written.content_type)
    answer["Content-Disposition"] = f'attachment; filename="course-sync-history.{form}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _chosen(request: HttpRequest) -> api.HistoryFilters:
    """Return the filters of the address, limited to what the user may see.

    Raises CourseSyncError for a wrong one, Http404 for a course that the user may not see.
    """
    values = given(request, _NAMES)
    return api.HistoryFilters(
        target=values["target"],
        course=values["course"],
        org=values["org"],
        entity_type=values["entity_type"],
        operation=values["operation"],
        state=values["state"],
        since=api.read_moment(values["since"]),
        until=api.read_moment(values["until"]),
        text=values["text"],
        kind=values["kind"],
        within=courses_within(request, values["course"]),
    )
