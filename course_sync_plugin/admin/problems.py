"""The pages of problems: operations that failed, or wait behind one that failed."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.admin.shared.columns import choice, column, linked, titled
from course_sync_plugin.admin.shared.row_actions import ActingAdmin
from course_sync_plugin.admin.shared.search import course_pk, operation_pks
from course_sync_plugin.models import Problem
from course_sync_plugin.row_actions.lanes import of_problem, retry, skip


def _advice(problem: Problem) -> api.Advice:
    return api.advice_for(problem.error_class, problem.status, problem.state, backend=problem.lane.target.backend)


@admin.display(description=gettext_lazy("meaning"))
def meaning(problem: Problem) -> str:
    """Return what the error means."""
    return str(_advice(problem).meaning)


@admin.display(description=gettext_lazy("what to do"))
def action(problem: Problem) -> str:
    """Return what an operator does about the error."""
    return str(_advice(problem).action)


@admin.register(Problem)
class ProblemAdmin(ActingAdmin):
    """Lists problems, open and closed."""

    row_actions = (retry(of_problem), skip(of_problem))
    list_display = (
        column("since", gettext_lazy("since")), choice("state", gettext_lazy("state")),
        column("lane.target", gettext_lazy("target")), column("lane.course", gettext_lazy("course")),
        column("operation.operation", gettext_lazy("operation")),
        column("operation.entity_id", gettext_lazy("entity")), column("reason", gettext_lazy("reason")),
    )  # fmt: skip
    row_display = (
        column("since", gettext_lazy("since")),
        choice("state", gettext_lazy("state")),
        linked("lane", gettext_lazy("lane")),
        linked("operation", gettext_lazy("operation")),
        column("operation.entity_type", gettext_lazy("entity type")),
        column("operation.operation_id", gettext_lazy("id of the operation")),
        column("reason", gettext_lazy("reason")),
        column("error_class", gettext_lazy("class of the error")),
        column("status", gettext_lazy("HTTP status")),
        meaning,
        action,
        linked("behind", gettext_lazy("waits behind")),
        column("closed_at", gettext_lazy("closed at")),
    )
    prefetched = ("operation", "lane__target", "lane__course")
    narrowed_by = ("lane", "operation")
    list_filter = (
        ("state", titled(gettext_lazy("state"), admin.ChoicesFieldListFilter)),
        ("lane__target", titled(gettext_lazy("target"), admin.RelatedFieldListFilter)),
    )
    search_fields = ("lane",)
    search_help_text = gettext_lazy("A course key, the usage key of an entity, or the id of an operation.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the problems of a course, of an entity, or of the operation with an id."""
        if not search_term:
            return queryset, False
        course = course_pk(search_term)
        if course:
            return queryset.filter(lane__course=course), False
        return queryset.filter(operation__in=operation_pks(search_term)), False
