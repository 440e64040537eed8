"""Imports the class that a setting names."""

from __future__ import annotations

from typing import Any

from django.utils.module_loading import import_string

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import short_repr


def class_named(setting: str, path: Any) -> Any:
    """Return the class that the dotted path names.

    Raises ConfigurationError, with the name of the setting, if it cannot be imported or called; ``path`` may be a value
    of a wrong type.
    """
    try:
        found = import_string(path)
    except Exception as error:  # the import runs code of another package, and a wrong type fails in many ways
        why = f"{type(error).__name__}: {error}"[:200]
        raise ConfigurationError(f"{setting} is {short_repr(path)}, which cannot be imported: {why}") from error
    if not callable(found):
        raise ConfigurationError(f"{setting} is {short_repr(path)}, which is not a class")
    return found
