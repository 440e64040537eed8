"""Fixtures: the kinds of targets that take notices, and the addresses for them on a running server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from course_sync_plugin import api
from course_sync_plugin.replication.notices import endpoints
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.testing.canvas.fake import CanvasFake
from tests.integration.inbound.senders import KINDS


@pytest.fixture(autouse=True)
def _kinds(monkeypatch, settings) -> None:
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    for name, kind in KINDS.items():
        monkeypatch.setitem(targets._loaded, name, kind)


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch) -> None:
    """Let the server read a target for each notice: most tests change it."""
    monkeypatch.setattr(endpoints, "REMEMBERED_SECONDS", 0.0)
    endpoints.remembered.clear()


@pytest.fixture
def address(live_server) -> Callable[..., str]:
    """Return a function that returns the address for the notices of a target."""
    return lambda *parts: "/".join((f"{live_server.url}/api/course_sync/v1/inbound", *parts))


@pytest.fixture
def forum(transactional_db) -> str:
    """Add the target ``forum``; return its secret."""
    return api.add_target("forum", backend="forum").secret


@pytest.fixture
def canvas() -> Iterator[CanvasFake]:
    with CanvasFake() as running:
        running.live_events.signed = True
        yield running


@pytest.fixture
def campus(transactional_db, canvas) -> str:
    """Add the target ``campus``, with the keys of ``canvas``; return its secret."""
    return api.add_target("campus", backend="campus", options=[f"jwks_url={canvas.url}/jwks"]).secret
