"""Checks that the catalog can be reached and that we can sign in (``update_catalog_data --check``)."""

from __future__ import annotations

import time

import attrs

from course_sync_plugin.catalog.client.auth import catalog_access
from course_sync_plugin.catalog.client.client import CatalogClient, Limits
from course_sync_plugin.catalog.client.pages import first_place, pages
from course_sync_plugin.catalog.configuration import newest_configuration


@attrs.frozen
class CheckResult:
    """The result of ``--check``.

    ``count``: how many course runs the catalog has; None if it does not say. ``seconds``: how long the answer took.
    ``fields``: the names of the fields of one course run.
    """

    url: str
    signed_in_as: str
    count: int | None
    seconds: float
    fields: tuple[str, ...]


def check_catalog() -> CheckResult:
    """Sign in to the catalog and ask for one course run.

    Raises TransientError, or ConfigurationError if the operator must act.
    """
    configured = newest_configuration()
    configured.require_valid()
    timeout = (configured.connect_timeout, configured.read_timeout)
    access = catalog_access(timeout)
    began = time.monotonic()
    with CatalogClient(access, Limits(timeout, 0), time.sleep, lambda text: None) as client:
        page = next(pages(client, first_place(1)))
    row = page.rows[0] if page.rows and isinstance(page.rows[0], dict) else {}
    return CheckResult(client.url, access.signed_in_as, page.count, time.monotonic() - began, tuple(sorted(row)))
