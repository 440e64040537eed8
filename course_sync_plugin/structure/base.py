"""Defines the contract of a source: the object that structures are read from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from course_sync_plugin.data import Structure


class Source(Protocol):
    """A store of published courses: the platform's modulestore, or the sandbox's table of OLX exports."""

    def published_version(self, course_id: str) -> str | None:
        """Return the version that is published now, or None if there is no such course. One cheap query."""

    def published_versions(self, course_ids: Collection[str] | None = None) -> Iterable[tuple[str, str]]:
        """Yield the id and the published version of every course. One query, for any number of courses.

        ``course_ids``: only these courses are needed; others may be yielded too. Those that are not there are left out.
        """

    def read(self, course_id: str) -> Structure:
        """Return the published structure, with the version that was actually read.

        Raises CourseNotFound if there is no such course, InvalidCourse (a SourceError) if it cannot be read.
        """

    def html(self, course_id: str, entity_ids: Collection[str]) -> Mapping[str, str]:
        """Return the HTML of these components as it is published now, by entity id.

        What is not there, and what is no html component, is left out. Only a target that sends content needs it. Raises
        the errors of :meth:`read`.
        """
