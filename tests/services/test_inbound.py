"""Tests notices that come at the same time: on MariaDB and on PostgreSQL."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from course_sync_plugin import api
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.models import DatabaseNow, InboundEvent, InboundKeys, Target
from course_sync_plugin.replication.notices import endpoints
from course_sync_plugin.replication.notices.kept_keys import KeptKeys
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.testing.canvas.signing import Key, sign
from tests.integration.inbound.senders import KINDS
from tests.services.test_breaker_races import at_once, both

THREADS = 8


@pytest.fixture
def kinds(host, monkeypatch) -> Iterator[None]:
    for name, kind in KINDS.items():
        monkeypatch.setitem(targets._loaded, name, kind)
    endpoints.remembered.clear()
    yield
    endpoints.remembered.clear()


def signed(secret: str, body: bytes) -> api.Received:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return api.Received(body, {"X-Discourse-Event-Signature": f"sha256={digest}"})


@both
def test_the_same_notice_at_the_same_time_is_stored_once(kinds):
    secret = api.add_target("forum", backend="forum").secret
    for at in range(10):
        received = signed(secret, f'{{"topic": {{"id": {at}}}}}'.encode())
        at_once(*[lambda received=received: api.store_inbound("forum", received)] * THREADS)
    assert InboundEvent.objects.count() == 10


@both
def test_what_comes_while_a_notice_is_taken_is_stored_again(kinds):
    """It waits until the other one is certainly taken. So it is never lost while the object is read."""
    secret = api.add_target("forum", backend="forum").secret
    received = signed(secret, b"{}")
    api.store_inbound("forum", received)
    began = threading.Event()

    def take() -> None:
        with transaction.atomic():
            InboundEvent.objects.update(taken_at=DatabaseNow(), digest=None)
            began.set()
            time.sleep(0.2)

    def store() -> None:
        began.wait(10)
        api.store_inbound("forum", received)

    at_once(take, store)
    assert InboundEvent.objects.filter(taken_at=None).count() == 1
    assert InboundEvent.objects.count() == 2


@both
def test_it_does_not_wait_for_who_changes_the_target(kinds):
    """``rotate-secret`` and the breaker lock the row of the target."""
    secret = api.add_target("forum", backend="forum").secret
    with transaction.atomic():
        Target.objects.select_for_update().get(name="forum")

        def limited() -> None:
            statement = {"mysql": "SET SESSION innodb_lock_wait_timeout = 1", "postgresql": "SET lock_timeout = 1000"}
            with connection.cursor() as cursor:
                cursor.execute(statement[connection.vendor])
            api.store_inbound("forum", signed(secret, b"{}"))

        at_once(limited)
    assert InboundEvent.objects.count() == 1


@both
def test_of_many_one_asks_for_the_keys(kinds, monkeypatch):
    asked: list[None] = []
    key = Key.new()

    def fetch(_keys: KeptKeys) -> dict:
        asked.append(None)
        return {key.name: key.public_jwk()}

    def send(at: int) -> bool:
        try:
            api.store_inbound("campus", api.Received(sign({"at": at}, key).encode()))
        except TransientError:  # the keys have not come yet
            return False
        return True

    monkeypatch.setattr(KeptKeys, "_fetch", fetch)
    api.add_target("campus", backend="campus", options=["jwks_url=https://canvas.example.org/jwks"])
    stored = at_once(*(lambda at=at: send(at) for at in range(THREADS)))
    assert len(asked) == 1
    assert InboundEvent.objects.count() == sum(stored) >= 1
    assert InboundKeys.objects.get().keys.keys() == {key.name}
    assert send(THREADS)
