"""Replaces the secret of a target, in a way that its receiver can verify every message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.breaker import probe_now
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.models import Target
from course_sync_plugin.sanitize.limits import TWO_SECRETS
from course_sync_plugin.sanitize.text import host_of, short_repr
from course_sync_plugin.secrets import can_decrypt, encrypt
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.targets.signing import generate_secret, parse_secret
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_target, lanes_of


@attrs.frozen
class Rotated:
    """The result of replacing a secret. ``secret``: the new one.

    ``until``: the time until which messages are also signed with the previous secret; None: only with the new one.
    ``lost``: the previous secret cannot be decrypted any more. A target
    that signs nothing verifies notices with its secrets.
    """

    secret: str = attrs.field(repr=False)
    until: datetime | None
    lost: bool


@attrs.frozen
class RotationPlan:
    """What a new secret for a target would mean. ``host``: where it sends to.

    ``hours``: for how long messages are signed with the previous secret too. ``signs``: False: nothing is signed, and
    notices from the other system are verified with the secrets. ``token`` names the target, the hours and the present
    secret, so it works once.
    """

    name: str
    host: str
    hours: float
    signs: bool
    token: str


def rotation_plan(name: str, hours: float = 24) -> RotationPlan:
    """Return what a new secret would mean. Raises the errors of :func:`rotate_secret`."""
    target = _rotatable(name, hours)
    if hours:
        _check_last_rotation_is_over(target)
    return RotationPlan(target.name, host_of(target.url), hours, _signs(target), _token(target, hours))


def rotate_shown(plan: RotationPlan) -> Rotated:
    """Give a target a new, generated secret, if the target still has the one of the plan.

    Raises ConfigurationError if it has another one, and the errors of :func:`rotate_secret`.
    """
    return _rotate_planned(plan, generate_secret())


def set_secret_shown(plan: RotationPlan, secret: str) -> Rotated:
    """Give a target the secret that its receiver has, as :func:`rotate_shown`. Its lanes go on at once.

    Raises ConfigurationError too if it is no secret.
    """
    parse_secret(secret)
    with transaction.atomic():
        nudge(lanes_of(get_target(plan.name)))  # first, as workers do: a different order could deadlock
        return _rotate_planned(plan, secret)


def _rotate_planned(plan: RotationPlan, secret: str) -> Rotated:
    stored = encrypt(secret)
    with transaction.atomic():
        target = Target.objects.select_for_update().get(pk=_rotatable(plan.name, plan.hours).pk)
        if _token(target, plan.hours) != plan.token:
            raise ConfigurationError(no_longer_valid(plan.token))
        return _rotate(target, plan.hours, secret, stored)


def rotate_secret(name: str, hours: float = 24, secret: str = "") -> Rotated:
    """Give a target a new secret. For ``hours`` hours messages are signed with the previous secret too.

    If ``secret`` is empty, one is generated. Raises ConfigurationError if the hours of the last change are not over,
    unless ``hours`` is 0: only two secrets can sign at once, so a receiver that still has the oldest of three could not
    verify the messages. Raises ConfigurationError too for a wrong ``hours`` or ``secret``.
    """
    target = _rotatable(name, hours)
    secret = secret or generate_secret()
    parse_secret(secret)
    stored = encrypt(secret)
    with transaction.atomic():
        # Locked: of two rotations at the same time, the second must see the first.
        return _rotate(Target.objects.select_for_update().get(pk=target.pk), hours, secret, stored)


def _rotatable(name: str, hours: float) -> Target:
    """Return the target. Raises ConfigurationError for wrong hours, or if the target has no secret."""
    if not TWO_SECRETS.holds(hours):
        raise ConfigurationError(_("{hours} is not {expected}.").format(hours=short_repr(hours), expected=TWO_SECRETS))
    target = get_target(name)
    backend_class = targets.get(target.backend)
    if not backend_class.uses_secret and backend_class.inbound is None:
        text = _("The target '{name}' signs nothing and takes no notices, so it has no secret.")
        raise ConfigurationError(text.format(name=target.name))
    return target


def _signs(target: Target) -> bool:
    return bool(targets.get(target.backend).uses_secret)


def _token(target: Target, hours: float) -> str:
    return token_of("rotate-secret", str(target.pk), target.name, target.url, target.secret, str(hours))


def _rotate(target: Target, hours: float, secret: str, stored: str) -> Rotated:
    if hours:
        _check_last_rotation_is_over(target)
    lost = bool(target.secret) and not can_decrypt(target.secret)
    has_two = hours and target.secret and not lost
    until = timezone.now() + timedelta(hours=hours) if has_two else None
    target.previous_secret = target.secret if until else ""
    target.secret, target.previous_secret_until = stored, until
    target.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    both_until = until.isoformat() if until else None
    record("rotate-secret", target=target.name, arguments={"hours": hours}, changed={"both_secrets_until": both_until})
    probe_now(target.pk)
    return Rotated(secret, until, lost)


def _check_last_rotation_is_over(target: Target) -> None:
    until = target.previous_secret_until
    if until and until > timezone.now() and can_decrypt(target.previous_secret):
        signed = _(
            "Until {until} UTC messages to {name} are signed with two secrets, and the receiver may still have the "
            "older one. Wait until then, or use '--hours 0' to sign with the new secret only from now on."
        )
        verified = _(
            "Until {until} UTC notices for {name} may have one of two secrets, and the other system may still have the "
            "older one. Wait until then, or use '--hours 0' to take only the new secret from now on."
        )
        text = signed if _signs(target) else verified
        raise ConfigurationError(text.format(until=f"{until.astimezone(UTC):%Y-%m-%d %H:%M}", name=target.name))
