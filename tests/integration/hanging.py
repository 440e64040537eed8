"""A source that hangs while it reads some courses."""

from __future__ import annotations

import os
import time
from pathlib import Path

from course_sync_plugin.data import Structure
from sandbox.published.source import PublishedSource


class HangingSource(PublishedSource):
    """Takes minutes to read the courses that HANGING_COURSES names, and creates the file HANGING_READ."""

    def read(self, course_id: str) -> Structure:
        if course_id in os.environ["HANGING_COURSES"].split():
            Path(os.environ["HANGING_READ"]).touch()
            time.sleep(300)
        return super().read(course_id)
