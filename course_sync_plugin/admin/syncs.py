"""The pages of syncs: how each sync of a course went. And of the held runs, which operators approve."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import column, links, list_url, titled
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.admin.shared.row_actions import ActingAdmin
from course_sync_plugin.admin.shared.search import course_pk
from course_sync_plugin.models import HeldRun, JournalOperation, SyncLog
from course_sync_plugin.row_actions.held_runs import APPROVE


@admin.display(description=gettext_lazy("see"))
def operations_of(sync: SyncLog) -> Any:
    """Return a link to the operations that the sync recorded."""
    return links({_("operations"): list_url(JournalOperation, run__exact=sync.run_id)}) if sync.run_id else None


_COMMON = (
    column("began_at", gettext_lazy("begin")),
    column("course_key", gettext_lazy("course")),
    column("outcome", gettext_lazy("outcome")),
    column("seconds", gettext_lazy("seconds")),
    column("counts", gettext_lazy("operations by kind")),
    column("error", gettext_lazy("error")),
)


@admin.register(SyncLog)
class SyncLogAdmin(ReadOnlyAdmin):
    """Lists syncs, the newest first. A sync that finds nothing new is not in the list."""

    list_display = _COMMON
    row_display = (
        *_COMMON,
        column("published_version", gettext_lazy("published version")),
        column("steps", gettext_lazy("steps")),
        column("error_class", gettext_lazy("class of the error")),
        column("stack", gettext_lazy("stack")),
        column("state", gettext_lazy("state at the failure")),
        operations_of,
    )
    ordering = ("-began_at", "-pk")
    list_filter = (("began_at", titled(gettext_lazy("begin"), admin.DateFieldListFilter)),)
    search_fields = ("course",)
    search_help_text = gettext_lazy("A course key.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the syncs of the course."""
        return (queryset.filter(course=course_pk(search_term)) if search_term else queryset), False


_HELD = (
    column("course", gettext_lazy("course")),
    column("published_version", gettext_lazy("published version")),
    column("deletes", gettext_lazy("deletes")),
    column("of", gettext_lazy("of")),
    column("since", gettext_lazy("since")),
)


@admin.register(HeldRun)
class HeldRunAdmin(ActingAdmin):
    """Lists the runs that are held because they would delete too much."""

    row_actions = (APPROVE,)
    list_display = _HELD
    row_display = _HELD
    prefetched = ("course",)
