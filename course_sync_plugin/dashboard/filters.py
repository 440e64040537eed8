"""Reads the filters in the address of a page."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from django.http import HttpRequest

from course_sync_plugin import api
from course_sync_plugin.dashboard.access import access_to, visible_course
from course_sync_plugin.sanitize.text import single_line

#: The most characters of a filter: more than each name and each key has.
LONGEST = 255

#: The filters on problems and lanes, by their names in an address.
NAMES = ("target", "course", "entity_type", "operation", "since", "until", "id")


def given(request: HttpRequest, names: tuple[str, ...] = NAMES) -> dict[str, str]:
    """Return the filters of an address as they were typed, each on one line; an empty text for one that is missing."""
    return {name: single_line(request.GET.get(name, ""), LONGEST) for name in names}


def read_filters(values: Mapping[str, str]) -> api.Filters:
    """Return the filters that these texts name. Raises ConfigurationError if a time cannot be read."""
    return api.Filters(
        target=values["target"],
        course=values["course"],
        entity_type=values["entity_type"],
        operation=values["operation"],
        since=api.read_moment(values["since"]),
        until=api.read_moment(values["until"]),
        id=values["id"],
        cause=values.get("cause", ""),
    )


def visible_filters(request: HttpRequest, values: Mapping[str, str]) -> api.Filters:
    """Return the filters, limited to the courses that the user may see.

    Raises ConfigurationError if a time cannot be read, Http404 for a course that the user may not see.
    """
    return attrs.evolve(read_filters(values), within=courses_within(request, values["course"]))


def courses_within(request: HttpRequest, course: str) -> list[int] | None:
    """Return the keys of the courses that the user may see (None: all). Raises Http404 if ``course`` is another one."""
    sees = access_to(request).sees
    if course and not sees.site:
        return [visible_course(request, course).pk]
    return sees.course_ids()
