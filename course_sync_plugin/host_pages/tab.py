"""Adds a tab to the instructor dashboard MFE, which is the default from Verawood on."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from course_sync_plugin.host_pages.step import SoftStep, may_see

#: The id of the tab. The widget in the slot of the MFE has the same (``docs/mfe``).
TAB = "course_sync"

#: Behind the tabs of the host, which have 10 to 110.
_SORT_ORDER = 200


class AddTab(SoftStep):
    """Adds the tab for those who may see our page.

    It is a step for the filter ``org.openedx.learning.instructor.dashboard.tabs.requested.v1``. The setting
    ``COURSE_SYNC_INSTRUCTOR_DASHBOARD`` adds it to the pipeline.
    """

    def added(self, **given: Any) -> dict[str, Any]:
        """Return the tabs with one more."""
        course_key = str(given["course_key"])
        if not may_see(given["user"], course_key):
            return {}
        tab = {"tab_id": TAB, "title": _("Course sync"), "url": _url(course_key), "sort_order": _SORT_ORDER}
        return {"tabs": [*given["tabs"], tab]}


def _url(course_key: str) -> str:
    """Return where the tab leads: a path inside the MFE for the widget, or the whole address of our page.

    The MFE takes an address that begins with a slash for one of its own. The host makes the paths of its tabs from the
    same setting.
    """
    if settings.COURSE_SYNC_INSTRUCTOR_DASHBOARD == "widget":
        mfe = urlsplit(getattr(settings, "INSTRUCTOR_MICROFRONTEND_URL", None) or "").path
        return f"{mfe.rstrip('/')}/{course_key}/{TAB}"
    return f"{settings.LMS_ROOT_URL.rstrip('/')}{reverse('course_sync:staff', args=[course_key])}"
