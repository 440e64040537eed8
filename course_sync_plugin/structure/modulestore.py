"""Published courses of a real edx-platform, read from its modulestore.

Only the published branch is read, so no draft leaks: neither the branch setting of the process (Studio's is
draft-preferred) nor ``revision=`` decides, but the version that the course index names for ``published-branch``.

What is published is what learners get, so a rerun has the title and the dates of its source until its course block is
first published: the platform gives both runs one published structure and writes the new ones into the draft alone.
Snapshots are therefore told apart by course and version, never by version alone, and the first publish of the
rerun's settings brings one update.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Structure
from course_sync_plugin.exceptions import CourseNotFound, CourseSyncError, SourceError
from course_sync_plugin.keys import course_id as id_of
from course_sync_plugin.keys import is_course_run
from course_sync_plugin.structure.builder import StructureBuilder
from course_sync_plugin.structure.modulestore_blocks import SplitCourse, has_content, raw_blocks


class ModulestoreSource:
    """The source of a real host (:class:`course_sync_plugin.structure.source.Source`)."""

    def published_version(self, course_id: str) -> str | None:
        """Return the version that is published now, or None where there is no such course. One SQL query.

        The database compares without regard to case, course keys do not.
        """
        key = _course_key(course_id)
        rows = _published().filter(course_id=key) if is_course_run(key) else ()
        return next((version for found, version in rows if str(found) == course_id), None)

    def published_versions(self) -> Iterator[tuple[str, str]]:
        """Yield course id and published version of every course run. One SQL query, whatever their number."""
        for key, version in _published().iterator():
            if is_course_run(key):
                yield id_of(key), version

    def read(self, course_id: str) -> Structure:
        """Return the published structure, stamped with the version that was really read.

        One SQL and two MongoDB queries whatever its size. Raises CourseNotFound where there is no such course or
        nothing of it is published, InvalidCourse where an id is too long to be stored, and SourceError for whatever
        else goes wrong: then nothing is known, least of all that the course is gone.
        """
        try:
            course = _split_course(_course_key(course_id))
            return StructureBuilder(course_id, course.version, raw_blocks(course)).build()
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
        raise SourceError(f"'{course_id}' is no course key", course=course_id) from error


def _published() -> Any:
    """Return a queryset of course key and published version of whatever has one."""
    from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex

    indexes = SplitModulestoreCourseIndex.objects.exclude(published_version="").order_by()
    return indexes.values_list("course_id", "published_version")


def _split_course(key: CourseKey) -> SplitCourse:
    """Return the raw published structure of a course with the definitions of its components.

    Loading XBlocks costs many times as much, so this reads what split modulestore stores. It is the one place that
    knows how: ``get_course_index``, ``find_structures_by_id`` and ``get_definitions`` of
    ``xmodule/modulestore/split_mongo/split.py`` are public by name, but nobody promised them. Should a release change
    them, ``get_course(key, depth=None, lazy=False)`` under ``branch_setting(published_only, key)`` shows the same
    fields through public API; the platform tests compare the two block by block.

    The index is read once, and structures and definitions are never changed once they are written: a publish that
    comes meanwhile cannot tear the course.
    """
    import pymongo
    from edx_django_utils.cache import RequestCache

    RequestCache("course_index_cache").clear()  # a task or a command would see the index it saw first for ever
    store = _split_store()
    # The platform sets no limit on its queries: a MongoDB that hangs would keep this thread for ever.
    with pymongo.timeout(settings.COURSE_SYNC_READ_SECONDS), store.bulk_operations(key, emit_signals=False):
        version = _version(store, key)
        structure = _structure(store, key, version)
        blocks = structure["blocks"]
        definitions = _definitions(store, key, blocks.values())
    return SplitCourse(key, str(version), structure["root"], blocks, definitions)


def _version(store: Any, key: CourseKey) -> Any:
    """Return the id of the published structure. The database compares without regard to case, keys do not."""
    from xmodule.modulestore import ModuleStoreEnum

    index = (store.get_course_index(key) if is_course_run(key) else None) or {}
    version = index.get("versions", {}).get(ModuleStoreEnum.BranchName.published)
    if version is None or (index["org"], index["course"], index["run"]) != (key.org, key.course, key.run):
        raise CourseNotFound(f"There is no published course {key}", course=str(key))
    return version


def _structure(store: Any, key: CourseKey, version: Any) -> Mapping[str, Any]:
    for structure in store.find_structures_by_id([version]):
        return structure
    raise SourceError(
        f"MongoDB does not hold version {version} of {key}, which the course index names: was one of the two databases "
        "restored from an older backup?",
        course=str(key),
    )


def _definitions(store: Any, key: CourseKey, blocks: Iterable[Any]) -> dict[Any, Any]:
    """Return the content fields by definition id, of the blocks whose content counts.

    The platform writes definitions before its index names their version, so one that is not there yet, or not any
    more, is no edit. The platform itself shows such a block as an empty one; recorded, that would never be corrected.
    """
    wanted = {block.definition for block in blocks if has_content(block.block_type)} - {None}
    found = {one["_id"]: one.get("fields") for one in store.get_definitions(key, wanted)}
    if missing := wanted - found.keys():
        raise SourceError(
            f"MongoDB does not hold {len(missing)} of {len(wanted)} definitions of {key}: does the secondary that "
            "answers lag behind, or was a backup restored in part? Nothing was synced.",
            course=str(key),
        )
    return found


def _split_store() -> Any:
    """Return the store of the platform that keeps courses in versions."""
    from xmodule.modulestore import ModuleStoreEnum
    from xmodule.modulestore.django import modulestore

    for store in modulestore().modulestores:
        if store.get_modulestore_type() == ModuleStoreEnum.Type.split:
            return store
    raise SourceError("This host has no split modulestore; courses in other stores cannot be synced")
