"""Checks the values of a rule, for the form in the admin and for imports."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from course_sync_plugin.models import NotificationRule
from course_sync_plugin.sanitize import limits
from course_sync_plugin.upkeep.notifications.events import EVENTS


def check_rule(rule: NotificationRule) -> Mapping[str, str]:
    """Return what is wrong with the values of a rule, by the name of the column; empty if nothing is.

    There is one rule for each event, target and channel: :func:`exported_rules` names a rule by these three.
    """
    wrong: dict[str, str] = {}
    threshold, cooldown = rule.threshold_seconds, rule.cooldown_seconds
    if threshold is not None and not limits.NOTIFICATION_THRESHOLD.holds(threshold):
        wrong["threshold_seconds"] = _("It must be {limit}.").format(limit=limits.NOTIFICATION_THRESHOLD)
    if not limits.NOTIFICATION_COOLDOWN.holds(cooldown):
        wrong["cooldown_seconds"] = _("It must be {limit}.").format(limit=limits.NOTIFICATION_COOLDOWN)
    if rule.target_id is not None and rule.event in EVENTS and not EVENTS[rule.event].of_target:
        wrong["target"] = _("This event belongs to no target.")
    same = NotificationRule.objects.filter(event=rule.event, target=rule.target_id, channel=rule.channel_id)
    if same.exclude(pk=rule.pk).exists():
        wrong["event"] = _("There is a rule for this event, target and channel already.")
    return wrong
