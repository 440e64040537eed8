"""Looks up known courses. For an unknown one it suggests a similar one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.keys import org_of, parse_course_id
from course_sync_plugin.models import Course, Lane
from course_sync_plugin.structure.sources import get_source


def published_courses() -> set[str]:
    """Return the ids of the courses that are published."""
    return {key for key, _version in get_source().published_versions()}


def known_courses() -> set[str]:
    """Return the ids of the courses that are published or recorded."""
    return published_courses() | set(Course.objects.values_list("key", flat=True))


def courses_of(lanes: QuerySet[Lane]) -> tuple[str, ...]:
    """Return the ids of the courses of lanes, sorted. One query."""
    return tuple(sorted(lanes.values_list("course__key", flat=True)))


def known_course(course: str) -> str:
    """Return the id of a known course. Raises ConfigurationError for a wrong key, UnknownName for an unknown course."""
    return among(known_courses(), course)


def among(known: Collection[str], course: str) -> str:
    """Return the id of a course that must be in ``known``. Raises the same errors as :func:`known_course`."""
    key = parse_course_id(course)
    if key not in known:
        raise UnknownName(_("There is no published course {course}.").format(course=key) + did_you_mean(key, known))
    return key


def unmatched(orgs: Collection[str], courses: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each organisation and each course of a subscription that matches no known course."""
    keys = known_courses() if orgs or courses else set()
    known_orgs = {org_of(key) for key in keys}
    for name, known in [*((org, known_orgs) for org in orgs), *((course, keys) for course in courses)]:
        if name not in known:
            yield _("No known course matches '{name}'.").format(name=name) + did_you_mean(name, known)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the question that suggests a similar name, or an empty text if no known name is similar."""
    near = get_close_matches(name, known, n=1)
    return _(" Did you mean {name}?").format(name=near[0]) if near else ""
