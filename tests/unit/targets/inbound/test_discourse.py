"""Webhooks of Discourse: the recorded deliveries, what must be refused, and which objects they name."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.targets.inbound.contract import Credentials, Notice, NotVerified, Received
from course_sync_plugin.targets.inbound.discourse import SIGNATURE_HEADER, read, verify
from tests.conftest import shared_data


@cache
def spec() -> dict:
    return json.loads((shared_data() / "specs" / "discourse_webhooks.json").read_text("utf-8"))


def credentials(*secrets: str) -> Credentials:
    return Credentials(secrets, lambda name: None)


def accepts(body: bytes, headers: dict[str, str], *secrets: str) -> bool:
    try:
        verify(Received(body, headers), credentials(*secrets))
    except NotVerified:
        return False
    return True


def test_every_recorded_delivery_is_accepted_with_its_secret_alone():
    for delivery in spec()["deliveries"]:
        body, headers = delivery["body"].encode(), delivery["headers"]
        assert accepts(body, headers, spec()["secret"]), delivery["name"]
        assert accepts(body, headers, "new", spec()["secret"]), "the previous secret, while two are used"
        assert not accepts(body, headers, "another")
        assert not accepts(body, headers)


def test_what_must_be_refused():
    cases = [case for case in spec()["negative"] if case["expect"] == "reject"]
    assert len(cases) >= 4
    for case in cases:
        original = spec()["deliveries"][case["from"]]
        headers = {**original["headers"], **case.get("set", {})}
        for name in case.get("drop", ()):
            del headers[name]
        assert not accepts(case.get("body", original["body"]).encode(), headers, spec()["secret"]), case["case"]


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=é", "sha256=" + "0" * 64, "\udcff"])
def test_another_signature(signature):
    assert not accepts(b"{}", {SIGNATURE_HEADER: signature}, "secret")


def test_what_the_recorded_deliveries_name():
    found = {one["name"]: read(one["body"].encode(), one["name"]) for one in spec()["deliveries"]}
    assert found["topic_edited"] == (Notice("topic", "31739", "97", "topic_edited"),)
    assert found["category_updated"] == (Notice("category", "12", "", "category_updated"),)
    assert [notice.kind for notice in found["post_edited"]] == ["post", "topic"]
    assert found["ping"] == found["post_liked"] == found["accepted_solution"] == ()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 100_000, b'{"topic": []}', b'{"topic": {"id": true}}',
        b'{"topic": {"id": "../9"}}', b'{"topic": {"id": -1}}', b'{"topic": {"id": 1.5}}',
        b'{"topic": {"id": ' + b"9" * 5000 + b"}}", b'{"topic": {"id": "' + b"9" * 21 + b'"}}',
    ],
)  # fmt: skip
def test_what_names_nothing(body):
    assert read(body, "topic_edited") == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be", "latin-1"])
def test_a_body_in_another_encoding(encoding):
    body = '{"topic": {"id": 7, "title": "Démo", "category_id": 3}}'.encode(encoding)
    assert read(body, "topic_edited") == (Notice("topic", "7", "3", "topic_edited"),)


@given(st.binary(), st.text())
def test_any_body_is_survived(body, event):
    assert isinstance(read(body, event), tuple)
    assert not accepts(body, {SIGNATURE_HEADER: event}, "secret")
