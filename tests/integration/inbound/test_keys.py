"""Signed Live Events: the keys are asked for once and kept, and asked for again when an unknown key is named."""

from __future__ import annotations

import json
from datetime import timedelta

import jwt
import pytest
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.lanes.open_target import config_of
from course_sync_plugin.models import DatabaseNow, InboundEvent, InboundKeys, Target
from course_sync_plugin.replication.notices import kept_keys
from course_sync_plugin.replication.notices.kept_keys import JWKS_BYTES, KEYS, read_jwks
from course_sync_plugin.targets.http.client import HttpClient
from course_sync_plugin.testing.canvas.signing import Key, sign
from tests.integration.courses import own_queries
from tests.integration.inbound.senders import KINDS, post

pytestmark = pytest.mark.django_db(transaction=True)

EVENT = {"metadata": {"event_name": "module_updated"}, "body": {"module_id": "7"}}


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Return the URLs of the keys that were asked for."""
    found: list[str] = []
    request = HttpClient.request

    def noting(self, method, url, *arguments):
        found.append(url)
        return request(self, method, url, *arguments)

    monkeypatch.setattr(HttpClient, "request", noting)
    return found


def later(seconds: float) -> None:
    """Let time pass since the keys were asked for."""
    InboundKeys.objects.update(tried_at=F("tried_at") - timedelta(seconds=seconds))
    InboundKeys.objects.update(fetched_at=F("fetched_at") - timedelta(seconds=seconds))


def send(address, token: str) -> int:
    return post(address("campus"), token.encode(), {"Content-Type": "application/jwt"})[0]


def test_what_canvas_signs(address, canvas, campus, asked):
    course = canvas.add_course()
    module = canvas.teacher.add_module(course.id, "Wasps")
    canvas.teacher.rename_module(course.id, module["id"], "Hornets")
    canvas.teacher.delete_module(course.id, module["id"])
    assert canvas.live_events.deliver(address("campus")) == [202, 202, 202]
    assert asked == [f"{canvas.url}/jwks"]
    rows = list(InboundEvent.objects.order_by("pk"))
    named = [KINDS["campus"].inbound.read(bytes(row.body), row.event_name) for row in rows]
    assert {(one.kind, one.remote_id, one.container_id) for notices in named for one in notices} == {
        ("module", str(module["id"]), str(course.id))
    }
    assert rows[0].content_type == "application/jwt"


def test_kept_keys_cost_no_statement(client, canvas, campus, asked):
    def statements(token: str) -> list[str]:
        with own_queries() as queries:
            answer = client.post("/api/course_sync/v1/inbound/campus", token, "application/jwt")
        assert answer.status_code == 202
        return [query.split()[0] for query in queries]

    statements(canvas.keys.sign(EVENT))
    assert statements(canvas.keys.sign({**EVENT, "again": 1})) == ["SELECT", "INSERT"]
    assert len(asked) == 1


def test_the_keys_rotate(address, canvas, campus, asked):
    assert send(address, canvas.keys.sign(EVENT)) == 202
    canvas.keys.rotate()  # to the next key, which is in the JWKS already
    assert send(address, canvas.keys.sign({**EVENT, "at": 2})) == 202
    assert len(asked) == 1
    canvas.keys.rotate()
    assert send(address, canvas.keys.sign({**EVENT, "at": 3})) == 401, "asked for less than a minute ago"
    later(61)
    assert send(address, canvas.keys.sign({**EVENT, "at": 3})) == 202
    assert len(asked) == 2


def test_forgers_cannot_make_us_ask(address, canvas, campus, asked):
    assert [send(address, sign({**EVENT, "at": at}, Key.new())) for at in range(4)] == [401] * 4
    assert len(asked) == 1
    assert not InboundEvent.objects.exists()
    later(40)
    assert send(address, sign(EVENT, Key.new())) == 401
    assert len(asked) == 1
    later(25)
    assert send(address, sign(EVENT, Key.new())) == 401
    assert len(asked) == 2


def test_a_forged_event_with_the_name_of_a_right_key(address, canvas, campus):
    (name, *_others) = (key["kid"] for key in canvas.keys.jwks()["keys"])
    assert send(address, sign(EVENT, Key(name, Key.new().private))) == 401
    assert send(address, jwt.encode(EVENT, None, "none", {"kid": name})) == 401
    assert send(address, canvas.keys.sign(EVENT)[:-8] + "AAAAAAAA") == 401
    assert not InboundEvent.objects.exists()


def test_a_replay_is_stored_once(address, canvas, campus):
    token = canvas.keys.sign(EVENT)
    assert [send(address, token) for _ in range(3)] == [202] * 3
    assert InboundEvent.objects.count() == 1


def test_the_keys_cannot_be_reached(address, campus, canvas, asked, caplog):
    token = canvas.keys.sign(EVENT)
    canvas.stop()
    assert [send(address, token) for _ in range(3)] == [503] * 3
    assert len(asked) == 1
    assert "the keys of target=campus did not come" in caplog.text


def test_kept_keys_work_while_the_others_cannot_be_reached(address, campus, canvas):
    assert send(address, canvas.keys.sign(EVENT)) == 202
    canvas.stop()
    later(61)
    assert send(address, sign(EVENT, Key.new())) == 503, "it may be a new key of Canvas"
    assert send(address, canvas.keys.sign({**EVENT, "at": 2})) == 202


def test_keys_that_come_after_a_failure(address, campus, canvas, monkeypatch):
    """What came is no JWKS: a page of a proxy, for example."""
    with monkeypatch.context() as patched:
        patched.setattr(canvas.keys, "jwks", dict)
        assert send(address, canvas.keys.sign(EVENT)) == 503
    assert send(address, canvas.keys.sign(EVENT)) == 503, "asked for less than a minute ago"
    later(61)
    assert send(address, canvas.keys.sign(EVENT)) == 202


def test_a_private_address_is_not_asked(address, campus, canvas, settings, caplog):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = []
    assert send(address, canvas.keys.sign(EVENT)) == 503
    assert "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS" in caplog.text


def test_without_the_url_of_the_keys_nothing_signed_is_accepted(address, canvas, transactional_db, asked):
    api.add_target("campus", backend="campus")
    assert send(address, canvas.keys.sign(EVENT)) == 401
    assert asked == []


def test_of_several_processes_one_asks(campus, canvas, monkeypatch):
    """Another process claims the request between the look and the claim."""
    row = Target.objects.get()
    keys = kept_keys.KeptKeys(row, config_of(row))
    InboundKeys.objects.create(target=row, tried_at=DatabaseNow())
    monkeypatch.setattr(kept_keys.KeptKeys, "_fetch", lambda self: pytest.fail("a second request"))
    with pytest.raises(TransientError):
        keys.find("a-new-key")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b'{"keys": 7}', b'{"keys": [7, {}]}',
        b'{"keys": [{"kty": "oct", "kid": "a", "k": "x"}]}',
        b'{"keys": [{"kty": "RSA", "kid": 7, "n": "x", "e": "AQAB"}]}', b" " * (JWKS_BYTES + 1), b"[" * 60_000,
    ],
)  # fmt: skip
def test_what_is_no_jwks(body):
    assert read_jwks(body) == {}


def test_only_the_public_parts_of_a_few_keys_are_kept():
    key = {"kty": "RSA", "n": "x", "e": "AQAB", "d": "private", "x5c": ["y" * 1000]}
    kept = read_jwks(json.dumps({"keys": [{**key, "kid": str(at)} for at in range(30)]}).encode())
    assert len(kept) == KEYS
    assert kept["0"] == {"kty": "RSA", "kid": "0", "n": "x", "e": "AQAB"}
