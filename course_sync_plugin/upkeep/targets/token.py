"""Plans another access token for a target. :func:`course_sync_plugin.upkeep.targets.change.set_token` sets it."""

from __future__ import annotations

import attrs

from course_sync_plugin.sanitize.text import host_of
from course_sync_plugin.targets.registry import targets
from course_sync_plugin.upkeep.plan_tokens import token_of
from course_sync_plugin.upkeep.targets.change import check_uses_token, get_target


@attrs.frozen
class TokenPlan:
    """Another access token for a target. ``host``: that of its URL. ``token`` names the plan, as in every plan."""

    name: str
    host: str
    token: str


def token_plan(name: str) -> TokenPlan:
    """Return the plan to give a target another access token. Raises ConfigurationError if the target uses none."""
    target = get_target(name)
    check_uses_token(targets.get(target.backend), name)
    return TokenPlan(name, host_of(target.url), token_of("set-token", str(target.pk), target.url, target.token or ""))
