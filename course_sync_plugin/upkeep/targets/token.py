"""Plans another access token for a target. :func:`course_sync_plugin.upkeep.targets.change.set_token` sets it."""

from __future__ import annotations

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.upkeep.plan_tokens import token_of
from course_sync_plugin.upkeep.targets.change import get_target


@attrs.frozen
class TokenPlan:
    """Another access token for a target. ``host``: that of its URL. ``token`` names the plan, as in every plan."""

    name: str
    host: str
    token: str


def token_plan(name: str) -> TokenPlan:
    """Return the plan to give a target another access token. Raises ConfigurationError if the target uses none."""
    target = get_target(name)
    if not targets.get(target.backend).uses_token:
        raise ConfigurationError(_("Target '{name}' is of a kind that uses no access token.").format(name=name))
    return TokenPlan(name, host_of(target.url), token_of("set-token", str(target.pk), target.url, target.token or ""))
