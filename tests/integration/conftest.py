"""Fixtures of the integration tests: a source without files, a receiver, a terminal, empty caches."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from edx_django_utils.cache import RequestCache

from course_sync_plugin import api
from course_sync_plugin.testing.catalog_server import CatalogServer
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.catalogs import running_catalog
from tests.integration.courses import SHELF, Shelf


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    """Empty the caches, so that a switch that another test turned is forgotten."""
    RequestCache.clear_all_namespaces()
    cache.clear()


@pytest.fixture
def shelf(settings) -> Shelf:
    """Return the source of the courses of this test, empty at first."""
    settings.COURSE_SYNC_SOURCE = "tests.integration.courses.the_shelf"
    SHELF.__init__()
    return SHELF


@pytest.fixture
def receiver(db, settings) -> Iterator[Receiver]:
    """Return a real receiver that is added as the target ``crm``."""
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as running:
        api.add_target("crm", url=running.url, secret=running.secret)
        yield running


@pytest.fixture
def terminal(monkeypatch) -> Iterator[Callable[[str], None]]:
    """Make standard input a terminal; return a function that types a line."""
    keyboard, screen = pty.openpty()
    with os.fdopen(screen, "r") as stdin, os.fdopen(keyboard, "w") as typed:
        monkeypatch.setattr("sys.stdin", stdin)
        yield lambda text: print(text, file=typed, flush=True)


@pytest.fixture
def catalog(settings) -> Iterator[CatalogServer]:
    """Return a running catalog without course runs, which the settings name."""
    with running_catalog(settings) as server:
        yield server
