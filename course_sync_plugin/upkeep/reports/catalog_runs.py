"""Reports the last run of the catalog sync."""

from __future__ import annotations

from course_sync_plugin.models import CatalogRun


def last_catalog_run() -> CatalogRun | None:
    """Return the run that began last, which may not have ended; None if there is none. One query."""
    return CatalogRun.objects.order_by("-pk").first()
