"""The pages of the journal: runs and operations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import choice, column, linked, links, list_url
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.admin.shared.search import course_pk, operation_pks
from course_sync_plugin.models import JournalOperation, Problem, Run


@admin.display(description=gettext_lazy("see"))
def operations_of(run: Run) -> str:
    """Return a link to the operations of the run."""
    return links({_("operations"): list_url(JournalOperation, run__exact=run.pk)})


@admin.display(description=gettext_lazy("only for the target"))
def only_for(run: Run) -> Any:
    """Return the name of the target that a snapshot or a repair was for."""
    return run.target_name or None


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Lists runs: the syncs of courses that found something."""

    list_display = (
        column("course", gettext_lazy("course")), choice("kind", gettext_lazy("kind")),
        column("began_at", gettext_lazy("begin")), column("ended_at", gettext_lazy("end")),
        column("operations_count", gettext_lazy("operations")),
        column("incomplete", gettext_lazy("incomplete"), boolean=True), only_for, operations_of,
    )  # fmt: skip
    row_display = (
        column("course", gettext_lazy("course")),
        choice("kind", gettext_lazy("kind")),
        column("published_version", gettext_lazy("published version")),
        column("began_at", gettext_lazy("begin")),
        column("ended_at", gettext_lazy("end")),
        column("operations_count", gettext_lazy("operations")),
        column("incomplete", gettext_lazy("incomplete"), boolean=True),
        column("pruned_at", gettext_lazy("operations pruned since")),
        only_for,
        operations_of,
    )
    prefetched = ("course",)
    narrowed_by = ("course",)
    search_fields = ("course",)
    search_help_text = gettext_lazy("A course key.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the runs of the course."""
        return (queryset.filter(course=course_pk(search_term)) if search_term else queryset), False


@admin.display(description=gettext_lazy("see"))
def around(operation: JournalOperation) -> str:
    """Return links from the page of an operation."""
    return links(
        {
            _("operations of the run"): list_url(JournalOperation, run__exact=operation.run_id),
            _("problems with it"): list_url(Problem, operation__exact=operation.pk),
        }
    )


@admin.register(JournalOperation)
class JournalAdmin(ReadOnlyAdmin):
    """Lists the operations of all courses, the newest first."""

    list_display = (
        column("position", gettext_lazy("position")), column("course", gettext_lazy("course")),
        column("operation", gettext_lazy("operation")), column("entity_type", gettext_lazy("entity type")),
        column("entity_id", gettext_lazy("entity")), column("operation_id", gettext_lazy("id")),
        column("lane.target", gettext_lazy("only for the target")),
    )  # fmt: skip
    row_display = (
        column("course", gettext_lazy("course")),
        column("position", gettext_lazy("position")),
        linked("run", gettext_lazy("run")),
        linked("lane", gettext_lazy("only for the lane")),
        column("operation_id", gettext_lazy("id")),
        column("operation", gettext_lazy("operation")),
        column("entity_type", gettext_lazy("entity type")),
        column("entity_id", gettext_lazy("entity")),
        column("block_type", gettext_lazy("block type")),
        column("parent_id", gettext_lazy("parent")),
        column("index", gettext_lazy("index")),
        column("after_id", gettext_lazy("after")),
        column("fields", gettext_lazy("fields")),
        column("previous", gettext_lazy("previous")),
        around,
    )
    prefetched = ("course", "lane__target")
    narrowed_by = ("course", "run", "lane")
    search_fields = ("course",)
    search_help_text = gettext_lazy("A course key, the usage key of an entity, or the id of an operation.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the operations of a course, those that concern an entity, or the one with an id."""
        if not search_term:
            return queryset, False
        course = course_pk(search_term)
        found = queryset.filter(course=course) if course else queryset.filter(pk__in=operation_pks(search_term))
        return found, False
