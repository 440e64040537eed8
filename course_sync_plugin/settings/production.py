"""The host's YAML has the last word: it is read before this runs."""

from __future__ import annotations

from typing import Any

from course_sync_plugin.settings import common


def plugin_settings(settings: Any) -> None:
    """Take over each of our settings that the operator's YAML names."""
    common.plugin_settings(settings)
    tokens = getattr(settings, "ENV_TOKENS", None) or {}
    for name in common.DEFAULTS.keys() & tokens.keys():
        setattr(settings, name, tokens[name])
    common.add_about_step(settings)
