"""What a row of the catalog says: parsed, validated and normalised; and why one is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from ccx_keys.locator import CCXLocator
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import LibraryLocator

from course_sync_plugin.catalog.fields import FIELDS, Field
from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.keys import course_id

#: What nearly every key looks like: opaque-keys would take it as it is, and needs ten times as long.
_PLAIN_KEY = re.compile(r"course-v1:[\w\-~.:]+\+[\w\-~.:]+\+[\w\-~.:]+", re.ASCII)
#: Tables of older sites (utf8mb3) hold nothing beyond.
_LAST_OF_BASIC_PLANE = "\uffff"


@attrs.frozen
class CatalogRow:
    """One course run as the catalog describes it.

    ``values`` has the valid value of each column; ``kept`` says why a column is not among them; ``refused`` why the
    whole row is not taken, empty for a good one.
    """

    key: str
    values: Mapping[str, Any] = attrs.field(factory=dict)
    kept: Mapping[str, str] = attrs.field(factory=dict)
    refused: str = ""


def read_row(row: Any) -> CatalogRow:
    """Read one element of ``results``. Raises nothing: whatever a catalog may hold ends in ``refused`` or ``kept``."""
    if not isinstance(row, dict):
        return CatalogRow("", refused="not an object")
    key = row.get("key")
    if not isinstance(key, str) or not key.strip():
        return CatalogRow("", refused="no key")
    try:
        exact = key if _PLAIN_KEY.fullmatch(key) and len(key) <= LONGEST_KEY else course_id(parsed_key(key))
    except ValueError as error:
        return CatalogRow(ascii(key)[1:-1], refused=str(error))
    values: dict[str, Any] = {}
    kept: dict[str, str] = {}
    for field in FIELDS:
        is_said, value = _said(field, row)
        (values if is_said else kept)[field.column] = value
    return CatalogRow(exact, values, kept)


def parsed_key(text: str) -> CourseKey:
    """Return the key of a course run or a CCX. Raises ValueError, saying what it is instead."""
    if len(text) > LONGEST_KEY:
        raise ValueError("key too long")
    if not text.isprintable() or max(text, default="") > _LAST_OF_BASIC_PLANE:
        raise ValueError("not a course key")
    try:
        key = CourseKey.from_string(text)
    except InvalidKeyError as error:
        raise ValueError("not a course key") from error
    if isinstance(key, LibraryLocator):
        raise ValueError("library key")
    if key.deprecated:
        raise ValueError("deprecated key")
    if key.run is None or (isinstance(key, CCXLocator) and key.ccx is None):
        raise ValueError("not a course key")
    return key


def parent_of(key: str) -> str | None:
    """Return the course run that a CCX was made from; None where the key is no CCX."""
    parsed = CourseKey.from_string(key)
    return course_id(parsed.to_course_locator()) if isinstance(parsed, CCXLocator) else None


def _said(field: Field, row: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether the row says something valid of a field; its value, or why not."""
    if field.name not in row:
        return False, "absent"
    raw = row[field.name]
    if raw is None:
        return (True, None) if field.null_is_said else (False, "null")
    try:
        value = field.read(raw)
    except ValueError as error:
        return False, f"invalid: {error}"
    return (False, "empty") if value is None else (True, value)
