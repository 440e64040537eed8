"""Checks and encrypts the URL of an Apprise channel. It is shown again only without what may be secret."""

from __future__ import annotations

import re

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin import secrets
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.upkeep.notifications.apprise_service import open_service


@attrs.frozen
class SealedAddress:
    """An encrypted URL, and the part of it that may be shown."""

    encrypted: str
    shown: str


def seal_address(url: str) -> SealedAddress:
    """Encrypt the URL of a channel. Raises ConfigurationError if Apprise does not know it, or no key is set."""
    service = open_service(url)
    scheme = re.match(r"[a-zA-Z0-9]*", url.strip())
    return SealedAddress(secrets.encrypt(url.strip()), f"{scheme[0] if scheme else ''}://{_host(service)}")


def _host(service: object) -> str:
    """Return the host of a service, if it is one: for many services a token has the place of the host.

    A host is shown only if the service takes one and it looks like one, with a dot or a colon.
    """
    host = getattr(service, "host", None)
    takes_one = any("{host}" in template for template in getattr(service, "templates", ()))
    if takes_one and isinstance(host, str) and re.fullmatch(r"localhost|\[?[\w-]*([.:][\w-]*)+\]?", host):
        return host
    return "…"


def opened(encrypted: str) -> str:
    """Return the URL of a channel. Raises ConfigurationError if it has none or it cannot be decrypted."""
    if not encrypted:
        raise ConfigurationError(_("The channel has no address: enter it in the admin."))
    return secrets.decrypt(encrypted)
