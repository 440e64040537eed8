"""Reads the configuration of the catalog sync that the operator sets in the admin."""

from __future__ import annotations

from course_sync_plugin import toggles
from course_sync_plugin.models import CatalogSyncConfiguration


def newest_configuration() -> CatalogSyncConfiguration:
    """Return the configuration for a new run. It comes from the database: a worker's cache may be minutes old."""
    rows = CatalogSyncConfiguration.objects.order_by("-change_date", "-pk")
    return rows.first() or CatalogSyncConfiguration()


def cached_configuration() -> CatalogSyncConfiguration:
    """Return the configuration for a web request. It comes from the cache, which a change in the admin clears."""
    configuration: CatalogSyncConfiguration = CatalogSyncConfiguration.current()
    return configuration


def is_on(configuration: CatalogSyncConfiguration) -> bool:
    """Tell whether the catalog sync may write: it is enabled in the admin, and the plugin is not stopped as a whole."""
    return configuration.enabled and not toggles.is_stopped()
