"""Exports the rules, and brings exported rules to this site. The addresses of channels stay where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from django.db import transaction
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import ChannelKind, NotificationChannel, NotificationEvent, NotificationRule, Target
from course_sync_plugin.sanitize import limits
from course_sync_plugin.sanitize.text import short_repr
from course_sync_plugin.upkeep.notifications.events import EVENTS

Row = TypeVar("Row", NotificationChannel, Target)


@attrs.frozen
class RulesPlan:
    """What an import would do, or did: the rules as :func:`exported_rules` writes them.

    ``only_here``: rules of this site that are not among the imported ones; they stay. ``channels``: the names of the
    channels that are missing here. They are made without an address, and are disabled, except the log.
    """

    added: tuple[Mapping[str, Any], ...]
    changed: tuple[Mapping[str, Any], ...]
    same: tuple[Mapping[str, Any], ...]
    only_here: tuple[Mapping[str, Any], ...]
    channels: tuple[str, ...]


def exported_rules() -> list[dict[str, Any]]:
    """Return all rules, each with the name and the kind of its channel, and without any address. One query."""
    rules = NotificationRule.objects.select_related("channel", "target").order_by("pk")
    return [
        {
            "event": rule.event,
            "target": rule.target.name if rule.target else None,
            "channel": rule.channel.name,
            "channel_kind": rule.channel.kind,
            "threshold_seconds": rule.threshold_seconds,
            "cooldown_seconds": rule.cooldown_seconds,
            "enabled": rule.enabled,
        }
        for rule in rules
    ]


def plan_rules(rules: Iterable[Mapping[str, Any]]) -> RulesPlan:
    """Return what :func:`import_rules` would do. Raises ConfigurationError for a rule that is not valid,
    UnknownName for a target that is not on this site.
    """
    wanted = [_checked(rule) for rule in rules]
    here = {_key(rule): rule for rule in exported_rules()}
    channels = _by_name(NotificationChannel.objects.all())
    _check_targets(wanted, _by_name(Target.objects.all()))
    _check_channels(wanted, channels)
    missing = dict.fromkeys(rule["channel"] for rule in wanted if rule["channel"] not in channels)
    keys = {_key(rule) for rule in wanted}
    return RulesPlan(
        added=tuple(rule for rule in wanted if _key(rule) not in here),
        changed=tuple(rule for rule in wanted if here.get(_key(rule), rule) != rule),
        same=tuple(rule for rule in wanted if here.get(_key(rule)) == rule),
        only_here=tuple(rule for key, rule in here.items() if key not in keys),
        channels=tuple(missing),
    )


@transaction.atomic
def import_rules(rules: Sequence[Mapping[str, Any]]) -> RulesPlan:
    """Add and change rules so that those given are on this site too; return what was done. It deletes none.

    A rule is the same if its event, target and channel are. Raises as :func:`plan_rules`; then nothing is written.
    """
    plan = plan_rules(rules)
    kinds = {rule["channel"]: rule["channel_kind"] for rule in plan.added}
    for name in plan.channels:
        kind = kinds[name]
        NotificationChannel(name=name, kind=kind, enabled=kind == ChannelKind.LOG).save(force_insert=True)
    channels, targets = _by_name(NotificationChannel.objects.all()), _by_name(Target.objects.all())
    own = {_key_of(row): row for row in NotificationRule.objects.select_related("channel", "target")}
    for rule in (*plan.added, *plan.changed):
        row = own.get(_key(rule)) or NotificationRule(
            event=rule["event"],
            channel=channels[rule["channel"]],
            target=targets[rule["target"]] if rule["target"] else None,
        )
        row.threshold_seconds, row.cooldown_seconds = rule["threshold_seconds"], rule["cooldown_seconds"]
        row.enabled = rule["enabled"]
        row.save()
    return plan


def _key(rule: Mapping[str, Any]) -> tuple[Any, ...]:
    return rule["event"], rule["target"], rule["channel"]


def _key_of(row: NotificationRule) -> tuple[Any, ...]:
    return row.event, row.target.name if row.target else None, row.channel.name


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    """Return rows by their exact names, compared in Python: MariaDB and MySQL compare names without regard to case."""
    return {row.name: row for row in rows}


def _checked(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule with exactly the keys of an export. Raises ConfigurationError if a value is not valid."""
    threshold = rule.get("threshold_seconds")
    valid = {
        "event": rule.get("event") in NotificationEvent.values,
        "target": rule.get("target") is None or isinstance(rule.get("target"), str),
        "channel": isinstance(rule.get("channel"), str) and rule.get("channel") != "",
        "channel_kind": rule.get("channel_kind") in ChannelKind.values,
        "threshold_seconds": threshold is None or limits.NOTIFICATION_THRESHOLD.holds(threshold),
        "cooldown_seconds": limits.NOTIFICATION_COOLDOWN.holds(rule.get("cooldown_seconds")),
        "enabled": isinstance(rule.get("enabled"), bool),
    }
    for name, holds in valid.items():
        if not holds:
            value = short_repr(rule.get(name))
            raise ConfigurationError(_("A notification rule has {name} {value}.").format(name=name, value=value))
    if rule.get("target") is not None and not EVENTS[rule["event"]].of_target:
        raise ConfigurationError(_("A rule about {event} takes no target.").format(event=rule["event"]))
    return {name: rule.get(name) for name in valid}


def _check_targets(rules: Iterable[Mapping[str, Any]], targets: Mapping[str, Target]) -> None:
    for rule in rules:
        if rule["target"] is not None and rule["target"] not in targets:
            raise UnknownName(
                _("A notification rule names the target {name}, which is not here.").format(
                    name=short_repr(rule["target"]),
                )
            )


def _check_channels(rules: Iterable[Mapping[str, Any]], channels: Mapping[str, NotificationChannel]) -> None:
    kinds = {name: channel.kind for name, channel in channels.items()}
    for rule in rules:
        if kinds.setdefault(rule["channel"], rule["channel_kind"]) != rule["channel_kind"]:
            raise ConfigurationError(_("The channel {name} is of another kind here.").format(name=rule["channel"]))
