"""Settings for production: values in the host's YAML win over the defaults."""

from __future__ import annotations

from typing import Any

from course_sync_plugin.settings import common


def plugin_settings(settings: Any) -> None:
    """Set the defaults, then each of our settings that is in the YAML. The host has read the YAML (``ENV_TOKENS``)."""
    common.plugin_settings(settings)
    tokens = getattr(settings, "ENV_TOKENS", None) or {}
    for name in common.DEFAULTS.keys() & tokens.keys():
        setattr(settings, name, tokens[name])
    common.add_to_pages_of_the_host(settings)
