"""The course that is linked: Canvas owns it, so it is only read."""

from __future__ import annotations

from typing import Any

import attrs

from course_sync_plugin.targets.canvas.answers import Fields, a_text, an_id, rows_of
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.canvas.paths import path

#: The state of a course that is over. Canvas refuses every change in it.
CONCLUDED = "completed"


@attrs.frozen
class Course:
    """A course. ``time_zone``: a name like ``America/Denver``; in it Canvas judges what midnight is."""

    id: str
    name: str
    code: str = ""
    state: str = ""
    time_zone: str = ""

    @property
    def is_concluded(self) -> bool:
        """Tell whether the course is over."""
        return self.state == CONCLUDED


def show(client: CanvasClient, course_id: str) -> Course:
    """Show a course. ``course_id``: an id, or another name that Canvas knows, such as ``sis_course_id:BEE1``."""
    return client.call("GET", path("courses", course_id), _read)


def some(client: CanvasClient, number: int) -> list[Course]:
    """Return up to so many courses of the token's user."""
    return client.call("GET", f"{path('courses')}?per_page={number}", lambda value: rows_of(value, _read))


def _read(value: Any) -> Course:
    fields = Fields.of("a course", value)
    return Course(
        id=fields.required("id", an_id),
        name=fields.required("name", a_text),
        code=fields.optional("course_code", a_text) or "",
        state=fields.optional("workflow_state", a_text) or "",
        time_zone=fields.optional("time_zone", a_text) or "",
    )
