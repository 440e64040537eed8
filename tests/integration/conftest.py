"""What integration tests share: a source without files, the receiver, queries that fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from edx_django_utils.cache import RequestCache

from course_sync_plugin import api
from course_sync_plugin.testing.receiver import Receiver

from .courses import SHELF, Shelf


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    """A switch that another test turned is not remembered."""
    RequestCache.clear_all_namespaces()
    cache.clear()


@pytest.fixture
def shelf(settings) -> Shelf:
    """The source of the courses of this test, empty."""
    settings.COURSE_SYNC_SOURCE = "tests.integration.courses.the_shelf"
    SHELF.__init__()
    return SHELF


@pytest.fixture
def receiver(db, settings) -> Iterator[Receiver]:
    """A real receiver, added as the target ``crm``."""
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as running:
        api.add_target("crm", url=running.url, secret=running.secret)
        yield running
