"""Defines a column for text from other systems: answers of receivers, messages of errors."""

from __future__ import annotations

import re
from typing import Any

from django.db import models

from course_sync_plugin.sanitize.text import cleaned

#: Characters beyond the basic plane. utf8mb3 (older sites) cannot store them, and an emoji in a receiver's reason must
#: not stop its lane.
_UNSTORABLE = re.compile("[\U00010000-\U0010ffff]")


def storable(text: str) -> str:
    """Return a text cleaned, in which each character that some database cannot store is U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", cleaned(text))


class ForeignText(models.TextField):
    """A column that cleans its text. Each character that some database cannot store becomes U+FFFD."""

    def get_prep_value(self, value: Any) -> Any:
        """Clean the text and replace the characters that some database cannot store."""
        text = super().get_prep_value(value)
        return storable(text) if isinstance(text, str) else text

    def deconstruct(self) -> Any:
        """Present the column to migrations as a plain text column."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs
