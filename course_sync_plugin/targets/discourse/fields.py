"""Reads the fields of answers. What is not known is ignored; what is needed and missing is an error that names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import attrs

from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.sanitize.text import short_repr

_Value = TypeVar("_Value")

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,50}", re.ASCII)


@attrs.frozen
class Fields:
    """An object in an answer. ``what``: what it is, for messages. Each method raises PermanentError.

    A method without ``optional`` needs the field to be there.
    """

    values: Mapping[str, Any]
    what: str

    @classmethod
    def of(cls, value: Any, what: str) -> Fields:
        """Return the fields of an object."""
        if not isinstance(value, dict):
            raise PermanentError(f"The forum's answer is not understood: {what} is not an object.")
        return cls(value, what)

    def text(self, name: str) -> str:
        """Return a text."""
        return self._needed(name, self.optional_text(name))

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None

    def remote_id(self, name: str) -> str:
        """Return an id, which JSON holds as a number."""
        return self._needed(name, self.optional_id(name))

    def optional_id(self, name: str) -> str | None:
        """Return an id, or None."""
        text = str(self.values.get(name))
        return text if _NUMBER.fullmatch(text) else None

    def number(self, name: str) -> int:
        """Return a whole number."""
        value = self.values.get(name)
        return self._needed(name, value if isinstance(value, int) and not isinstance(value, bool) else None)

    def flag(self, name: str, absent: bool = False) -> bool:
        """Return a truth value; ``absent`` if there is none."""
        value = self.values.get(name)
        return value if isinstance(value, bool) else absent

    def moment(self, name: str) -> datetime:
        """Return a moment with its time zone."""
        return self._needed(name, self.optional_moment(name))

    def optional_moment(self, name: str) -> datetime | None:
        """Return a moment with its time zone, or None if the field is null or absent."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        return self._needed(name, moment if moment and moment.tzinfo else None)

    def inside(self, name: str) -> Fields:
        """Return an object in this one."""
        value = self.values.get(name)
        return Fields(self._needed(name, value if isinstance(value, dict) else None), name)

    def each(self, name: str) -> list[Fields]:
        """Return the objects of a list."""
        value = self._needed(name, self.values.get(name) if isinstance(self.values.get(name), list) else None)
        return [Fields.of(one, f"an entry of {name}") for one in value]

    def _needed(self, name: str, value: _Value | None) -> _Value:
        if value is None:
            raise PermanentError(f"The forum's answer is not understood: '{name}' of {self.what} is missing or wrong.")
        return value


def checked_id(remote_id: str) -> str:
    """Return an id for a path. Raises PermanentError unless it is a number."""
    if not _NUMBER.fullmatch(remote_id):
        raise PermanentError(f"{short_repr(remote_id)} is not an id of Discourse: it must be a number.")
    return remote_id


def checked_external_id(external_id: str) -> str:
    """Return an ``external_id`` that Discourse accepts (app/models/topic.rb). Raises PermanentError for another one."""
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise PermanentError(
            f"{short_repr(external_id)} cannot be an external_id: it takes at most 50 letters, digits, '_' and '-'."
        )
    return external_id
