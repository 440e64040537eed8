"""Removes secrets from the text of another system. A receiver may repeat what it was sent, such as a signature."""

from __future__ import annotations

import re
from collections.abc import Iterable

MARK = "[redacted]"

#: How often longer an escaped character can be: ``\\\\\\u002b``.
ESCAPED_LENGTH = 8

#: Characters that stand for others in base64 of URLs and in forms.
_INSTEAD = {"+": "- ", "/": "_"}

#: Values that are always secret, ours or not: secrets and signatures of Standard Webhooks, credentials, cookies.
_SECRET_VALUES = re.compile(
    r"whs[a-z]{1,3}_[^\s\"'<>&]{8,}"
    r"|\bv1a?,[A-Za-z0-9+/=_\\%-]{20,}"
    r"|\b(?:bearer|basic|token)(?:\s|%20){1,4}[\w+/=.~%\\-]{8,}"
    r"|\b(?:authorization|cookie)\\{0,3}[\"']?\s{0,4}(?:[:=]|=>)\s{0,4}\\{0,3}[\"']?[^\"'\\\r\n<>]{1,4096}",
    re.IGNORECASE,
)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which each secret is replaced by ``MARK``, also if its special characters are escaped.

    The text may be JSON, HTML or part of a URL. Signatures, credentials and cookies are replaced even if ``secrets``
    does not name them. An empty secret is ignored.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        # Letters and digits are not escaped. The pattern is only compiled if the text may hold the secret.
        if secret and max(re.split("[^A-Za-z0-9]+", secret), key=len) in text:
            text = re.sub("".join(map(_forms, secret)), MARK, text)
    return _SECRET_VALUES.sub(MARK, text)


def _forms(character: str) -> str:
    """Return the pattern for a character of a secret in each of its escaped forms."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    encoded = "".join(f"%(?:25)?{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    escaped = rf"\\{{0,3}}{re.escape(character)}|(?i:{encoded}|\\{{1,3}}u{code:04x}|&#0*{code};|&#x0*{code:x};)"
    others = "".join(map(re.escape, _INSTEAD.get(character, "")))
    named = {"&": "|&amp;", "/": "|&sol;", "=": "|&equals;", "+": "|&plus;"}.get(character, "")
    return f"(?:{escaped}{named}{f'|[{others}]' if others else ''})"
