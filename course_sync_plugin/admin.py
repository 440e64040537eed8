"""What operators set and see of the catalog sync in the Django admin."""

from __future__ import annotations

from typing import Any

from config_models.admin import ConfigurationModelAdmin
from django.contrib import admin

from course_sync_plugin.models import CatalogRecord, CatalogRun, CatalogSyncConfiguration


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are written by the machinery alone."""

    def has_add_permission(self, request: Any) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: Any, obj: Any = None) -> bool:
        return False


@admin.register(CatalogRun)
class CatalogRunAdmin(ReadOnlyAdmin):
    """Runs of update_catalog_data, the newest first."""

    list_display = ("began_at", "ended_at", "state", "seconds", "pages", "requests", "counts")
    list_filter = ("state",)
    ordering = ("-pk",)


@admin.register(CatalogRecord)
class CatalogRecordAdmin(ReadOnlyAdmin):
    """What the catalog last said of each course."""

    list_display = ("key", "values", "refused", "drift", "seen_at", "changed_at")
    list_filter = ("refused",)
    search_fields = ("key",)
    show_full_result_count = False


admin.site.register(CatalogSyncConfiguration, ConfigurationModelAdmin)
