"""A secret in the path of the address, for systems that cannot sign.

It is weaker than a signature: proxies and servers write the path to their logs.
"""

from __future__ import annotations

import hmac

from course_sync_plugin.targets.inbound.contract import Credentials, NotVerified, Received
from course_sync_plugin.targets.signing import PREFIX

#: Base64 has characters that mean something in a path; RFC 4648, section 5, has others for them.
_IN_A_PATH = str.maketrans("+/", "-_", "=")


def verify(received: Received, credentials: Credentials) -> None:
    """Check that the path ends with a secret of the target. Raises NotVerified.

    The secret may be written for a path: without ``whsec_`` and ``=``, with ``-`` for ``+`` and ``_`` for ``/``.
    """
    given = path_form(received.path_secret).encode("utf-8", "replace")
    secrets = [path_form(secret).encode() for secret in credentials.secrets]
    if not given or not any(hmac.compare_digest(given, one) for one in secrets):
        raise NotVerified("The secret in the path is missing or wrong.")


def path_form(secret: str) -> str:
    """Return a secret as it is written in a path."""
    return secret.removeprefix(PREFIX).translate(_IN_A_PATH)
