"""Verifies signatures of Standard Webhooks 1.0.0 for a receiver. It shares no code with the sender."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping

#: The largest difference between the clocks of sender and receiver, in seconds.
TOLERANCE = 300


class VerificationError(Exception):
    """No shared secret has signed the message, or the message is too old."""


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: float | None = None) -> str:
    """Return the id of a message. One of the secrets must have signed it, at most five minutes ago.

    Raises VerificationError, which says what is wrong.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = (lower[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise VerificationError(f"the header {missing} is missing") from None
    _check_age(timestamp, time.time() if now is None else now)
    content = f"{message_id}.{timestamp}.".encode() + body
    given = [part.removeprefix("v1,") for part in signatures.split() if part.startswith("v1,")]
    expected = [base64.b64encode(hmac.digest(_key(secret), content, hashlib.sha256)).decode() for secret in secrets]
    if not any(hmac.compare_digest(left.encode(), right.encode()) for left in given for right in expected):
        raise VerificationError("no signature matches")
    return message_id


def _check_age(timestamp: str, now: float) -> None:
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise VerificationError("the timestamp is not a number")
    if abs(now - int(timestamp[:15])) > TOLERANCE:
        raise VerificationError("the timestamp differs from our clock by more than five minutes")


def _key(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    if not text:
        raise ValueError("the secret is empty")
    return base64.b64decode(text + "=" * (-len(text) % 4))
