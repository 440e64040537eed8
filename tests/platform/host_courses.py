"""Makes courses in edx-platform: imports them or writes them by hand, and reads them as the platform shows them."""

from __future__ import annotations

import os
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import attrs
import pytest
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.diff.handlers import Field, handler_for
from course_sync_plugin.structure.values import InvalidValue, normalised

COURSES = Path(__file__).resolve().parents[3] / "shared" / "data" / "courses"


def archives() -> list[str]:
    """Return the names of the real courses. Without any, return one name, for which :func:`archive` skips the test."""
    names = sorted(path.name.removesuffix(".tar.gz") for path in COURSES.glob("*__*.tar.gz"))
    return [name for name in names if name != "library__demo"] or ["demox__verawood"]


def archive(name: str) -> Path:
    """Return the path of a real course. If it is missing, skip the test (in CI: fail)."""
    path = COURSES / f"{name}.tar.gz"
    if not path.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs the real course {name} in shared/data")
    return path


def fresh_store() -> Any:
    """Empty MongoDB and every cache, and return the modulestore."""
    import host_mongo
    from django.core.cache import caches
    from edx_django_utils.cache import RequestCache
    from xmodule.modulestore.django import modulestore

    host_mongo.empty()
    for cache in caches.all():
        cache.clear()
    RequestCache.clear_all_namespaces()
    return modulestore()


def import_course(archive: Path, key: CourseKey, folder: Path, user_id: int) -> None:
    """Import an OLX archive as Studio does."""
    from xmodule.contentstore.django import contentstore
    from xmodule.modulestore.django import modulestore
    from xmodule.modulestore.xml_importer import import_course_from_xml

    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    import_course_from_xml(
        modulestore(),
        user_id,
        str(folder),
        source_dirs=[path.parent.name for path in folder.glob("*/course.xml")],
        static_content_store=contentstore(),
        target_id=key,
        create_if_not_present=True,
        raise_on_failure=True,
    )


@contextmanager
def published(key: CourseKey):
    """Read the published branch, as learners do, instead of the default branch of the process."""
    from xmodule.modulestore import ModuleStoreEnum
    from xmodule.modulestore.django import modulestore

    store = modulestore()
    with (
        store.branch_setting(ModuleStoreEnum.Branch.published_only, key),
        store.bulk_operations(key, emit_signals=False),
    ):
        yield store


@attrs.define
class Shown:
    """A published course as its XBlocks show it, by entity id in document order."""

    version: str
    parents: dict[str, str | None]
    children: dict[str, list[str]]
    blocks: dict[str, Any]
    errors: set[str]  # parents of error blocks

    def titles(self) -> dict[str, str | None]:
        """Return the explicit title of every block."""
        return {entity_id: own_value(block, "display_name") for entity_id, block in self.blocks.items()}


def shown(key: CourseKey) -> Shown:
    """Walk the XBlocks of a published course, as a new request does."""
    from edx_django_utils.cache import RequestCache

    RequestCache.clear_all_namespaces()
    with published(key) as store:
        course = store.get_course(key, depth=None)
        result = Shown(str(course.course_version), {}, {}, {}, set())
        _walk(course, str(key), None, result)
        return result


def _walk(block: Any, entity_id: str, parent_id: str | None, result: Shown) -> None:
    result.parents[entity_id] = parent_id
    result.blocks[entity_id] = block
    for child in block.get_children() if block.has_children else ():
        child_id = str(child.location.for_branch(None).version_agnostic())
        if child.location.block_type == "error":
            result.errors.add(entity_id)
        elif child_id not in result.parents:
            result.children.setdefault(entity_id, []).append(child_id)
            _walk(child, child_id, entity_id, result)


def own_value(block: Any, name: str) -> Any:
    """Return the value that a block itself sets, or that a v1 library set in its copy of the block."""
    field = block.fields.get(name)
    kvs = block.runtime.service(block, "field-data")._kvs if field else None
    if field is None or not (field.is_set_on(block) or kvs.has_default_value(name)):
        return None
    return getattr(block, name)


def expected_value(block: Any, name: str, field: Field) -> Any:
    """Return the value of a field from the XBlock, in the form of the contract; None if it is not set."""
    value = _effective_value(block, name) if field.effective else own_value(block, name)
    if value is None:
        return None
    try:
        return normalised(field.kind, block.fields[name].to_json(value))
    except InvalidValue:
        return None


def _effective_value(block: Any, name: str) -> Any:
    """Return the XBlock's value, if the block or an ancestor sets it; a default of its class does not count."""
    field = block.fields.get(name)
    one = block
    while field and one is not None:
        if field.is_set_on(one):
            return getattr(block, name)
        one = one.get_parent()
    return None


def expected_fields(block: Any) -> dict[str, Any]:
    """Return all fields of a block that are sent, except the digest of its content."""
    fields = handler_for(block.scope_ids.block_type).fields
    values = {name: expected_value(block, name, field) for name, field in fields.items() if name != "content_digest"}
    return {name: value for name, value in values.items() if value is not None}


class Studio:
    """An author who edits one course: does what Studio's own endpoints do with the modulestore."""

    def __init__(self, store: Any, user_id: int, run: str = "run"):
        from xmodule.modulestore import ModuleStoreEnum

        self.store = store
        self.user_id = user_id
        with store.default_store(ModuleStoreEnum.Type.split):
            course = store.create_course("Org", "Bees", run, user_id, fields={"display_name": "Keeping bees"})
        self.key = course.id.for_branch(None).version_agnostic()

    @property
    def course_id(self) -> str:
        return str(self.key)

    def entity_id(self, block_type: str, block_id: str) -> str:
        return str(self.key.make_usage_key(block_type, block_id))

    def add(self, parent: tuple[str, str], block_type: str, block_id: str, **fields: Any) -> tuple[str, str]:
        """Add a block to the draft; sections and subsections are published at once."""
        fields.setdefault("display_name", block_id.title())
        self.store.create_child(self.user_id, self._key(parent), block_type, block_id=block_id, fields=fields)
        return block_type, block_id

    def edit(self, block: tuple[str, str], **fields: Any) -> None:
        """Change fields of a block in the draft."""
        item = self.store.get_item(self._key(block))
        for name, value in fields.items():
            setattr(item, name, value)
        self.store.update_item(item, self.user_id)

    def move(self, block: tuple[str, str], old: tuple[str, str], new: tuple[str, str], at: int | None = None) -> None:
        """Move a block to another parent in the draft."""
        self.store.update_item_parent(self._key(block), self._key(new), self._key(old), self.user_id, at)

    def reorder(self, parent: tuple[str, str], *children: tuple[str, str]) -> None:
        self.edit(parent, children=[self._key(child) for child in children])

    def publish(self, block: tuple[str, str]) -> None:
        self.store.publish(self._key(block), self.user_id)

    def unpublish(self, block: tuple[str, str]) -> None:
        self.store.unpublish(self._key(block), self.user_id)

    def delete(self, block: tuple[str, str]) -> None:
        self.store.delete_item(self._key(block), self.user_id)

    def rerun(self, run: str, **fields: Any) -> CourseKey:
        """Make a new run of the course, as the task of Studio's rerun does."""
        new = self.key.replace(run=run)
        self.store.clone_course(self.key, new, self.user_id, fields=fields)
        return new

    def _key(self, block: tuple[str, str]) -> Any:
        return self.key.make_usage_key(*block)


#: The blocks of a small course.
COURSE, WEEK, LESSON = ("course", "course"), ("chapter", "week"), ("sequential", "lesson")
FIRST, SECOND, TEXT, QUIZ = ("vertical", "first"), ("vertical", "second"), ("html", "text"), ("problem", "quiz")


def small_course(store: Any, author: Any, run: str = "run") -> Studio:
    """Write a course of one subsection with two published units."""
    studio = Studio(store, author.id, run)
    studio.add(COURSE, *WEEK)
    studio.add(WEEK, *LESSON)
    for unit, component, data in ((FIRST, TEXT, "<p>Bees</p>"), (SECOND, QUIZ, "<problem><p>2 + 2</p></problem>")):
        studio.add(LESSON, *unit)
        studio.add(unit, *component, data=data)
        studio.publish(unit)
    return studio


def split_store(store: Any) -> Any:
    """Return the split store behind the platform's mixed store, with its collections."""
    return store.modulestores[0]


def without_digest(entity: Any) -> dict[str, Any]:
    """Return the fields of an entity that an XBlock has too: all but the content digest."""
    return {name: value for name, value in entity.fields.items() if name != "content_digest"}


@contextmanager
def mongo_queries():
    """Collect the queries that are sent to MongoDB."""
    from mongomock.collection import Collection

    with mock.patch.object(Collection, "find", autospec=True, side_effect=Collection.find) as find:
        yield find.mock_calls
