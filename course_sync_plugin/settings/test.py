"""Settings for the host's own tests: the same as in ``common``."""

from course_sync_plugin.settings.common import plugin_settings

__all__ = ["plugin_settings"]
