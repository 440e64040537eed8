"""Registers the catalog sync in the Django admin: its configuration, its runs and its records."""

from __future__ import annotations

from typing import Any

from config_models.admin import ConfigurationModelAdmin
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from course_sync_plugin.admin.shared.columns import titled
from course_sync_plugin.admin.shared.permissions import TwoPermissions, may_act
from course_sync_plugin.admin.shared.read_only import ReadOnlyAdmin
from course_sync_plugin.models import CatalogRecord, CatalogRun, CatalogSyncConfiguration, digest_of


@admin.register(CatalogRun)
class CatalogRunAdmin(ReadOnlyAdmin):
    """Lists the runs of ``update_catalog_data``, the newest first."""

    list_display = ("began_at", "ended_at", "state", "seconds", "pages", "requests", "counts")
    row_display = (*list_display, "refused", "kept", "failures", "courses")
    list_filter = ("state",)


@admin.register(CatalogRecord)
class CatalogRecordAdmin(ReadOnlyAdmin):
    """Lists what the catalog last returned for each course run."""

    list_display = ("key", "values", "refused", "drift", "seen_at", "changed_at")
    row_display = list_display
    list_filter = (("refused", titled(gettext_lazy("accepted"), admin.EmptyFieldListFilter)),)
    search_fields = ("key",)
    search_help_text = gettext_lazy("A course key.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """Return the record of the course."""
        return (queryset.filter(key_digest=digest_of(search_term)) if search_term else queryset), False


@admin.register(CatalogSyncConfiguration)
class CatalogConfigurationAdmin(TwoPermissions, ConfigurationModelAdmin):
    """Edits the configuration of ``update_catalog_data``. Each change adds a row, so none is deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the action that goes back to a former configuration, for those who may act."""
        actions: Any = super()
        return actions.get_actions(request) if may_act(request) else {}
