"""A catalog server that the settings of a test name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from django.core.management import call_command

from course_sync_plugin.testing.catalog_server import CatalogServer


@contextmanager
def running_catalog(settings: Any, *runs: Any) -> Iterator[CatalogServer]:
    """Run a catalog, with ``runs`` if they are given, and let the settings name it."""
    with CatalogServer(*runs) as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        yield server


def run(*arguments, expect=0):
    """Run the command; return the JSON that it printed."""
    out = StringIO()
    try:
        call_command("update_catalog_data", *arguments, "--json", stdout=out, stderr=out)
        status = 0
    except SystemExit as ended:
        status = ended.code
    assert status == expect, out.getvalue()
    return json.loads(out.getvalue()) if out.getvalue().startswith("{") else out.getvalue()
