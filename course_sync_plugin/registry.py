"""Looks up names in entry points, lazily. For an unknown name the error suggests a similar one.

A new target or entity type needs one new module and one entry point in its package; no existing code changes.
Pattern: ``kombu/transport/__init__.py``.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.sanitize.text import short_repr


class Registry:
    """The objects registered under one entry point group. Each is imported when it is first asked for."""

    def __init__(self, group: str):
        self.group = group
        self._loaded: dict[str, Any] = {}

    @cached_property
    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def names(self) -> list[str]:
        """Return every registered name, sorted."""
        return sorted(self._entry_points)

    def get(self, name: str) -> Any:
        """Return the object registered as ``name``.

        Raises UnknownName, which suggests the most similar name or, if no name is similar, lists all names.
        """
        if name not in self._loaded:
            self._loaded[name] = self._point(name).load()
        return self._loaded[name]

    def all(self) -> list[Any]:
        """Return every registered object, in the order of their names."""
        return [self.get(name) for name in self.names()]

    def _point(self, name: str) -> EntryPoint:
        point = self._entry_points.get(name)
        if point is None:
            near = get_close_matches(name, self.names(), n=1)
            hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(self.names()) or 'none'}."
            raise UnknownName(f"Nothing named {short_repr(name)} is registered in {self.group}. {hint}")
        return point
