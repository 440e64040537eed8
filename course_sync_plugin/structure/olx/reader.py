"""Reads an OLX export of Studio, an archive or a folder, as a structure.

The structure is that of the published course: without drafts, and without blocks that a learner cannot reach from the
course (orphans).
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs
from lxml import etree
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import CourseLocator

from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import InvalidCourse
from course_sync_plugin.structure.builder import StructureBuilder
from course_sync_plugin.structure.digest import field_digests, structure_digest
from course_sync_plugin.structure.olx.archive import open_export
from course_sync_plugin.structure.olx.blocks import BlockReader
from course_sync_plugin.structure.olx.policy import read_policy
from course_sync_plugin.structure.olx.xml import parsed

_ROOT_FILE = "course.xml"


def read_olx(
    path: str | os.PathLike[str], course_id: str | None = None, published_version: str | None = None
) -> Structure:
    """Return the structure of an export (``.tar.gz``, ``.tar`` or folder).

    ``course_id``: the course key that the structure gets; by default the export's own. ``published_version``: the
    version that the structure gets; by default a digest of its content. Raises InvalidCourse with the file and, if
    known, the line.
    """
    with open_export(path) as files:
        return read_files(files, course_id, published_version)


def read_with_html(
    path: str | os.PathLike[str], course_id: str | None = None, published_version: str | None = None
) -> tuple[Structure, Mapping[str, str]]:
    """Return the same as :func:`read_olx`, and the HTML of the html components by entity id. Raises InvalidCourse."""
    with open_export(path) as files:
        return _read(files, course_id, published_version)


def read_files(
    files: Mapping[str, bytes], course_id: str | None = None, published_version: str | None = None
) -> Structure:
    """Return the structure of an export that :func:`~course_sync_plugin.structure.olx.archive.open_export` opened."""
    return _read(files, course_id, published_version)[0]


def _read(
    files: Mapping[str, bytes], course_id: str | None, published_version: str | None
) -> tuple[Structure, Mapping[str, str]]:
    root = _root(files)
    course_id = _course_key(course_id or _require_own_id(root))
    warnings: list[str] = []
    policy = read_policy(files, root.get("url_name", root.get("slug", "")), warnings)
    reader = BlockReader(files, course_id, policy, warnings)
    blocks = reader.read(root, _ROOT_FILE)
    structure = StructureBuilder(course_id, published_version or "", blocks, warnings).build()
    return (structure if published_version else _stamped(structure)), reader.html


def own_course_id(files: Mapping[str, bytes]) -> str:
    """Return the key that an open export gives its course, unchecked; empty if it gives none."""
    return _own_id(_root(files))


def _root(files: Mapping[str, bytes]) -> etree._Element:
    root = parsed(files, _ROOT_FILE)
    if root.tag != "course":
        raise InvalidCourse(f"{_ROOT_FILE} has <{root.tag}> as its root element, not <course>.")
    return root


def _own_id(root: etree._Element) -> str:
    org, course, run = (root.get(name) for name in ("org", "course", "url_name"))
    return f"course-v1:{org}+{course}+{run}" if org and course and run else ""


def _require_own_id(root: etree._Element) -> str:
    own_id = _own_id(root)
    if not own_id:
        raise InvalidCourse(f"{_ROOT_FILE} does not name org, course and url_name of the course; give its course key.")
    return own_id


def _course_key(course_id: str) -> str:
    """Return the key as the platform writes it. Raises InvalidCourse if it is not the key of a course run."""
    try:
        key = CourseKey.from_string(course_id)
    except InvalidKeyError:
        key = None
    if type(key) is not CourseLocator or key.deprecated:
        raise InvalidCourse(f"'{course_id}' is not the key of a course run (course-v1:ORG+COURSE+RUN).")
    return str(key.for_branch(None).version_agnostic())


def _stamped(structure: Structure) -> Structure:
    """Return the structure with a version made from its content: equal content has an equal version."""
    return attrs.evolve(structure, published_version=structure_digest(structure, field_digests(structure))[:32])
