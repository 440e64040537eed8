"""Tests our signatures against published vectors and an independent verifier, and the receiver kit's verification."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import standardwebhooks
import time_machine

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.signing import generate_secret, parse_secret, signature
from course_sync_plugin.testing.verification import VerificationError, verify
from tests.conftest import shared_data

BODY = '{"title": "Übung 🐝"}'.encode()


def vectors(*expectations: str) -> list[dict]:
    stored = json.loads((shared_data() / "specs" / "standard_webhooks_vectors.json").read_text(encoding="utf-8"))
    return [vector for vector in stored["vectors"] if vector["expect"].startswith(expectations)]


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def test_our_signature_is_the_one_of_each_vector():
    checked = 0
    for vector in vectors("accept"):
        headers = lower(vector["headers"])
        own = signature(
            [vector["secret"]], headers["webhook-id"], int(headers["webhook-timestamp"]), vector["body"].encode()
        )
        assert own in headers["webhook-signature"].split(), vector["name"]
        checked += 1
    assert checked >= 9


def test_the_receiver_kit_accepts_what_the_vectors_accept():
    for vector in vectors("accept"):
        assert verify([vector["secret"]], vector["headers"], vector["body"].encode(), vector["now"])


def test_the_receiver_kit_rejects_what_the_vectors_reject():
    rejected = vectors("reject")
    assert len(rejected) >= 14
    for vector in rejected:
        with pytest.raises(VerificationError):
            verify([vector["secret"]], vector["headers"], vector["body"].encode(), vector["now"])


def test_an_empty_secret_is_refused():
    for vector in vectors("error"):
        with pytest.raises(ConfigurationError):
            parse_secret(vector["secret"])
        with pytest.raises(ConfigurationError):
            signature([vector["secret"]], "msg_1", 1, b"")
        with pytest.raises(ValueError, match="empty"):
            verify([vector["secret"]], vector["headers"], b"", vector["now"])


@pytest.mark.parametrize("use_old", [False, True], ids=["new secret", "old secret"])
def test_an_independent_verifier_accepts_both_secrets_while_one_is_rotated(use_old):
    secrets = [generate_secret(), generate_secret()]
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with time_machine.travel(moment, tick=False):
        timestamp = int(moment.timestamp())
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secrets, "msg_1", timestamp, BODY),
        }
        assert standardwebhooks.Webhook(secrets[use_old]).verify(BODY, headers) == json.loads(BODY)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(generate_secret()).verify(BODY, headers)


def test_generated_secrets_are_fresh_and_of_32_bytes():
    first, second = generate_secret(), generate_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(parse_secret(first)) == 32


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("whsec_####not+base64####", "base64"),
        ("whsec_c2hvcnQ=", "holds 5 bytes"),
        ("whsec_" + "QUFB" * 22, "holds 66 bytes"),
        ("whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "asymmetric"),
        ("whsec_Ümlaut", "base64"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_without_showing_it(secret, reason):
    with pytest.raises(ConfigurationError, match=reason) as refused:
        parse_secret(secret)
    assert secret not in str(refused.value)
    assert secret.partition("_")[2] not in str(refused.value)
    assert refused.value.__cause__ is None
