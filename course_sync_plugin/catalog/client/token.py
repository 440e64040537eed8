"""Gets a token from the LMS with OAuth2 client credentials, as edx-rest-api-client does, but follows no redirects.

The function of edx-rest-api-client follows redirects. A 307 or 308 would send the secret to another address.
"""

from __future__ import annotations

import json

import requests
from urllib3.exceptions import HTTPError

from course_sync_plugin.catalog.client.answers import WHOLE_ANSWER, read_body
from course_sync_plugin.exceptions import ConfigurationError, TransientError
from course_sync_plugin.sanitize.limits import TOKEN_LIFE
from course_sync_plugin.targets.http.adapter import deadline_session


def new_token(provider: str, key: str, secret: str, timeout: tuple[float, float]) -> tuple[str, float]:
    """Return a JWT and its life in seconds.

    ``provider``: the URL of the LMS, with or without ``/oauth2/access_token``. ``timeout``: seconds to connect, and
    seconds to wait for bytes. Raises TransientError, or ConfigurationError if the operator must act. Neither holds the
    secret.
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
    """Return the token of an answer and its life in seconds, at most a day. Raises TransientError if it has none."""
    try:
        answer = json.loads(body)
        token, lives = str(answer["access_token"]), answer["expires_in"]
        lives = float(lives) if isinstance(lives, str) else lives
        is_time = not isinstance(lives, bool) and lives >= TOKEN_LIFE.least
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TransientError("No token from the LMS (its answer has none)") from error
    if not is_time:
        raise TransientError("No token from the LMS (it expires within a second)")
    return token, TOKEN_LIFE.cut(lives)


def _error(status: int) -> Exception:
    if 300 <= status < 400:
        return ConfigurationError(
            f"The LMS redirects the request for a token ({status}), and redirects are not followed; "
            "check BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL"
        )
    if 400 <= status < 500 and status not in (408, 429):
        return ConfigurationError(
            f"The LMS does not accept the client credentials (status {status}); "
            "check BACKEND_SERVICE_EDX_OAUTH2_KEY and _SECRET"
        )
    return TransientError(f"No token from the LMS ({status})")


def _address(provider: str) -> str:
    address = provider.rstrip("/")
    return address if address.endswith("/access_token") else address.removesuffix("/oauth2") + "/oauth2/access_token"
