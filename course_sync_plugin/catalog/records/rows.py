"""Reads a row of the catalog: parses, validates and normalises its values, or says why the row is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from ccx_keys.locator import CCXLocator
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import LibraryLocator

from course_sync_plugin.catalog.records.fields import FIELDS, Field
from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.keys import course_id

#: The form of nearly every key. opaque-keys would accept such a key unchanged, and takes ten times as long.
_PLAIN_KEY = re.compile(r"course-v1:[\w\-~.:]+\+[\w\-~.:]+\+[\w\-~.:]+", re.ASCII)
#: The last character that tables of older sites (utf8mb3) can store.
_LAST_OF_BASIC_PLANE = "\uffff"


@attrs.frozen
class CatalogRow:
    """One course run as the catalog describes it.

    ``values``: the valid value of each column. ``kept``: for each other column, why the row has no valid value for it;
    the sync keeps its old value. ``refused``: why the whole row is refused; empty for a valid row.
    """

    key: str
    values: Mapping[str, Any] = attrs.field(factory=dict)
    kept: Mapping[str, str] = attrs.field(factory=dict)
    refused: str = ""


def read_row(row: Any) -> CatalogRow:
    """Read one element of ``results``. Raises nothing: ``refused`` and ``kept`` name everything that is not valid."""
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
        is_valid, value = _value_of(field, row)
        (values if is_valid else kept)[field.column] = value
    return CatalogRow(exact, values, kept)


def parsed_key(text: str) -> CourseKey:
    """Return the key of a course run or a CCX. Raises ValueError, which says what is wrong with the text."""
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
    """Return the course run that a CCX was made from; None if the key is not the key of a CCX."""
    parsed = CourseKey.from_string(key)
    return course_id(parsed.to_course_locator()) if isinstance(parsed, CCXLocator) else None


def _value_of(field: Field, row: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return True and the valid value of a field, or False and the reason why the row has none."""
    if field.name not in row:
        return False, "absent"
    raw = row[field.name]
    if raw is None:
        return (True, None) if field.null_is_value else (False, "null")
    try:
        value = field.read(raw)
    except ValueError as error:
        return False, f"invalid: {error}"
    return (False, "empty") if value is None else (True, value)
