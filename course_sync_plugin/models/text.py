"""Columns for text from other systems: answers of receivers, messages of errors."""

from __future__ import annotations

import re
from typing import Any

from django.db import models

from course_sync_plugin.cleaning import cleaned

#: utf8mb3 (older sites) holds nothing beyond the basic plane: a receiver's reason with an emoji in it must not be why
#: its lane stands still.
_UNSTORABLE = re.compile("[\U00010000-\U0010ffff]")


class ForeignText(models.TextField):
    """A column for messages of receivers and of errors: cleaned, and what cannot be stored everywhere is U+FFFD."""

    def get_prep_value(self, value: Any) -> Any:
        """Clean the text and replace what cannot be stored."""
        text = super().get_prep_value(value)
        return _UNSTORABLE.sub("\ufffd", cleaned(text)) if isinstance(text, str) else text

    def deconstruct(self) -> Any:
        """A text column like any other, for migrations."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs
