"""The addresses of the API that the fake knows, and the right that each needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import attrs

from course_sync_plugin.testing.canvas import (
    assignments,
    copies,
    courses,
    entries,
    items,
    modules,
    pages,
    refusals,
    revisions,
    topics,
    undelete,
)
from course_sync_plugin.testing.canvas.call import Call

_PAGE = "/pages/:name"
_TOPIC = "/discussion_topics/:id"
_ENTRY = f"{_TOPIC}/entries/:id"

#: Below ``/api/v1/courses/<id>``. A name in a path is any text without a slash.
_COURSE: dict[str, Callable[..., Any]] = {
    "GET ": courses.show,
    "PUT ": courses.update,
    "GET /permissions": courses.permissions,
    "GET /modules": modules.index,
    "POST /modules": modules.create,
    "GET /modules/:id": modules.show,
    "PUT /modules/:id": modules.update,
    "DELETE /modules/:id": modules.destroy,
    "PUT /modules/:id/relock": modules.relock,
    "GET /modules/:id/items": items.index,
    "POST /modules/:id/items": items.create,
    "GET /modules/:id/items/:id": items.show,
    "PUT /modules/:id/items/:id": items.update,
    "DELETE /modules/:id/items/:id": items.destroy,
    "GET /pages": pages.index,
    "POST /pages": pages.create,
    f"GET {_PAGE}": pages.show,
    f"PUT {_PAGE}": pages.update,
    f"DELETE {_PAGE}": pages.destroy,
    f"POST {_PAGE}/duplicate": copies.duplicate,
    f"GET {_PAGE}/revisions": revisions.index,
    f"GET {_PAGE}/revisions/:id": revisions.show,
    f"POST {_PAGE}/revisions/:id": revisions.revert,
    "GET /front_page": pages.show_front_page,
    "PUT /front_page": pages.update_front_page,
    "GET /assignments": assignments.index,
    "POST /assignments": assignments.create,
    "GET /assignments/:id": assignments.show,
    "PUT /assignments/:id": assignments.update,
    "DELETE /assignments/:id": assignments.destroy,
    "GET /discussion_topics": topics.index,
    "POST /discussion_topics": topics.create,
    f"GET {_TOPIC}": topics.show,
    f"PUT {_TOPIC}": topics.update,
    f"DELETE {_TOPIC}": topics.destroy,
    "POST /undelete/:asset": undelete.undelete,
    f"GET {_TOPIC}/view": entries.view,
    f"GET {_TOPIC}/entry_list": entries.entry_list,
    f"GET {_TOPIC}/entries": entries.index,
    f"POST {_TOPIC}/entries": entries.create,
    f"PUT {_ENTRY}": entries.update,
    f"DELETE {_ENTRY}": entries.destroy,
    f"GET {_ENTRY}/replies": entries.replies,
    f"POST {_ENTRY}/replies": entries.create,
}

#: What students may do too: post, and change or delete their own entries.
_OF_STUDENTS = {entries.create, entries.update, entries.destroy}


@attrs.frozen
class Endpoint:
    """A function that carries out a call, the id of the course in the address, and the other names in it."""

    function: Callable[..., Any]
    course_id: str
    names: tuple[str, ...]

    @property
    def changes_the_course(self) -> bool:
        """Whether the call needs the right of a teacher."""
        return self.function not in _READS and self.function not in _OF_STUDENTS

    @property
    def writes(self) -> bool:
        """Whether the call changes anything."""
        return self.function not in _READS


_READS = {function for name, function in _COURSE.items() if name.startswith("GET ")} | {courses.index}


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/api/v1/courses/([^/]+)" + re.sub(":[a-z]+", "([^/]+)", path))


_PATTERNS = [
    (method, _pattern(path), function)
    for (method, _, path), function in ((name.partition(" "), function) for name, function in _COURSE.items())
]


def endpoint(method: str, path: str) -> Endpoint:
    """Return the endpoint of an address. Raises Refusal 404 if the fake does not know it."""
    if (method, path) == ("GET", "/api/v1/courses"):
        return Endpoint(courses.index, "", ())
    for known, pattern, function in _PATTERNS:
        found = pattern.fullmatch(path)
        if known == method and found:
            return Endpoint(function, found[1], tuple(unquote(name) for name in found.groups()[1:]))
    raise refusals.not_found()


def carry_out(call: Call, course: Any, found: Endpoint) -> Any:
    """Carry out a call and return its result."""
    return found.function(call, course, *found.names) if course else found.function(call)
