"""Confirms that targets which were made on another site send from this one."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.due import nudge
from course_sync_plugin.lanes.site import is_elsewhere, this_site
from course_sync_plugin.models import Lane, Target
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.pending import count_pending
from course_sync_plugin.upkeep.plan_tokens import no_longer_valid, token_of
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class SitePlan:
    """A target of another site. ``made_for``: the root URL of that LMS, ``here``: that of this one.

    ``host``: where the target sends to. ``lanes``, ``pending``: the number of its lanes, and of the operations in them
    that are not delivered. ``token`` names the target, both sites and the URL that the target sends to.
    """

    name: str
    host: str
    made_for: str
    here: str
    lanes: int
    pending: int
    token: str


@attrs.frozen
class Confirmed:
    """The result for one plan. ``error``: why the target is not confirmed."""

    name: str
    error: str = ""


def site_plans(name: str = "") -> list[SitePlan]:
    """Return the plan for each target of another site, or for one target, sorted by name.

    Raises UnknownName for the target, ConfigurationError if the host has no ``LMS_ROOT_URL``.
    """
    if not this_site():
        raise ConfigurationError(
            _("This host has no LMS_ROOT_URL, so targets send from it whatever they were made for.")
        )
    targets = [get_target(name)] if name else list(Target.objects.order_by("name"))
    return [_plan(target) for target in targets if is_elsewhere(target)]


def confirm_site(plans: Sequence[SitePlan]) -> list[Confirmed]:
    """Let the targets of these plans send from this site, if they are still as in the plan. Their lanes are due now."""
    return [_confirm(plan) for plan in plans]


def _plan(target: Target) -> SitePlan:
    lanes, made_for, here = Lane.objects.filter(target=target), target.site or "", this_site()
    token = _token(target)
    return SitePlan(target.name, host_of(target.url), made_for, here, lanes.count(), count_pending(lanes), token)


def _token(target: Target) -> str:
    return token_of("confirm-site", str(target.pk), target.name, target.url, target.site or "", this_site())


@transaction.atomic
def _confirm(plan: SitePlan) -> Confirmed:
    target = get_target(plan.name)
    lanes = Lane.objects.filter(target=target)
    nudge(lanes)  # the lanes first, as workers do: a different order could deadlock
    present = Target.objects.select_for_update().get(pk=target.pk)
    if _token(present) != plan.token:
        transaction.set_rollback(True)
        return Confirmed(plan.name, no_longer_valid(plan.token))
    Target.objects.filter(pk=target.pk).update(site=plan.here)
    changed = {"from": plan.made_for, "to": plan.here, "lanes": plan.lanes, "pending": plan.pending}
    record("confirm-site", target=plan.name, changed=changed)
    return Confirmed(plan.name)
