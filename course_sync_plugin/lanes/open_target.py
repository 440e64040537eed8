"""Opens a target: makes the object that sends from the target's row, with its decrypted secrets and its options."""

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
def open_target(row: TargetRow) -> Iterator[Target]:
    """Yield the target that a row describes, and close it. Raises ConfigurationError if it cannot be opened."""
    target = targets.get(row.backend)(config_of(row))
    try:
        yield target
    finally:
        target.close()


def config_of(row: TargetRow) -> TargetConfig:
    """Return the configuration that a target is made from.

    A request may take at most half of the lease, so that no lease runs out during a request. Raises ConfigurationError
    as :func:`read_options` does.
    """
    return TargetConfig(
        name=row.name,
        url=row.url,
        secrets=_secrets(row),
        options=read_options(row),
        deadline_seconds=settings.COURSE_SYNC_LEASE_SECONDS / 2,
        allowed_private_hosts=tuple(settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS),
        token=decrypt(row.token) if row.token else "",
    )


def read_options(row: TargetRow) -> dict[str, Any]:
    """Return the checked options of a target. Raises ConfigurationError for one that an older release accepted."""
    known = targets.get(row.backend).known_options()
    try:
        return checked_options(known, row.options)
    except ConfigurationError as error:
        way_out = _("The target '{name}' has it stored: use remove-target, then add-target with a valid value.")
        raise ConfigurationError(f"{error.message} {way_out.format(name=row.name)}") from error


def _secrets(row: TargetRow) -> tuple[str, ...]:
    """Return the decrypted secret; during a rotation also the previous one, which receivers may still use."""
    stored = [row.secret]
    if row.previous_secret_until and row.previous_secret_until > timezone.now():
        stored.append(row.previous_secret)
    return tuple(decrypt(secret) for secret in stored if secret)
