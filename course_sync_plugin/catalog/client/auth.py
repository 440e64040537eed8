"""Signs in to the catalog: inside the LMS as the platform's service user, elsewhere with OAuth2 client credentials."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from edx_rest_api_client.auth import SuppliedJwtAuth

from course_sync_plugin.catalog import host
from course_sync_plugin.catalog.client.token import new_token
from course_sync_plugin.catalog.records.values import valid_url
from course_sync_plugin.exceptions import ConfigurationError

#: Seconds after which the platform makes a new JWT: one from Studio is valid for 300 seconds, one from the LMS for an
#: hour.
_JWT_LIVES = 240
#: A token is not used in its last seconds: this many, or half of its life if that is less.
_MARGIN = 30
_NAMES = (
    "BACKEND_SERVICE_EDX_OAUTH2_PROVIDER_URL",
    "BACKEND_SERVICE_EDX_OAUTH2_KEY",
    "BACKEND_SERVICE_EDX_OAUTH2_SECRET",
)


@attrs.define
class Access:
    """The catalog's URL and the way to sign in there.

    ``new_token`` returns a token and its life in seconds. It is called when the first request needs a token, and again
    when the token is about to expire.
    """

    base_url: str
    signed_in_as: str
    new_token: Callable[[], tuple[str, float]] = attrs.field(repr=False)
    _token: str = attrs.field(default="", init=False, repr=False)
    _until: float = attrs.field(default=0.0, init=False)

    def auth(self) -> SuppliedJwtAuth:
        """Return the authentication for a request. Raises TransientError or ConfigurationError if there is no token."""
        if time.monotonic() >= self._until:
            self._token, seconds = self.new_token()
            self._until = time.monotonic() + seconds - min(_MARGIN, seconds / 2)
        return SuppliedJwtAuth(self._token)

    def renew(self) -> None:
        """Forget the token: the catalog does not accept it any more."""
        self._until = 0.0


def catalog_access(timeout: tuple[float, float]) -> Access:
    """Return the access to this site's catalog. Raises ConfigurationError, which names the missing setting.

    ``timeout``: seconds to connect, and seconds to wait for bytes, in the request for a token.
    """
    integration = host.catalog_integration()
    if integration is not None and integration.enabled:
        return _of_platform(integration)
    return _of_client(timeout)


def _of_platform(integration: Any) -> Access:
    try:
        user = integration.get_service_user()
    except ObjectDoesNotExist as error:
        raise ConfigurationError(
            f"The catalog integration's service user '{integration.service_username}' does not exist; "
            "create it, or name another in the admin (Catalog integrations)"
        ) from error
    url = _checked(integration.get_internal_api_url())
    return Access(url, f"service user {user.username}", lambda: (host.new_jwt(user), _JWT_LIVES))


def _of_client(timeout: tuple[float, float]) -> Access:
    provider, key, secret = (getattr(settings, name, None) or "" for name in _NAMES)
    missing = [name for name, value in zip(_NAMES, (provider, key, secret)) if not value]
    url = _checked(getattr(settings, "COURSE_CATALOG_API_URL", None) or "")
    if missing:
        raise ConfigurationError(
            f"Cannot sign in to the catalog: {', '.join(missing)} not set. Set these, or inside the LMS enable the "
            "catalog integration in the admin"
        )
    return Access(url, f"OAuth2 client {key}", lambda: new_token(provider, key, secret, timeout))


def _checked(url: str) -> str:
    checked = valid_url(url)
    if not checked:
        raise ConfigurationError(
            "COURSE_CATALOG_API_URL is not set or is not a URL such as https://discovery.example.com/api/v1"
        )
    return checked.rstrip("/")
