"""Makes signatures and secrets of Standard Webhooks 1.0.0 (``spec/standard-webhooks.md`` of that project)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random
from collections.abc import Iterable, Iterator

from course_sync_plugin.exceptions import ConfigurationError

PREFIX = "whsec_"

#: The least and the most random bytes that the specification allows, and the number that we generate.
SHORTEST, LONGEST, OURS = 24, 64, 32


def generate_secret() -> str:
    """Return a new secret, ``whsec_`` and base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(random.token_bytes(OURS)).decode()


def parse_secret(secret: str) -> bytes:
    """Return the key of a secret for a target. It must have 24 to 64 bytes, as the specification requires.

    Raises ConfigurationError, which says what is wrong and never shows the secret.
    """
    key = _key(secret)
    if not SHORTEST <= len(key) <= LONGEST:
        raise ConfigurationError(
            f"The secret is not valid: it holds {len(key)} bytes and must hold {SHORTEST} to {LONGEST}. "
            "Leave it out to have a new one generated."
        )
    return key


def signature(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header ``webhook-signature``: one signature per secret, separated by spaces.

    ``timestamp``: the time of the attempt, in Unix seconds. ``body``: exactly the bytes that are sent.
    Raises ConfigurationError if a secret cannot be decoded.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(_key(secret), content)}" for secret in secrets)


def forms_of_secrets(secrets: Iterable[str]) -> set[str]:
    """Return the forms in which a receiver may repeat secrets: as they are, decoded and in hexadecimal."""
    texts = {secret.strip().removeprefix(PREFIX).rstrip("=") for secret in secrets}
    return {form for text in texts for form in (text, *_forms(_key(text)))}


def forms_of_signature(signed: str) -> set[str]:
    """Return the forms in which a receiver may repeat the value of the header ``webhook-signature``."""
    digests = {one.partition(",")[2].rstrip("=") for one in signed.split()}
    return {form for text in digests for form in (text, _key(text).hex(), _key(text).hex().upper())}


def _forms(key: bytes) -> Iterator[str]:
    yield from (key.hex(), key.hex().upper())
    if key.isascii() and key.decode().isprintable():
        yield key.decode()


def _digest(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    """Decode a secret. The prefix and the padding may be missing, as in the specification's libraries."""
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
