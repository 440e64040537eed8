"""How the operator has configured the catalog sync in the admin."""

from __future__ import annotations

from course_sync_plugin import toggles
from course_sync_plugin.models import CatalogSyncConfiguration


def newest_configuration() -> CatalogSyncConfiguration:
    """Return what holds for a run that begins now: read from the database, as a worker's cache may be minutes old."""
    rows = CatalogSyncConfiguration.objects.order_by("-change_date", "-pk")
    return rows.first() or CatalogSyncConfiguration()


def cached_configuration() -> CatalogSyncConfiguration:
    """Return what holds for a web request: from the cache, which a change in the admin clears."""
    return CatalogSyncConfiguration.current()


def is_on(configuration: CatalogSyncConfiguration) -> bool:
    """Tell whether anything of the catalog may be written: neither switched off in the admin nor stopped as a whole."""
    return configuration.enabled and not toggles.is_stopped()
