"""Giving a target a new secret, so that its receiver is cut off at no moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from django.utils import timezone
from django.utils.translation import gettext as _

from course_sync_plugin.cleaning import shown
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.limits import TWO_SECRETS
from course_sync_plugin.models import Target
from course_sync_plugin.secrets import can_decrypt, encrypt
from course_sync_plugin.targets.signing import generate_secret, parse_secret
from course_sync_plugin.upkeep.targets import get_target


@attrs.frozen
class Rotated:
    """A secret that was changed. ``until``: so long the one before it signs too; None: only the new one counts.

    ``lost``: the one before it cannot be decrypted any more.
    """

    secret: str = attrs.field(repr=False)
    until: datetime | None
    lost: bool


def rotate_secret(name: str, hours: float = 24, secret: str = "") -> Rotated:
    """Give a target a new secret; for so many hours messages are signed with the one before it too.

    Without ``secret`` one is made. Raises ConfigurationError while the last change is under way, unless ``hours`` is 0:
    two secrets sign at the same time, and a receiver that still has the first of three would be cut off.
    """
    if not TWO_SECRETS.holds(hours):
        raise ConfigurationError(_("{hours} is not {expected}.").format(hours=shown(hours), expected=TWO_SECRETS))
    target = get_target(name)
    secret = secret or generate_secret()
    parse_secret(secret)
    stored = encrypt(secret)
    if hours:
        _check_that_it_may_begin(target)
    lost = not can_decrypt(target.secret)
    until = timezone.now() + timedelta(hours=hours) if hours and not lost else None
    target.previous_secret = target.secret if until else ""
    target.secret, target.previous_secret_until = stored, until
    target.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return Rotated(secret, until, lost)


def _check_that_it_may_begin(target: Target) -> None:
    until = target.previous_secret_until
    if until and until > timezone.now() and can_decrypt(target.previous_secret):
        raise ConfigurationError(
            _(
                "Until {until} UTC messages to {name} carry the signatures of two secrets, and a receiver may still "
                "have the older one. Wait until then, or say '--hours 0': from now on only the new one."
            ).format(until=f"{until.astimezone(UTC):%Y-%m-%d %H:%M}", name=target.name)
        )
