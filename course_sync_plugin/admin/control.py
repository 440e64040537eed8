"""The pages of what operators did, and of the entities that they excluded."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import column, titled
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.admin.shared.row_actions import ActingAdmin
from course_sync_plugin.models import Exclusion, OperatorAction, digest_of
from course_sync_plugin.row_actions.exclusions import INCLUDE

_ACTION = (
    column("at", gettext_lazy("at")),
    column("operator", gettext_lazy("operator")),
    column("action", gettext_lazy("action")),
    column("target_name", gettext_lazy("target")),
    column("course_key", gettext_lazy("course")),
    column("note", gettext_lazy("note")),
)


@admin.register(OperatorAction)
class OperatorActionAdmin(ReadOnlyAdmin):
    """Lists what operators did, the newest first."""

    list_display = _ACTION
    row_display = (
        *_ACTION,
        column("arguments", gettext_lazy("asked for")),
        column("changed", gettext_lazy("changed")),
    )
    ordering = ("-at", "-pk")
    list_filter = (("at", titled(gettext_lazy("at"), admin.DateFieldListFilter)),)


_EXCLUSION = (
    column("entity_id", gettext_lazy("entity")),
    column("target", gettext_lazy("target")),
    column("course", gettext_lazy("course")),
    column("created_at", gettext_lazy("excluded at")),
)


@admin.register(Exclusion)
class ExclusionAdmin(ActingAdmin):
    """Lists the entities that are excluded from a target."""

    row_actions = (INCLUDE,)
    list_display = _EXCLUSION
    row_display = _EXCLUSION
    prefetched = ("target", "course")
    list_filter = (("target", titled(gettext_lazy("target"), admin.RelatedFieldListFilter)),)
    search_fields = ("entity_id",)
    search_help_text = gettext_lazy("The usage key of an entity.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the exclusions of the entity."""
        return (queryset.filter(id_digest=digest_of(search_term)) if search_term else queryset), False
