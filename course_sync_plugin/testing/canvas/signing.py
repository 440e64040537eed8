"""The keys with which Live Events are signed, and the JWKS that has their public parts.

Source: data services documentation: with "Sign Payload" the body is a JWT, and the JWKS holds the previous, the current
and the next key, which rotate monthly. RS256 and the claims are assumed.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_BITS = 2048
_EXPONENT = 65537


@attrs.frozen(eq=False)
class Key:
    """A private key with its name."""

    name: str
    private: rsa.RSAPrivateKey

    @classmethod
    def new(cls) -> Key:
        """Return a new key."""
        return cls(secrets.token_hex(8), rsa.generate_private_key(_EXPONENT, _BITS))

    def public_jwk(self) -> dict[str, str]:
        """Return the public part as a JSON Web Key."""
        numbers = self.private.public_key().public_numbers()
        shown = {"e": _number(numbers.e), "n": _number(numbers.n)}
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name, **shown}


class KeyRing:
    """The previous, the current and the next key. Each is made when it is needed first."""

    def __init__(self) -> None:
        self._keys: list[Key] = []

    def rotate(self) -> None:
        """Make the next key the current one. The previous one leaves the JWKS."""
        self._keys = [*self._made()[1:], Key.new()]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys as a JSON Web Key Set."""
        return {"keys": [key.public_jwk() for key in self._made()]}

    def sign(self, claims: dict[str, Any]) -> str:
        """Return claims as a JWT, signed with the current key."""
        return sign(claims, self._made()[1])

    def _made(self) -> list[Key]:
        while len(self._keys) < 3:  # previous, current, next
            self._keys.append(Key.new())
        return self._keys


def sign(claims: dict[str, Any], key: Key) -> str:
    """Return claims as a JWT in RS256. A test can sign with a key of its own, to forge."""
    header = {"alg": "RS256", "typ": "JWT", "kid": key.name}
    signed = f"{_json(header)}.{_json(claims)}"
    signature = key.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_base64(signature)}"


def _json(value: Any) -> str:
    return _base64(json.dumps(value).encode())


def _number(number: int) -> str:
    return _base64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
