"""Writes edits from other systems into the draft branch of edx-platform's modulestore.

It writes as Studio's own endpoint does (``_save_xblock`` in ``cms/djangoapps/contentstore/xblock_storage_handlers``),
with the public methods of ``modulestore()`` alone. Only a Studio process can do that: an LMS process loads blocks
without the fields that Studio adds, and would drop their values when it saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.db import DatabaseError
from opaque_keys.edx.keys import CourseKey, UsageKey

from course_sync_plugin.exceptions import ConfigurationError, CourseNotFound, PermanentError, TransientError
from course_sync_plugin.structure.modulestore.blocks import is_installed
from course_sync_plugin.structure.modulestore.drafts import Block, differs, draft_of, entity_id_of, set_value, value_of
from course_sync_plugin.structure.modulestore.source import ModulestoreSource
from course_sync_plugin.structure.write_rules import (
    PUBLISHED_WHEN_SAVED,
    UNIT,
    checked,
    index_after,
    leaves_learners,
    named,
    writable_fields,
)
from course_sync_plugin.structure.writer import CourseWriter, Draft
from course_sync_plugin.structure.writers import author_id

Value = TypeVar("Value")


class ModulestoreWriter(CourseWriter):
    """The writer of a host with edx-platform (:class:`course_sync_plugin.structure.writer.CourseWriter`)."""

    def draft(self, entity_id: str) -> Draft | None:
        """Return what the draft branch has of a block, or None if the block or its course does not exist."""
        course_id, _ = named(entity_id)
        with _studio(course_id, emit_signals=False) as store:
            block = _find(store, course_id, entity_id) if _exists(course_id) else None
            return block and draft_of(store, block)

    def write(self, entity_id: str, fields: Mapping[str, Any], user: str) -> Mapping[str, Any]:
        """Write the values that differ, in one version with at most one signal. Return the values as read back."""
        values, (course_id, block_type) = checked(entity_id, fields), named(entity_id)
        known = writable_fields(block_type)
        with _studio(course_id) as store:
            author, block = author_id(user), _get(store, course_id, entity_id)
            new = {name: one for name, one in values.items() if differs(block, name, known[name], one)}
            if new:
                _require_installed(entity_id, block_type)
                for name, value in new.items():
                    set_value(block, name, value)
                store.update_item(block, author)
            wanted = {name: value_of(block, name, known[name]) for name in values}
        with _studio(course_id, emit_signals=False) as store:
            block = _get(store, course_id, entity_id)
            found = {name: value_of(block, name, known[name]) for name in values}
        return _stored(found, wanted, entity_id)

    def publish(self, entity_id: str, user: str) -> None:
        """Publish the draft of a unit or component, with everything below it, if it differs."""
        course_id, _ = named(entity_id)
        with _studio(course_id) as store:
            author, block = author_id(user), _get(store, course_id, entity_id)
            if not self.has_draft(entity_id) or not store.has_changes(block):
                return
            _publish(store, block, author)
        with _studio(course_id, emit_signals=False) as store:
            _stored(store.has_changes(_get(store, course_id, entity_id)), False, entity_id)

    def move_checked(self, entity_id: str, parent_id: str, after_id: str | None, user: str) -> None:
        """Put a block into a parent after a sibling, in one version of each branch with at most one signal."""
        course_id, _ = named(entity_id)
        with _studio(course_id) as store:
            author = author_id(user)
            block, parent = _get(store, course_id, entity_id), _get(store, course_id, parent_id)
            old = block.get_parent()
            if old is None:
                raise PermanentError(f"{entity_id} is in no parent in Studio", entity=entity_id)
            siblings = [one for one in parent.children if entity_id_of(one) != entity_id]
            index = index_after(entity_id, after_id, [entity_id_of(one) for one in siblings])
            children = [*siblings[:index], block.location, *siblings[index:]]
            if entity_id_of(old.location) != parent_id:
                _change_parent(store, block, old, (parent, children), author)
            elif children != parent.children:
                _set_children(store, parent, children, author)
        with _studio(course_id, emit_signals=False) as store:
            found = _get(store, course_id, parent_id).children
            _stored([*map(entity_id_of, found)], [*map(entity_id_of, children)], entity_id)


def _stored(found: Value, wanted: Value, entity_id: str) -> Value:
    """Return what was read back. Raises TransientError if it is not what was written.

    If two processes write to a course at the same time, the platform drops what one of them wrote, and writes only a
    warning to its log (``update_course_index`` in ``xmodule/modulestore/split_mongo/mongo_connection.py``).
    """
    if found != wanted:
        raise TransientError(f"{entity_id} was not written: somebody saved the course just then", entity=entity_id)
    return found


def _require_installed(entity_id: str, block_type: str) -> None:
    """Raise PermanentError if the XBlock is missing: the platform would save the block without most of its settings."""
    if not is_installed(block_type):
        message = f"{entity_id} cannot be written: its XBlock is not installed here. Install it first."
        raise PermanentError(message, entity=entity_id)


@contextmanager
def _studio(course_id: str, *, emit_signals: bool = True) -> Iterator[Any]:
    """Return the modulestore with the draft branch of a course, in one bulk operation.

    The index of the course is read anew: a task or a command would use the first one forever. MongoDB gets the time of
    one read. Raises ConfigurationError in the LMS, TransientError if a database does not answer.
    """
    _require_studio()
    import pymongo
    from edx_django_utils.cache import RequestCache
    from xmodule.modulestore import ModuleStoreEnum
    from xmodule.modulestore.django import modulestore

    RequestCache("course_index_cache").clear()
    key, store = CourseKey.from_string(course_id), modulestore()
    try:
        with (
            pymongo.timeout(settings.COURSE_SYNC_READ_SECONDS),
            store.branch_setting(ModuleStoreEnum.Branch.draft_preferred, key),
            store.bulk_operations(key, emit_signals=emit_signals),
        ):
            yield store
    except (pymongo.errors.PyMongoError, DatabaseError) as error:
        message = f"The modulestore did not do it: {type(error).__name__}"
        raise TransientError(message, course=course_id) from error


def _require_studio() -> None:
    """Raise ConfigurationError in a process of the LMS. edx-platform tells its services apart in the same way."""
    if settings.ROOT_URLCONF == "lms.urls":
        raise ConfigurationError(
            "An LMS process cannot write into the drafts of Studio. Run this in Studio or its worker: manage.py cms …"
        )


def _exists(course_id: str) -> bool:
    return ModulestoreSource().published_version(course_id) is not None


def _get(store: Any, course_id: str, entity_id: str) -> Block:
    """Return a block of the draft branch. Raises CourseNotFound or PermanentError if it does not exist."""
    if not _exists(course_id):
        raise CourseNotFound(f"There is no course {course_id}", course=course_id)
    block = _find(store, course_id, entity_id)
    if block is None:
        raise PermanentError(f"There is no {entity_id} in Studio", entity=entity_id)
    return block


def _find(store: Any, course_id: str, entity_id: str) -> Block | None:
    from xmodule.modulestore.exceptions import ItemNotFoundError

    key = CourseKey.from_string(course_id)
    is_course = entity_id == course_id
    try:
        return store.get_course(key) if is_course else store.get_item(UsageKey.from_string(entity_id))
    except ItemNotFoundError:
        return None


def _publish(store: Any, block: Block, author: int) -> None:
    from xmodule.modulestore.exceptions import ItemNotFoundError

    try:
        store.publish(block.location, author)
    except ItemNotFoundError as error:
        entity_id = entity_id_of(block.location)
        raise PermanentError(f"{entity_id} cannot be published: its parent is not", entity=entity_id) from error


def _set_children(store: Any, parent: Block, children: list[Any], author: int) -> None:
    parent.children = children
    store.update_item(parent, author)


def _change_parent(store: Any, block: Block, old: Block, new: tuple[Block, list[Any]], author: int) -> None:
    """Move a block to another parent, so that learners keep it and what is below it.

    The platform publishes a parent without its children, and drops what no published parent has. So the block gets its
    new parent first, is published there, and leaves its old parent last. The platform's own ``update_item_parent``
    begins with the old parent: then learners lose a moved unit, and the units of a moved subsection.
    """
    is_published = block.location.block_type == UNIT and store.has_published_version(block)
    if is_published and store.has_changes(block):
        raise leaves_learners(entity_id_of(block.location))
    _set_children(store, *new, author)
    if is_published:
        _publish(store, block, author)
    elif block.location.block_type in PUBLISHED_WHEN_SAVED:
        store.update_item(block, author)
    _set_children(store, old, [one for one in old.children if one != block.location], author)
