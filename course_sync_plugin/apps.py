"""What the host loads. Imported while its settings load: nothing here may touch settings or models."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

_SETTINGS = {name: {"relative_path": f"settings.{name}"} for name in ("common", "production", "devstack", "test")}
_URLS = {"namespace": "course_sync", "regex": r"^api/course_sync/", "relative_path": "urls"}


class CourseSyncConfig(AppConfig):
    """The Django app plugin (edx-django-utils ``plugin_app``).

    Signals are connected in :meth:`ready` and not in ``signals_config``: a signal that a release lacks would stop
    the host from starting.
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
        from course_sync_plugin import checks, receivers

        receivers.connect()
