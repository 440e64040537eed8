"""The page of daily summaries."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import column, titled
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.models import DailySummary

_COMMON = (
    column("day", gettext_lazy("day")),
    column("target_name", gettext_lazy("target")),
    column("entity_type", gettext_lazy("entity type")),
    column("attempts", gettext_lazy("requests")),
    column("answered", gettext_lazy("answered")),
    column("refused", gettext_lazy("refused")),
    column("unanswered", gettext_lazy("unanswered")),
    column("operations", gettext_lazy("operations")),
    column("failed", gettext_lazy("refused operations")),
)


@admin.register(DailySummary)
class DailySummaryAdmin(ReadOnlyAdmin):
    """Lists the numbers of each target on each day, the newest day first."""

    list_display = _COMMON
    row_display = (
        *_COMMON,
        column("kinds", gettext_lazy("recorded and refused operations, by kind")),
        column("durations", gettext_lazy("histogram of the durations")),
    )
    ordering = ("-day", "target_name", "entity_type", "pk")
    list_filter = (("day", titled(gettext_lazy("day"), admin.DateFieldListFilter)),)
