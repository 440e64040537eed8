"""The page of attempts: each request to a target, with its answer."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.admin.shared.columns import column, linked, titled
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.admin.shared.search import course_pk
from course_sync_plugin.models import Attempt

_COMMON = (
    column("began_at", gettext_lazy("begin")),
    column("target", gettext_lazy("target")),
    column("lane.course", gettext_lazy("course")),
    column("sequence", gettext_lazy("sequence")),
    column("operations", gettext_lazy("operations")),
    column("failed", gettext_lazy("refused operations")),
    column("status", gettext_lazy("HTTP status")),
    column("seconds", gettext_lazy("seconds")),
    column("error_class", gettext_lazy("class of the error")),
)


def _advice(attempt: Attempt) -> api.Advice:
    return api.advice_for(attempt.error_class, attempt.status, backend=attempt.target.backend)


@admin.display(description=gettext_lazy("meaning"))
def meaning(attempt: Attempt) -> Any:
    """Return what the error means."""
    return str(_advice(attempt).meaning) if attempt.error_class else None


@admin.display(description=gettext_lazy("what to do"))
def action(attempt: Attempt) -> Any:
    """Return what an operator does about the error."""
    return str(_advice(attempt).action) if attempt.error_class else None


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    """Lists attempts, the newest first."""

    list_display = _COMMON
    row_display = (
        *_COMMON,
        linked("lane", gettext_lazy("lane")),
        column("message_id", gettext_lazy("message id")),
        column("first", gettext_lazy("first position")),
        column("last", gettext_lazy("last position")),
        column("error", gettext_lazy("error")),
        meaning,
        action,
        column("head", gettext_lazy("headers of the answer")),
        column("body", gettext_lazy("beginning of the answer")),
    )
    ordering = ("-began_at", "-pk")
    prefetched = ("target", "lane__target", "lane__course")
    narrowed_by = ("lane",)
    list_filter = (
        ("target", titled(gettext_lazy("target"), admin.RelatedFieldListFilter)),
        ("began_at", titled(gettext_lazy("begin"), admin.DateFieldListFilter)),
    )
    search_fields = ("lane",)
    search_help_text = gettext_lazy("A course key.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the attempts in the lanes of a course."""
        return (queryset.filter(lane__course=course_pk(search_term)) if search_term else queryset), False
