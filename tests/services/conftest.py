"""Fixtures of the service tests. Each test starts and ends its own processes and has its own databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import call_command
from edx_django_utils.cache import RequestCache

from tests.services import servers
from tests.services.host import Host, in_this_process
from tests.services.processes import Processes

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.service)


@pytest.fixture(scope="session", params=["mariadb"])
def database_url(request, django_db_blocker) -> Iterator[str]:
    """The URL of a database for this test, with tables. Tests parametrize it to use other databases."""
    with getattr(servers, request.param)() as url:
        with django_db_blocker.unblock(), in_this_process(url):
            call_command("migrate", verbosity=0)
        yield url


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """The URL of a Redis database for this test."""
    with servers.redis_broker() as url:
        yield url


@pytest.fixture
def database(database_url, django_db_blocker) -> Iterator[str]:
    """The URL of the database, which is empty. In this process, Django uses it."""
    RequestCache.clear_all_namespaces()
    cache.clear()
    with django_db_blocker.unblock(), in_this_process(database_url):
        call_command("flush", interactive=False, verbosity=0)  # to truncate resets the statistics of the optimizer, too
        yield database_url


@pytest.fixture
def processes(tmp_path) -> Iterator[Processes]:
    """The processes of the test. At the end, no process may have logged an unexpected error, such as a deadlock."""
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
