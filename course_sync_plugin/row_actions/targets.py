"""The actions on a target: test it, rotate or set its secret, and set its access token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from course_sync_plugin import api
from course_sync_plugin.models import Target
from course_sync_plugin.row_actions.action import Done, RowAction
from course_sync_plugin.sanitize.text import host_of


@attrs.frozen
class _TestPlan:
    """A test message to a target. ``token`` names the target and its URL."""

    name: str
    host: str
    token: str


def _test_plans(target: Target) -> list[_TestPlan]:
    token = api.token_of("test", str(target.pk), target.name, target.url)
    return [_TestPlan(target.name, host_of(target.url), token)]


def _about_test(plan: _TestPlan) -> Iterator[str]:
    text = _("Target {name}, {host}, would be tried: by a message without operations, or by reading. Nothing changes.")
    yield text.format(name=plan.name, host=plan.host or _("no host"))
    yield _("The answer may take half a minute.")


def _test(target: Target, _plan: _TestPlan) -> Done:
    report = api.test_target(target.name)
    told = _("{explanation} ({seconds} seconds)").format(
        explanation=report.explanation, seconds=number_format(report.seconds, 2)
    )
    return Done(told, failed=not report.ok)


def _about_rotation(plan: api.RotationPlan) -> Iterator[str]:
    yield _("Target {name}, {host}, would get a new secret.").format(name=plan.name, host=plan.host or _("no host"))
    yield from _about_signing(plan) if plan.signs else _about_notices(plan)
    yield _("The new secret is shown once, on the next page.")


def _about_signing(plan: api.RotationPlan) -> Iterator[str]:
    if plan.hours:
        yield _("For {n:g} hours messages are signed with both secrets.").format(n=plan.hours)
    else:
        yield _("From then on messages are signed with the new secret only: the receiver refuses them until it has it.")


def _about_notices(plan: api.RotationPlan) -> Iterator[str]:
    yield _("The other system proves with it that its notices are its own. Enter it there.")
    if plan.hours:
        yield _("For {n:g} hours notices with the previous secret are taken too.").format(n=plan.hours)
    else:
        yield _("From then on notices without the new secret are refused. What they told is found by the next look.")
    yield _("The access token of the target stays as it is; 'set-token' replaces it.")


def _rotate(_target: Target, plan: api.RotationPlan) -> Done:
    rotated = api.rotate_shown(plan)
    told = [_("Target {name} has a new secret.").format(name=plan.name)]
    if rotated.lost:
        told.append(_("The previous secret cannot be decrypted any more."))
    return Done(" ".join(told), secret=rotated.secret)


def rotation(hours: float) -> RowAction:
    """Return the action that gives a target a new secret. For ``hours`` hours messages are signed with both."""
    soft = gettext_lazy("Rotate the secret")
    hard = gettext_lazy("Replace the secret at once")

    def plans(target: Target) -> Sequence[api.RotationPlan]:
        return [api.rotation_plan(target.name, hours)]

    name = "rotate-secret" if hours else "replace-secret"
    return RowAction(name, soft if hours else hard, plans, _about_rotation, _rotate)


def _about_token(plan: api.TokenPlan) -> Iterator[str]:
    text = _("Target {name}, {host}, would get requests with the token that you enter below.")
    yield text.format(name=plan.name, host=plan.host or _("no host"))
    yield _("Lanes that are failing or wait for an attempt go on at once.")
    yield _("The token is stored encrypted, and it is never shown.")


def _set_token(_target: Target, plan: api.TokenPlan, entered: str) -> Done:
    going_on = api.set_token(plan.name, entered)
    told = _("Target {name} has a new token. Lanes that go on: {n}.")
    return Done(told.format(name=plan.name, n=going_on.lanes))


SET_TOKEN = RowAction(
    name="set-token",
    label=gettext_lazy("Set the access token"),
    plans=lambda target: [api.token_plan(target.name)],
    describe=_about_token,
    carry_out=_set_token,
    asks=gettext_lazy("The new access token"),
)


def _about_secret(plan: api.RotationPlan) -> Iterator[str]:
    text = _("Target {name}, {host}, would get the secret that you enter below.")
    yield text.format(name=plan.name, host=plan.host or _("no host"))
    if plan.signs:
        yield _("From then on messages are signed with it alone. Enter the secret that the receiver has.")
    else:
        yield _("From then on notices without it are refused. Enter the secret that the other system has.")
    yield _("Lanes that are failing or wait for an attempt go on at once.")
    yield _("The secret is stored encrypted, and it is never shown.")


def _set_secret(_target: Target, plan: api.RotationPlan, entered: str) -> Done:
    api.set_secret_shown(plan, entered)
    return Done(_("Target {name} has a new secret.").format(name=plan.name))


#: Takes the secret that the receiver has: the other way round than a rotation.
SET_SECRET = RowAction(
    name="set-secret",
    label=gettext_lazy("Set the secret"),
    plans=lambda target: [api.rotation_plan(target.name, 0)],
    describe=_about_secret,
    carry_out=_set_secret,
    asks=gettext_lazy("The secret, such as whsec_…"),
)

TEST = RowAction("test", gettext_lazy("Test"), _test_plans, _about_test, _test)
