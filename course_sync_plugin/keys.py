"""Which keys name a course to sync."""

from __future__ import annotations

from typing import Any

from ccx_keys.locator import CCXLocator
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import CourseLocator, LibraryLocator

from course_sync_plugin.cleaning import shown
from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.exceptions import ConfigurationError


def is_course_run(key: Any) -> bool:
    """Tell whether a key names a course run of our own: not a library (``library-v1:``), not a CCX (``ccx-v1:``).

    Both are CourseKeys too, so nothing but the exact classes tells. Deprecated keys (``Org/Course/Run``) belong to
    a modulestore that is gone.
    """
    return isinstance(key, CourseKey) and not isinstance(key, (LibraryLocator, CCXLocator)) and not key.deprecated


def course_id(key: Any) -> str:
    """Return the course id of a key: a string without branch and version."""
    return str(key.for_branch(None).version_agnostic())


def parse_course_id(text: str) -> str:
    """Return a course id as people type it, checked. Raises ConfigurationError naming what is wrong with it."""
    try:
        key = CourseKey.from_string(text.strip())
    except InvalidKeyError as error:
        raise ConfigurationError(f"{shown(text)} is no course key; one looks like course-v1:Org+Course+Run") from error
    if not is_course_run(key):
        raise ConfigurationError(f"{shown(text)} is no course run: libraries and CCX courses are not synced")
    found = course_id(key)
    if len(found) > LONGEST_KEY:
        raise ConfigurationError(f"{shown(text)} has more than {LONGEST_KEY} characters, which no course key may have")
    return found


def parse_org(text: str) -> str:
    """Return an organisation as people type it, checked. Raises ConfigurationError where no course key can hold it."""
    org = text.strip()
    try:
        CourseLocator(org, "Course", "Run")
    except InvalidKeyError:
        org = ""
    if not 0 < len(org) <= LONGEST_KEY:
        raise ConfigurationError(
            f"{shown(text)} is no organisation of a course: up to {LONGEST_KEY} letters, digits, - _ . : ~"
        )
    return org


def org_of(course_key: str) -> str:
    """Return the organisation of a course id."""
    return CourseKey.from_string(course_key).org
