"""What service tests share. Each starts and ends its own processes and has databases of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import call_command
from edx_django_utils.cache import RequestCache

from . import servers
from .host import Host, in_this_process
from .processes import Processes

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.service)


@pytest.fixture(scope="session", params=["mariadb"])
def database_url(request, django_db_blocker) -> Iterator[str]:
    """The URL of a database of our own, with tables. Tests that want others too parametrize it."""
    with getattr(servers, request.param)() as url:
        with django_db_blocker.unblock(), in_this_process(url):
            call_command("migrate", verbosity=0)
        yield url


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """The URL of a Redis database of our own."""
    with servers.redis_broker() as url:
        yield url


@pytest.fixture
def database(database_url, django_db_blocker) -> Iterator[str]:
    """The URL of the database, empty; in this process Django talks to it."""
    RequestCache.clear_all_namespaces()
    cache.clear()
    with django_db_blocker.unblock(), in_this_process(database_url):
        call_command("flush", interactive=False, verbosity=0)
        yield database_url


@pytest.fixture
def processes(tmp_path) -> Iterator[Processes]:
    """The processes of the test. At the end none has met what it did not expect, a deadlock for example."""
    running = Processes(tmp_path)
    yield running
    running.close()
    assert running.tracebacks() == []


@pytest.fixture
def host(database, processes, settings, tmp_path) -> Host:
    """A host without a broker."""
    return Host(processes, settings, {"DATABASE_URL": database, "SANDBOX_VAR": str(tmp_path), "CELERY_BROKER_URL": ""})


@pytest.fixture
def celery_host(host, broker_url) -> Host:
    """A host with a broker."""
    host.environment["CELERY_BROKER_URL"] = broker_url
    return host
