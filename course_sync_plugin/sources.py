"""Where courses are read from in this host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from course_sync_plugin.cleaning import shown
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.structure.source import Source


def get_source() -> Source:
    """Return the source that COURSE_SYNC_SOURCE names. Raises ConfigurationError."""
    return source_class(settings.COURSE_SYNC_SOURCE)()


def source_class(path: Any) -> Callable[[], Source]:
    """Return what makes a source, by its dotted path. Raises ConfigurationError, whatever the setting holds."""
    try:
        found = import_string(path)
    except Exception as error:  # it runs a module of somebody else, and a path of a wrong type fails in many ways
        why = f"{type(error).__name__}: {error}"[:200]
        raise ConfigurationError(f"COURSE_SYNC_SOURCE is {shown(path)}, which cannot be imported: {why}") from error
    if not callable(found):
        raise ConfigurationError(f"COURSE_SYNC_SOURCE is {shown(path)}, which is no class")
    return found
