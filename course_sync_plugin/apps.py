"""The Django app that the host (Studio or the LMS) loads.

The host imports this module while it loads its settings, so the module must not use settings or models when it is
imported.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

_SETTINGS = {name: {"relative_path": f"settings.{name}"} for name in ("common", "production", "devstack", "test")}
_URLS = {"namespace": "course_sync", "regex": r"^", "relative_path": "urls"}


class CourseSyncConfig(AppConfig):
    """The Django app plugin (edx-django-utils ``plugin_app``).

    :meth:`ready` connects the signals. ``signals_config`` would not do: if a release of edx-platform does not have
    one of the signals, the host would not start.
    """

    name = "course_sync_plugin"
    label = "course_sync_plugin"
    verbose_name = _("Course sync")
    default_auto_field = "django.db.models.BigAutoField"

    plugin_app = {
        "url_config": {"lms.djangoapp": _URLS, "cms.djangoapp": _URLS},
        "settings_config": {"lms.djangoapp": _SETTINGS, "cms.djangoapp": _SETTINGS},
    }

    def ready(self) -> None:
        """Connect the host's signals and register the system checks."""
        from course_sync_plugin import checks
        from course_sync_plugin.signals import handlers

        handlers.connect()
