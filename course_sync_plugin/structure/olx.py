"""The OLX source: a course as Studio exports it, an archive or a folder, read as a structure.

What a published course holds: drafts are left out, and what a learner never reaches from the course (orphans) too.
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
from course_sync_plugin.structure.archive import open_export
from course_sync_plugin.structure.builder import StructureBuilder
from course_sync_plugin.structure.digest import field_digests, structure_digest
from course_sync_plugin.structure.olx_blocks import BlockReader
from course_sync_plugin.structure.olx_policy import read_policy
from course_sync_plugin.structure.olx_xml import parsed

_ROOT_FILE = "course.xml"


def read_olx(
    path: str | os.PathLike[str], course_id: str | None = None, published_version: str | None = None
) -> Structure:
    """Return the structure of an export (``.tar.gz``, ``.tar`` or folder).

    ``course_id`` is the course key to read it under; by default the export's own. ``published_version`` names what
    was read; by default a digest of it. Raises InvalidCourse, which names the file, and the line where there is one.
    """
    with open_export(path) as files:
        return read_files(files, course_id, published_version)


def read_files(
    files: Mapping[str, bytes], course_id: str | None = None, published_version: str | None = None
) -> Structure:
    """Return the structure of an export that is open (:func:`~course_sync_plugin.structure.archive.open_export`)."""
    root = _root(files)
    course_id = _course_key(course_id or _require_own_id(root))
    warnings: list[str] = []
    policy = read_policy(files, root.get("url_name", root.get("slug", "")), warnings)
    blocks = BlockReader(files, course_id, policy, warnings).read(root, _ROOT_FILE)
    structure = StructureBuilder(course_id, published_version or "", blocks, warnings).build()
    return structure if published_version else _stamped(structure)


def own_course_id(files: Mapping[str, bytes]) -> str:
    """Return the key that an open export gives its course, unchecked; empty where it gives none."""
    return _own_id(_root(files))


def _root(files: Mapping[str, bytes]) -> etree._Element:
    root = parsed(files, _ROOT_FILE)
    if root.tag != "course":
        raise InvalidCourse(f"{_ROOT_FILE} holds <{root.tag}> where <course> belongs.")
    return root


def _own_id(root: etree._Element) -> str:
    org, course, run = (root.get(name) for name in ("org", "course", "url_name"))
    return f"course-v1:{org}+{course}+{run}" if org and course and run else ""


def _require_own_id(root: etree._Element) -> str:
    own_id = _own_id(root)
    if not own_id:
        raise InvalidCourse(f"{_ROOT_FILE} does not name org, course and url_name of the course; give its key.")
    return own_id


def _course_key(course_id: str) -> str:
    """Return the key as the platform writes it; raise InvalidCourse where it is no key of a course run."""
    try:
        key = CourseKey.from_string(course_id)
    except InvalidKeyError:
        key = None
    if type(key) is not CourseLocator or key.deprecated:
        raise InvalidCourse(f"'{course_id}' is no key of a course run (course-v1:ORG+COURSE+RUN).")
    return str(key.for_branch(None).version_agnostic())


def _stamped(structure: Structure) -> Structure:
    """Give the structure a version that only another content changes."""
    return attrs.evolve(structure, published_version=structure_digest(structure, field_digests(structure))[:32])
