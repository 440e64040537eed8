"""Encrypts and decrypts the webhook secrets in the database.

The keys are a setting, so a thief who has only the database cannot sign messages.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError


def encrypt(secret: str) -> str:
    """Return a secret encrypted with the first key. Raises ConfigurationError if no usable key is set."""
    return _fernet().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """Return a stored secret, decrypted. Raises ConfigurationError if no key in the settings decrypts it."""
    try:
        return _fernet().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise ConfigurationError(
            _("A stored secret cannot be decrypted: put the key that encrypted it back into COURSE_SYNC_SECRET_KEYS.")
        ) from error


def can_decrypt(stored: str) -> bool:
    """Tell whether a stored secret can be decrypted with the keys that are set now."""
    try:
        decrypt(stored)
    except ConfigurationError:
        return False
    return True


def _fernet() -> MultiFernet:
    keys = settings.COURSE_SYNC_SECRET_KEYS
    if not keys:
        raise ConfigurationError(_("COURSE_SYNC_SECRET_KEYS is not set: webhook secrets cannot be stored without it."))
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except (ValueError, TypeError) as error:
        raise ConfigurationError(
            _("COURSE_SYNC_SECRET_KEYS holds a value that is not a Fernet key (44 characters of url-safe base64).")
        ) from error
