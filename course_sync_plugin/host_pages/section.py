"""Adds a section with our page about the course to the legacy instructor dashboard of the LMS."""

from __future__ import annotations

from typing import Any

from crum import get_current_user
from django.urls import reverse
from django.utils.translation import gettext as _

from course_sync_plugin.host_pages.step import SoftStep, may_see

#: The name of the section, in the address of the dashboard too. It is also the name of the template.
KEY = "course_sync"

#: Where the host's Mako looks for the template: below the folder that ``settings/common.py`` adds.
PREFIX = "/course_sync_plugin/instructor_dashboard/"


class AddSection(SoftStep):
    """Adds the section for those who may see our page.

    It is a step for the filter ``org.openedx.learning.instructor.dashboard.render.started.v1``. The setting
    ``COURSE_SYNC_INSTRUCTOR_DASHBOARD`` adds it to the pipeline.
    """

    def added(self, **given: Any) -> dict[str, Any]:
        """Return the context with one section more. The host does not give the user; the request has it."""
        context = given["context"]
        course_key = str(context["course"].id)
        user = get_current_user()
        if user is None or not may_see(user, course_key):
            return {}
        return {"context": {**context, "sections": [*context["sections"], _section(course_key)]}}


def _section(course_key: str) -> dict[str, str]:
    return {
        "section_key": KEY,
        "section_display_name": _("Course sync"),
        "template_path_prefix": PREFIX,
        "course_id": course_key,
        "page": reverse("course_sync:staff", args=[course_key]),
        "open_text": _("Open this page in a new tab"),
    }
