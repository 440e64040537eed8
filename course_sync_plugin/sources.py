"""Where courses are read from in this host."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from course_sync_plugin.structure.source import Source


def get_source() -> Source:
    """Return the source that COURSE_SYNC_SOURCE names."""
    return import_string(settings.COURSE_SYNC_SOURCE)()
