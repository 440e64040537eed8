"""Signatures and secrets of Standard Webhooks 1.0.0 (``spec/standard-webhooks.md`` of that project)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Iterable

from course_sync_plugin.exceptions import ConfigurationError

PREFIX = "whsec_"

#: How many random bytes the specification allows, and how many we make.
SHORTEST, LONGEST, OURS = 24, 64, 32


def generate_secret() -> str:
    """Return a new secret, ``whsec_`` and base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(random.token_bytes(OURS)).decode()


def parse_secret(secret: str) -> bytes:
    """Return the key of a secret that may be used for a target: 24 to 64 bytes, as the specification wants it.

    Raises ConfigurationError, which says what is wrong and never shows the secret.
    """
    key = _key(secret)
    if not SHORTEST <= len(key) <= LONGEST:
        raise ConfigurationError(
            f"The secret is not valid: it holds {len(key)} bytes and must hold {SHORTEST} to {LONGEST}. "
            "Leave it out, and one is made."
        )
    return key


def signature(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header ``webhook-signature``: one signature per secret, separated by spaces.

    ``timestamp`` is that of the attempt, in Unix seconds; ``body`` is exactly what is sent.
    Raises ConfigurationError where a secret cannot be read.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(_key(secret), content)}" for secret in secrets)


def _digest(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    """Decode a secret; the prefix and the padding may be missing, as in the libraries of the specification."""
    text = secret.strip().removeprefix(PREFIX)
    if text.startswith(("whsk_", "whpk_")):
        raise ConfigurationError(f"This is a key for asymmetric signatures; the secret must begin with {PREFIX}.")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ConfigurationError(f"The secret is not valid: after {PREFIX} it must be base64.") from None
    if not key:
        raise ConfigurationError(f"The secret is empty; it must be {PREFIX} and base64.")
    return key
