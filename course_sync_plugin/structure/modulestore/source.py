"""Reads published courses from the modulestore of edx-platform.

Only the published branch is read, so no draft leaks. The version that the course index names for ``published-branch``
decides; the branch setting of the process (Studio's is draft-preferred) and ``revision=`` play no part.

The published course is the one that learners get. So a rerun has the title and the dates of its source until its course
block is published for the first time: the platform gives both runs the same published structure and writes the new
title and dates only into the draft. Therefore a snapshot is identified by course and version, never by the version
alone, and the first publish of the rerun's settings gives one update.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey

from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import CourseNotFound, CourseSyncError, SourceError
from course_sync_plugin.keys import course_id as id_of
from course_sync_plugin.keys import is_course_run
from course_sync_plugin.structure.builder import StructureBuilder
from course_sync_plugin.structure.modulestore.blocks import BlockKey, SplitCourse, has_content, html_of, raw_blocks


class ModulestoreSource:
    """The source of a host with edx-platform (:class:`course_sync_plugin.structure.base.Source`)."""

    def published_version(self, course_id: str) -> str | None:
        """Return the version that is published now, or None if there is no such course. One SQL query.

        The database ignores case when it compares; course keys do not, so the key is compared again in Python.
        """
        key = _course_key(course_id)
        rows = _published().filter(course_id=key) if is_course_run(key) else ()
        return next((version for found, version in rows if str(found) == course_id), None)

    def published_versions(self, course_ids: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
        """Yield the id and the published version of every course run. One SQL query, for any number of courses."""
        rows = _published()
        if course_ids is not None:
            rows = rows.filter(course_id__in=[_course_key(one) for one in course_ids])
        for key, version in rows.iterator():
            if is_course_run(key):
                yield id_of(key), version

    def read(self, course_id: str) -> Structure:
        """Return the published structure, with the version that was actually read.

        One SQL query and two MongoDB queries, for a course of any size. Raises CourseNotFound if there is no such
        course or nothing of it is published, InvalidCourse if an id is too long to be stored, and SourceError for every
        other failure. A SourceError does not mean that the course does not exist.
        """
        with _reading(course_id):
            course = _split_course(_course_key(course_id))
            return StructureBuilder(course_id, course.version, raw_blocks(course)).build()

    def html(self, course_id: str, entity_ids: Collection[str]) -> Mapping[str, str]:
        """Return the HTML of these components as it is published now. As many queries as :meth:`read`."""
        if not entity_ids:
            return {}
        with _reading(course_id):
            keys = {one: UsageKey.from_string(one) for one in entity_ids}
            wanted: dict[BlockKey, str] = {(key.block_type, key.block_id): one for one, key in keys.items()}
            course = _split_course(_course_key(course_id), wanted)
            return {wanted[key]: html for key, html in html_of(course) if key in wanted}


@contextmanager
def _reading(course_id: str) -> Iterator[None]:
    """Raise SourceError for every failure that is none of our errors."""
    try:
        yield
    except CourseSyncError:
        raise
    except Exception as error:
        raise SourceError(
            f"{course_id} could not be read from the modulestore: {type(error).__name__}: {error}", course=course_id
        ) from error


def _course_key(course_id: str) -> CourseKey:
    try:
        return CourseKey.from_string(course_id)
    except InvalidKeyError as error:
        raise SourceError(f"'{course_id}' is not a course key", course=course_id) from error


def _published() -> Any:
    """Return a queryset of pairs (course key, published version) of the course indexes with a published version."""
    from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex

    indexes = SplitModulestoreCourseIndex.objects.exclude(published_version="").order_by()
    return indexes.values_list("course_id", "published_version")


def _split_course(key: CourseKey, only: Collection[BlockKey] | None = None) -> SplitCourse:
    """Return the raw published structure of a course with the definitions of its components, or only of some blocks.

    To load XBlocks takes many times as long, so this function reads the documents that split modulestore stores. No
    other function does that: ``get_course_index``, ``find_structures_by_id`` and ``get_definitions`` of
    ``xmodule/modulestore/split_mongo/split.py`` have public names, but the platform does not promise to keep them. If a
    release changes them, ``get_course(key, depth=None, lazy=False)`` under ``branch_setting(published_only, key)``
    gives the same fields through the public API; the platform tests compare the two block by block.

    The index is read once, and the platform never changes a structure or definition that it has written. So a publish
    during the read cannot mix two versions of the course.
    """
    import pymongo
    from edx_django_utils.cache import RequestCache

    RequestCache("course_index_cache").clear()  # else a task or a command would use the first index forever
    store = _split_store()
    # The platform sets no time limit on its queries: without one, a MongoDB that hangs would block this thread forever.
    with pymongo.timeout(settings.COURSE_SYNC_READ_SECONDS), store.bulk_operations(key, emit_signals=False):
        version = _version(store, key)
        structure = _structure(store, key, version)
        blocks = structure["blocks"]
        named = [block for block_key, block in blocks.items() if only is None or block_key in only]
        definitions = _definitions(store, key, named)
    return SplitCourse(key, str(version), structure["root"], blocks, definitions)


def _version(store: Any, key: CourseKey) -> Any:
    """Return the id of the published structure. Raises CourseNotFound if there is none.

    The database ignores case when it compares; course keys do not, so the key is compared again.
    """
    from xmodule.modulestore import ModuleStoreEnum

    index = (store.get_course_index(key) if is_course_run(key) else None) or {}
    version = index.get("versions", {}).get(ModuleStoreEnum.BranchName.published)
    if version is None or (index["org"], index["course"], index["run"]) != (key.org, key.course, key.run):
        raise CourseNotFound(f"There is no published course {key}", course=str(key))
    return version


def _structure(store: Any, key: CourseKey, version: Any) -> Mapping[str, Any]:
    structures: Iterable[Mapping[str, Any]] = store.find_structures_by_id([version])
    for structure in structures:
        return structure
    raise SourceError(
        f"MongoDB does not hold version {version} of {key}, which the course index names. Check whether one of the two "
        "databases was restored from an older backup.",
        course=str(key),
    )


def _definitions(store: Any, key: CourseKey, blocks: Iterable[Any]) -> dict[Any, Any]:
    """Return the content fields of the blocks whose content is read, by definition id.

    Raises SourceError if a definition is missing. The platform writes the definitions before its index names their
    version, so a missing one is not an edit by an author. The platform shows such a block as empty; if that were
    recorded, no later sync would correct it.
    """
    wanted = {block.definition for block in blocks if has_content(block.block_type)} - {None}
    found = {one["_id"]: one.get("fields") for one in store.get_definitions(key, wanted)}
    if missing := wanted - found.keys():
        raise SourceError(
            f"MongoDB does not hold all definitions of {key}: it lacks {len(missing)} of {len(wanted)}. Check whether "
            "the secondary that answered lags behind, or a backup was restored only in part. Nothing was synced.",
            course=str(key),
        )
    return found


def _split_store() -> Any:
    """Return the platform's split modulestore. Raises SourceError if the host has none."""
    from xmodule.modulestore import ModuleStoreEnum
    from xmodule.modulestore.django import modulestore

    for store in modulestore().modulestores:
        if store.get_modulestore_type() == ModuleStoreEnum.Type.split:
            return store
    raise SourceError("This host has no split modulestore; courses in other stores cannot be synced")
