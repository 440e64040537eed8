"""Where structures are read from: the contract of a source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from course_sync_plugin.data import Structure


class Source(Protocol):
    """A place that holds published courses: the platform's modulestore, or the sandbox's table of OLX exports."""

    def published_version(self, course_id: str) -> str | None:
        """Return the version that is published now, or None where there is no such course. One cheap query."""

    def published_versions(self) -> Iterable[tuple[str, str]]:
        """Yield course id and published version of every course. One query, whatever their number."""

    def read(self, course_id: str) -> Structure:
        """Return the published structure, stamped with the version that was really read.

        Raises CourseNotFound where there is none, InvalidCourse (a SourceError) where it cannot be read.
        """
