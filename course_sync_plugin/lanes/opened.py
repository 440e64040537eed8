"""From a target's row to the object that sends: secrets decrypted, options and limits handed over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Target as TargetRow
from course_sync_plugin.secrets import decrypt
from course_sync_plugin.targets.base import Target, TargetConfig
from course_sync_plugin.targets.options import checked_options
from course_sync_plugin.targets.registry import targets


@contextmanager
def opened_target(row: TargetRow) -> Iterator[Target]:
    """Yield the target that a row describes, and close it. Raises ConfigurationError where it cannot be opened."""
    target = targets.get(row.backend)(config_of(row))
    try:
        yield target
    finally:
        target.close()


def config_of(row: TargetRow) -> TargetConfig:
    """Return what a target's object is made from. A request may take half of a lease, so that none is lost to it.

    Raises ConfigurationError as :func:`read_options` does.
    """
    return TargetConfig(
        name=row.name,
        url=row.url,
        secrets=_secrets(row),
        options=read_options(row),
        deadline_seconds=settings.COURSE_SYNC_LEASE_SECONDS / 2,
        allowed_private_hosts=tuple(settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS),
    )


def read_options(row: TargetRow) -> dict[str, Any]:
    """Return the options of a target. Raises ConfigurationError for one that an older version let through."""
    known = targets.get(row.backend).known_options()
    try:
        return checked_options(known, row.options)
    except ConfigurationError as error:
        way_out = _("It is stored with the target '{name}': remove-target, then add-target with the right one.")
        raise ConfigurationError(f"{error.message} {way_out.format(name=row.name)}") from error


def _secrets(row: TargetRow) -> tuple[str, ...]:
    """The secret, and the one before it while receivers are still being told the new one."""
    stored = [row.secret]
    if row.previous_secret_until and row.previous_secret_until > timezone.now():
        stored.append(row.previous_secret)
    return tuple(decrypt(secret) for secret in stored if secret)
