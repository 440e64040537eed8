"""Shows the channels, the rules and the open notices, and tests channels."""

from __future__ import annotations

from typing import Any

import attrs
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import ChannelKind, Notice, NotificationChannel, NotificationRule
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.notifications.channels import send_all
from course_sync_plugin.upkeep.notifications.events import threshold_of
from course_sync_plugin.upkeep.notifications.messages import trial

#: The most notices that are shown.
SHOWN = 50


@attrs.frozen
class ChannelTest:
    """The result of a test message: ``error`` is empty if the channel accepted it."""

    channel: str
    kind: str
    error: str


def try_channels(name: str = "") -> list[ChannelTest]:
    """Send a test message through one channel, or through each that is enabled.

    Raises UnknownName if no channel has that name, ConfigurationError if no channel is enabled.
    """
    channels = [
        one for one in NotificationChannel.objects.order_by("pk") if (one.name == name if name else one.enabled)
    ]
    if not channels and name:
        raise UnknownName(_("There is no notification channel {name}.").format(name=short_repr(name)))
    if not channels:
        raise ConfigurationError(_("No notification channel is enabled. Add one in the admin."))
    outcomes = send_all({channel: [trial(channel.name)] for channel in channels})
    return [ChannelTest(channel.name, channel.kind, outcome.error) for channel, outcome in outcomes.items()]


def notifications() -> dict[str, Any]:
    """Return the channels, the rules, and the first of the open notices with the number of all. Four queries.

    No address is shown whole.
    """
    rules = NotificationRule.objects.select_related("channel", "target").order_by("pk")
    notices = Notice.objects.filter(closed_at=None)
    return {
        "channels": [_channel(one) for one in NotificationChannel.objects.order_by("pk")],
        "rules": [_rule(one) for one in rules],
        "notices": [_notice(one) for one in notices.select_related("rule").order_by("first_since", "pk")[:SHOWN]],
        "notices_total": notices.count(),
    }


def address_of(channel: NotificationChannel) -> str:
    """Return where a channel sends to, without what is secret."""
    if channel.kind == ChannelKind.MAIL:
        return channel.recipients or "ADMINS"
    return channel.address_shown if channel.kind == ChannelKind.APPRISE else ""


def _channel(row: NotificationChannel) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "address": address_of(row),
        "enabled": row.enabled,
        "failures": row.failures,
        "error": row.last_error,
        "next_attempt": row.retry_at and utc_text(row.retry_at),
    }


def _rule(row: NotificationRule) -> dict[str, Any]:
    return {
        "id": row.pk,
        "event": row.event,
        "threshold_seconds": threshold_of(row.event, row.threshold_seconds),
        "target": row.target.name if row.target else None,
        "channel": row.channel.name,
        "cooldown_seconds": row.cooldown_seconds,
        "enabled": row.enabled and row.channel.enabled,
    }


def _notice(row: Notice) -> dict[str, Any]:
    return {
        "rule": row.rule_id,
        "event": row.rule.event,
        "subject": row.subject,
        "since": utc_text(row.open_since),
        "first_since": utc_text(row.first_since),
        "times": row.times,
        "last_sent_at": row.last_sent_at and utc_text(row.last_sent_at),
    }
