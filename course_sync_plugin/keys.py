"""Parses course keys and tells which of them name a course run that can be synced."""

from __future__ import annotations

from typing import Any

from ccx_keys.locator import CCXLocator
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey
from opaque_keys.edx.locator import CourseLocator, LibraryLocator

from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.sanitize.text import short_repr


def is_course_run(key: Any) -> bool:
    """Tell whether a key names a course run of our own: not a library (``library-v1:``), not a CCX (``ccx-v1:``).

    Library keys and CCX keys are CourseKeys too, so only their exact classes tell them apart. Deprecated keys
    (``Org/Course/Run``) belong to the old modulestore, which edx-platform no longer has.
    """
    return isinstance(key, CourseKey) and not isinstance(key, (LibraryLocator, CCXLocator)) and not key.deprecated


def course_id(key: Any) -> str:
    """Return the course id of a key: a string without branch and version."""
    return str(key.for_branch(None).version_agnostic())


def parse_course_id(text: str) -> str:
    """Return the course id that a typed text names. Raises ConfigurationError, which says what is wrong with it."""
    try:
        key = CourseKey.from_string(text.strip())
    except InvalidKeyError as error:
        raise ConfigurationError(f"{short_repr(text)} is not a course key such as course-v1:Org+Course+Run") from error
    if not is_course_run(key):
        raise ConfigurationError(f"{short_repr(text)} is not a course run: libraries and CCX courses are not synced")
    found = course_id(key)
    if len(found) > LONGEST_KEY:
        raise ConfigurationError(
            f"{short_repr(text)} has more than {LONGEST_KEY} characters; no course key may have more"
        )
    return found


def course_of_entity(entity_id: str) -> str | None:
    """Return the id of the course run that the usage key of an entity belongs to, or None if it names none."""
    try:
        key = UsageKey.from_string(entity_id).context_key
    except InvalidKeyError:
        return None
    return course_id(key) if is_course_run(key) else None


def course_holding(entity_id: str) -> str | None:
    """Return the id of the course run that an entity is or belongs to, or None if the id names none."""
    try:
        key = CourseKey.from_string(entity_id)
    except InvalidKeyError:
        return course_of_entity(entity_id)
    return course_id(key) if is_course_run(key) else None


def parse_org(text: str) -> str:
    """Return the organisation that a typed text names. Raises ConfigurationError if no course key can hold it."""
    org = text.strip()
    try:
        CourseLocator(org, "Course", "Run")
    except InvalidKeyError:
        org = ""
    if not 0 < len(org) <= LONGEST_KEY:
        raise ConfigurationError(
            f"{short_repr(text)} cannot be the organisation of a course: use up to {LONGEST_KEY} letters, digits, "
            "- _ . : ~"
        )
    return org


def org_of(course_key: str) -> str:
    """Return the organisation of a course id."""
    return CourseKey.from_string(course_key).org or ""


def block_type_of(entity_id: str, course_key: str) -> str | None:
    """Return the block type of an entity of a course, or None if the id does not name one of this course."""
    if entity_id == course_key:
        return "course"
    try:
        key = UsageKey.from_string(entity_id)
    except InvalidKeyError:
        return None
    plain = key.for_branch(None).version_agnostic() if hasattr(key, "for_branch") else key
    is_ours = str(plain) == entity_id and str(key.context_key) == course_key
    return str(key.block_type) if is_ours else None
