"""The sections of the exported document. One more section is one more entry of ``SECTIONS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from django.conf import settings

from course_sync_plugin.settings.common import DEFAULTS
from course_sync_plugin.upkeep.notifications.transfer import exported_rules, import_rules
from course_sync_plugin.upkeep.site_copy.targets import apply_target, read_targets, usable_here

#: The entries of a section by their names; each entry has fields.
Entries = Mapping[str, Mapping[str, Any]]

#: The settings that are secret.
_LEFT_OUT = {"COURSE_SYNC_SECRET_KEYS", "COURSE_SYNC_METRICS_TOKEN"}


@attrs.frozen
class Section:
    """One kind of configuration.

    ``read`` returns the entries of this site. ``usable_here`` takes an entry of a document, and returns it without
    what this site cannot have, with a sentence for each part that is left out. ``apply`` adds an entry, or changes the
    one of this site, which it gets as its second argument; it returns a secret that it made, or an empty text, and
    raises ConfigurationError. A section without ``apply`` is only compared.
    """

    name: str
    read: Callable[[], Entries]
    apply: Callable[[str, Mapping[str, Any] | None, Mapping[str, Any]], str] | None = None
    usable_here: Callable[[str, Mapping[str, Any]], tuple[Mapping[str, Any], list[str]]] = lambda name, entry: (
        entry,
        [],
    )


def read_settings() -> Entries:
    """Return the settings that differ from their defaults, without secrets."""
    values = {name: getattr(settings, name) for name in sorted(DEFAULTS) if name not in _LEFT_OUT}
    return {name: {"value": value} for name, value in values.items() if value != DEFAULTS[name]}


def read_rules() -> Entries:
    """Return the notification rules, without the addresses of their channels."""
    rules = exported_rules()
    return {f"{rule['event']}, {rule['target'] or 'all targets'}, {rule['channel']}": rule for rule in rules}


def _apply_rule(_name: str, _here: Mapping[str, Any] | None, rule: Mapping[str, Any]) -> str:
    import_rules([rule])
    return ""


#: In the order in which they are imported: a rule may name a target.
SECTIONS = (
    Section("targets", read_targets, apply_target, usable_here),
    Section("notification_rules", read_rules, _apply_rule),
    Section("settings", read_settings),
)
