"""A token of the LMS by OAuth2 client credentials, as edx-rest-api-client asks for one, but at this address alone.

That one's function follows redirects, and a 307 or 308 would take the secret to wherever it names.
"""

from __future__ import annotations

import json

import requests
from urllib3.exceptions import HTTPError

from course_sync_plugin.catalog.answers import WHOLE_ANSWER, read_body
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.limits import TOKEN_LIFE
from course_sync_plugin.targets.http.adapter import deadline_session


def new_token(provider: str, key: str, secret: str, timeout: tuple[float, float]) -> tuple[str, float]:
    """Return a JWT and the seconds it lives.

    ``provider``: the address of the LMS, with or without ``/oauth2/access_token``; ``timeout``: seconds to connect and
    to wait for bytes. Raises TransientError, or ConfigurationError where the operator must act; neither has the secret.
    """
    connect, read = timeout
    form = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret, "token_type": "jwt"}
    try:
        with (
            deadline_session(connect + read * WHOLE_ANSWER, read) as session,
            session.post(
                _address(provider), data=form, timeout=timeout, allow_redirects=False, stream=True
            ) as response,
        ):
            status, body = response.status_code, read_body(response)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise TransientError(f"No token from the LMS ({type(error).__name__})") from error
    if status != 200:
        raise _error(status)
    return read_token(body)


def read_token(body: bytes) -> tuple[str, float]:
    """Return the token of an answer and the seconds it lives, at most a day. Raises TransientError without one."""
    try:
        answer = json.loads(body)
        token, lives = str(answer["access_token"]), answer["expires_in"]
        lives = float(lives) if isinstance(lives, str) else lives
        is_time = not isinstance(lives, bool) and lives >= TOKEN_LIFE.least
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TransientError("No token from the LMS (its answer has none)") from error
    if not is_time:
        raise TransientError("No token from the LMS (it does not live a second)")
    return token, TOKEN_LIFE.cut(lives)


def _error(status: int) -> Exception:
    if 300 <= status < 400:
        return ConfigurationError(
            f"The LMS redirects us to another address for a token ({status}), which is not followed; "
            "look at BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL"
        )
    if 400 <= status < 500 and status not in (408, 429):
        return ConfigurationError(
            f"The LMS does not take the client credentials (status {status}); "
            "look at BACKEND_SERVICE_EDX_OAUTH2_KEY and _SECRET"
        )
    return TransientError(f"No token from the LMS ({status})")


def _address(provider: str) -> str:
    address = provider.rstrip("/")
    return address if address.endswith("/access_token") else address.removesuffix("/oauth2") + "/oauth2/access_token"
