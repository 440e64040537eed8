"""Text that somebody else wrote."""

from __future__ import annotations

import re
from typing import Any

from django.db import models

#: PostgreSQL stores no NUL, no database half of a surrogate pair, and utf8mb3 (older sites) nothing beyond the basic
#: plane: a receiver's reason with an emoji in it must not be why its lane stands still.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff\U00010000-\U0010ffff]")


class ForeignText(models.TextField):
    """A column for messages of receivers and of errors: what cannot be stored everywhere becomes U+FFFD."""

    def get_prep_value(self, value: Any) -> Any:
        """Replace what cannot be stored."""
        text = super().get_prep_value(value)
        return _UNSTORABLE.sub("\ufffd", text) if isinstance(text, str) else text

    def deconstruct(self) -> Any:
        """A text column like any other, for migrations."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs
