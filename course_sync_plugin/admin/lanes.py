"""The pages of lanes and of their open envelopes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import column, linked, links, list_url, titled
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.admin.shared.row_actions import ActingAdmin
from course_sync_plugin.admin.shared.search import course_pk
from course_sync_plugin.models import Attempt, Envelope, JournalOperation, Lane, Problem
from course_sync_plugin.row_actions.lanes import RESET, of_lane, pause, resume, retry, skip

_TARGET = column("target", gettext_lazy("target"))
_COURSE = column("course", gettext_lazy("course"))
_PAUSED = column("paused", gettext_lazy("paused"), boolean=True)
_FAILING = column("failing", gettext_lazy("failing"), boolean=True)


@admin.display(description=gettext_lazy("see"))
def see(lane: Lane) -> str:
    """Return links to what belongs to the lane."""
    return links(
        {
            _("problems"): list_url(Problem, lane__exact=lane.pk),
            _("attempts"): list_url(Attempt, lane__exact=lane.pk),
            _("journal of the course"): list_url(JournalOperation, course__exact=lane.course_id),
            _("open envelope"): list_url(Envelope, lane__exact=lane.pk),
        }
    )


@admin.register(Lane)
class LaneAdmin(ActingAdmin):
    """Lists lanes: the way of one target through the journal of one course."""

    row_actions = (pause(of_lane), resume(of_lane), retry(of_lane), skip(of_lane), RESET)
    list_display = (
        _COURSE, _TARGET, _PAUSED, _FAILING, column("attempts", gettext_lazy("failed attempts")),
        column("cursor", gettext_lazy("cursor")), column("end", gettext_lazy("end")),
        column("due_at", gettext_lazy("due at")), column("last_error", gettext_lazy("last error")),
    )  # fmt: skip
    row_display = (
        linked("target", gettext_lazy("target")),
        _COURSE,
        _PAUSED,
        _FAILING,
        column("stopped_by_target", gettext_lazy("stopped because of its target"), boolean=True),
        column("waiting_for", gettext_lazy("waiting for the context")),
        column("error_class", gettext_lazy("class of the last error")),
        column("last_error", gettext_lazy("last error")),
        column("last_warning", gettext_lazy("last warning")),
        column("attempts", gettext_lazy("failed attempts")),
        column("retrying_since", gettext_lazy("retrying since")),
        column("due_at", gettext_lazy("due at")),
        column("cursor", gettext_lazy("cursor: the last position that is done")),
        column("end", gettext_lazy("end: the last position that concerns the lane")),
        column("delivered_version", gettext_lazy("delivered version")),
        column("sequence", gettext_lazy("next sequence")),
        column("answered_sequence", gettext_lazy("last answered sequence")),
        column("raised", gettext_lazy("raised by an operator"), boolean=True),
        column("urgent", gettext_lazy("holds an urgent change"), boolean=True),
        column("lease_until", gettext_lazy("a worker has it until")),
        column("created_at", gettext_lazy("made at")),
        column("reset_at", gettext_lazy("last reset")),
        see,
    )
    prefetched = ("target", "course")
    list_filter = (
        ("target", titled(gettext_lazy("target"), admin.RelatedFieldListFilter)),
        ("paused", titled(gettext_lazy("paused"), admin.BooleanFieldListFilter)),
        ("failing", titled(gettext_lazy("failing"), admin.BooleanFieldListFilter)),
    )
    search_fields = ("course",)
    search_help_text = gettext_lazy("A course key.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the lanes of the course."""
        return (queryset.filter(course=course_pk(search_term)) if search_term else queryset), False


@admin.display(description=gettext_lazy("operations"))
def operations(envelope: Envelope) -> Any:
    """Return the number of operations in the envelope."""
    return len(envelope.operation_ids)


@admin.register(Envelope)
class EnvelopeAdmin(ReadOnlyAdmin):
    """Lists the open envelopes: what is being sent and is not answered. The body is not shown."""

    list_display = (
        column("lane", gettext_lazy("lane")), column("sequence", gettext_lazy("sequence")),
        column("message_id", gettext_lazy("message id")), operations,
        column("last", gettext_lazy("up to position")), column("end_of_run", gettext_lazy("end of run"), boolean=True),
    )  # fmt: skip
    row_display = (
        linked("lane", gettext_lazy("lane")),
        column("sequence", gettext_lazy("sequence")),
        column("message_id", gettext_lazy("message id")),
        column("last", gettext_lazy("up to position")),
        column("published_version", gettext_lazy("published version")),
        column("end_of_run", gettext_lazy("end of run"), boolean=True),
        column("operation_ids", gettext_lazy("ids of the operations")),
    )
    prefetched = ("lane__target", "lane__course")
    narrowed_by = ("lane",)

    def get_queryset(self, request: Any) -> QuerySet:
        """Return the rows without their bodies."""
        return super().get_queryset(request).defer("body")
