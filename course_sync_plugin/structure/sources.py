"""Finds the source that this host reads courses from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings

from course_sync_plugin.structure.base import Source
from course_sync_plugin.structure.dotted_path import class_named


def get_source() -> Source:
    """Return the source that COURSE_SYNC_SOURCE names. Raises ConfigurationError if there is none by that name."""
    return source_class(settings.COURSE_SYNC_SOURCE)()


def source_class(path: Any) -> Callable[[], Source]:
    """Return the class of a source by its dotted path. Raises ConfigurationError as :func:`class_named` does."""
    found: Callable[[], Source] = class_named("COURSE_SYNC_SOURCE", path)
    return found
