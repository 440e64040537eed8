"""Whether the catalog can be reached, and what it says."""

from __future__ import annotations

import time

import attrs

from course_sync_plugin.catalog.auth import catalog_access
from course_sync_plugin.catalog.client import CatalogClient, Limits
from course_sync_plugin.catalog.configuration import newest_configuration
from course_sync_plugin.catalog.paging import first_place, pages


@attrs.frozen
class Reached:
    """What ``--check`` found: where, signed in as whom, how many runs there are, and how long the answer took."""

    url: str
    signed_in_as: str
    count: int | None
    seconds: float
    fields: tuple[str, ...]


def check_catalog() -> Reached:
    """Reach the catalog, sign in and ask for one run. Raises what the client raises."""
    configured = newest_configuration()
    configured.require_valid()
    timeout = (configured.connect_timeout, configured.read_timeout)
    access = catalog_access(timeout)
    began = time.monotonic()
    with CatalogClient(access, Limits(timeout, 0), time.sleep, lambda text: None) as client:
        page = next(pages(client, first_place(1)))
    row = page.rows[0] if page.rows and isinstance(page.rows[0], dict) else {}
    return Reached(client.url, access.signed_in_as, page.count, time.monotonic() - began, tuple(sorted(row)))
