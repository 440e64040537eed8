"""Live Events of Canvas: which tokens are accepted, and which objects the events name."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.targets.inbound.contract import Credentials, Notice, NotVerified, Received
from course_sync_plugin.targets.inbound.live_events import LATE_SECONDS, OPTIONS, read, verify
from course_sync_plugin.targets.options import checked_options
from course_sync_plugin.testing.canvas.signing import Key, sign
from tests.conftest import shared_data

EVENT = {
    "metadata": {"event_name": "module_updated", "context_id": "21070000000000565", "context_type": "Course"},
    "body": {"module_id": "21070000000000014", "context_id": "565", "context_type": "Course", "name": "Bées"},
}
NOTICE = Notice("module", "14", "565", "module_updated")


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.new()


@pytest.fixture(scope="module")
def other() -> Key:
    return Key.new()


class Keys:
    """The known keys, and the names that were asked for."""

    def __init__(self, *keys: Key):
        self.keys = {key.name: key.public_jwk() for key in keys}
        self.asked: list[str] = []

    def find(self, name: str) -> Mapping[str, Any] | None:
        self.asked.append(name)
        return self.keys.get(name)


def accepts(body: bytes | str, keys: Keys) -> bool:
    body = body.encode() if isinstance(body, str) else body
    try:
        verify(Received(body), Credentials(("secret",), keys.find))
    except NotVerified:
        return False
    return True


def test_a_signed_event(key, other):
    token = sign(EVENT, key)
    for body in (token, f" {token}\n", json.dumps(token)):
        assert accepts(body, Keys(key, other))
        assert read(body.encode()) == (NOTICE,)
    assert not accepts(token, Keys(other))


def test_a_forged_signature(key, other):
    forged = attrs_named(other, key.name)
    assert not accepts(sign(EVENT, forged), Keys(key))
    header, payload, signature = sign(EVENT, key).split(".")
    changed = sign({**EVENT, "body": {}}, key).split(".")[1]
    assert not accepts(f"{header}.{changed}.{signature}", Keys(key))
    assert not accepts(f"{header}.{payload}.", Keys(key))


def attrs_named(key: Key, name: str) -> Key:
    return Key(name, key.private)


def test_other_algorithms_are_refused_before_a_key_is_asked_for(key):
    keys = Keys(key)
    pem = key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    tokens = [
        jwt.encode(EVENT, None, "none", {"kid": key.name}),
        unsigned({"alg": "none", "kid": key.name}),
        unsigned({"alg": "NONE", "kid": key.name}),
        unsigned({"alg": "HS256", "kid": key.name}, pem),
        jwt.encode(EVENT, key.private, "RS512", {"kid": key.name}),
        jwt.encode(EVENT, key.private, "PS256", {"kid": key.name}),
        jwt.encode(EVENT, key.private, "RS256"),
        jwt.encode(EVENT, key.private, "RS256", {"kid": "x" * 201}),
        jwt.encode(EVENT, key.private, "RS256", {"kid": ""}),
    ]
    assert [accepts(token, keys) for token in tokens] == [False] * len(tokens)
    assert keys.asked == []


def unsigned(header: dict[str, str], secret: bytes = b"") -> str:
    """Return a token with the bytes of a public key as the secret of HMAC, or with no signature."""
    import hashlib
    import hmac

    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (header, EVENT)]
    mac = hmac.digest(secret, ".".join(parts).encode(), hashlib.sha256) if secret else b""
    return ".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"a.b.c", b"...", b"\xff.\xfe.\xfd", b'"', b'"a.b.c', b"7", json.dumps(EVENT).encode(),
        base64.urlsafe_b64encode(b"[" * 90_000) + b".e30.x", b"." * 10_000, "é.é.é".encode(),
    ],
)  # fmt: skip
def test_what_is_no_token_asks_for_no_key(body, key):
    keys = Keys(key)
    assert not accepts(body, keys)
    assert keys.asked == []


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": -60}, True), ({"exp": 60 - LATE_SECONDS}, True), ({"exp": -60 - LATE_SECONDS}, False),
        ({"iat": 3600}, True), ({"nbf": 60}, True), ({"nbf": LATE_SECONDS + 3600}, False),
    ],
)  # fmt: skip
def test_events_may_be_late(key, claims, expected):
    now = int(time.time())
    token = sign({**EVENT, **{name: now + seconds for name, seconds in claims.items()}}, key)
    assert accepts(token, Keys(key)) is expected


def test_claims_of_a_login_are_not_needed(key):
    assert accepts(sign({**EVENT, "sub": 7, "aud": "somebody", "iss": 3, "jti": 9}, key), Keys(key))


def test_a_payload_that_is_no_object(key):
    assert not accepts(jwt.api_jws.encode(b"[" * 5000, key.private, "RS256", {"kid": key.name}), Keys(key))


def test_that_the_key_cannot_be_known_is_no_refusal(key):
    def down(name: str) -> None:
        raise TransientError("down")

    with pytest.raises(TransientError):
        verify(Received(sign(EVENT, key).encode()), Credentials((), down))


def test_the_recorded_events():
    specs = json.loads((shared_data() / "specs" / "canvas_live_events.json").read_text("utf-8"))
    found = {one["name"]: read(json.dumps(one["example"]).encode()) for one in specs["examples"]}
    assert found["module_created"] == (Notice("module", "1234567", "1234560", "module_created"),)
    assert found["module_item_updated"] == (Notice("module_item", "19587", "565", "module_item_updated"),)
    assert found["wiki_page_updated"] == (Notice("wiki_page", "9", "", "wiki_page_updated"),)
    assert found["assignment_updated"] == (Notice("assignment", "2030605", "1279362", "assignment_updated"),)


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("course_updated", {"course_id": "7"}, ("course", "7", "7")),
        ("syllabus_updated", {"course_id": 7}, ("course", "7", "7")),
        ("discussion_topic_updated", {"discussion_topic_id": "8"}, ("discussion_topic", "8", "")),
        ("discussion_entry_created", {"discussion_entry_id": "9"}, ("discussion_entry", "9", "")),
        ("wiki_page_deleted", {"wiki_page_id": "10"}, ("wiki_page", "10", "")),
        ("module_created", {"module_id": "3", "context_id": "5", "context_type": "Account"}, ("module", "3", "")),
    ],
)
def test_what_each_kind_names(name, fields, expected):
    body = json.dumps({"metadata": {"event_name": name}, "body": fields}).encode()
    assert read(body) == (Notice(*expected, name),)


@pytest.mark.parametrize(
    "value",
    [
        None, [], "a.b.c", {}, {"metadata": []}, {"metadata": {"event_name": 7}},
        {"metadata": {"event_name": "user_created"}, "body": {"user_id": "7"}},
        {"metadata": {"event_name": "module_updated"}, "body": {"module_id": "x"}},
        {"metadata": {"event_name": "module_updated"}, "body": None},
        {"metadata": {"event_name": "assignment_group_updated"}, "body": {"assignment_group_id": "7"}},
    ],
)  # fmt: skip
def test_what_names_nothing(value):
    assert read(json.dumps(value).encode()) == ()


@given(st.binary() | st.text(alphabet='ey.{}"[]ab=-_').map(str.encode))
def test_any_body_is_survived(body):
    assert isinstance(read(body), tuple)
    assert not accepts(body, Keys())


@pytest.mark.parametrize("url", ["ftp://x/jwks", "canvas.example.org", "https://user@x/jwks", "https:// x", 7, None])
def test_a_wrong_url_of_the_keys(url):
    with pytest.raises(ConfigurationError, match="jwks_url"):
        checked_options(OPTIONS, {"jwks_url": url})
    assert checked_options(OPTIONS, {"jwks_url": "https://x.org/jwks"}) == {"jwks_url": "https://x.org/jwks"}
