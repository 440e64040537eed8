"""Webhook secrets are stored encrypted; the keys are a setting, so a stolen database alone signs nothing."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError


def encrypt(secret: str) -> str:
    """Return a secret encrypted with the first key. Raises ConfigurationError where no usable key is set."""
    return _fernet().encrypt(secret.encode()).decode()


def decrypt(stored: str) -> str:
    """Return a stored secret. Raises ConfigurationError where none of the keys fits."""
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
            _("COURSE_SYNC_SECRET_KEYS holds something that is no Fernet key (44 characters of url-safe base64).")
        ) from error
