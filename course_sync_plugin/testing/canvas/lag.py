"""A replica of the database that lags behind, from which GETs are answered.

Source: canvas-lms, ``GuardRail.activate(:secondary)`` in wiki_pages_api_controller.rb. That other controllers do so
too, and how far a replica lags, is assumed: a test says by how many writes.
"""

from __future__ import annotations

from collections import deque
from copy import deepcopy

from course_sync_plugin.testing.canvas.objects import Course

Courses = dict[int, Course]


class Replica:
    """The replica. ``writes_behind``: the number of writes that it does not have yet; 0: none."""

    def __init__(self) -> None:
        self.writes_behind = 0
        self._older: deque[Courses] = deque()

    def before_write(self, courses: Courses) -> None:
        """Keep the state before a write."""
        if self.writes_behind:
            self._older.append(deepcopy(courses))
        while len(self._older) > self.writes_behind:
            self._older.popleft()

    def read(self, courses: Courses) -> Courses:
        """Return the courses as a GET sees them."""
        return self._older[0] if self._older and self.writes_behind else courses

    def catch_up(self) -> None:
        """Bring the replica up to date. The next write makes it lag again."""
        self._older.clear()
