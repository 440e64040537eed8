"""The access token of the user in Canvas whom the target works as."""

from __future__ import annotations

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.targets.base import TargetConfig


def access_token(config: TargetConfig) -> str:
    """Return the access token of a target. Raises ConfigurationError if there is none, or if it cannot be one."""
    token = config.token.strip()
    if not token:
        raise ConfigurationError(
            "Canvas needs an access token. Give the target the token of the integration's user with 'set-token'."
        )
    if not all("!" <= character <= "~" for character in token):
        raise ConfigurationError("The access token holds characters that no token has. Give the target a new token.")
    return token


def forms_of_token(token: str) -> set[str]:
    """Return the token, and the part behind the ``~``, which is the secret one."""
    return {token, token.rpartition("~")[2] or token}
