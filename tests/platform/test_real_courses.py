"""Compares what we read of real courses with what the platform shows, block by block.

The platform's own importer imports the courses.
"""

from __future__ import annotations

import json
import tarfile

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from host_courses import (
    archive,
    archives,
    expected_fields,
    fresh_store,
    import_course,
    mongo_queries,
    shown,
    without_digest,
)
from lxml import etree
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.data import Structure
from course_sync_plugin.structure.modulestore.blocks import is_installed
from course_sync_plugin.structure.modulestore.source import ModulestoreSource
from course_sync_plugin.structure.olx.reader import read_olx

pytestmark = pytest.mark.django_db

#: Courses that the platform cannot import, with the message of its error.
REFUSED = {"edxplatform__aside": "'NoneType' object has no attribute 'data_dir'"}  # test_aside is not installed

#: How many entities only the archive has, and why. Each is below an entity that the platform cannot read.
HIDDEN = {
    "demox__maple": (1, "a video whose List field holds a text: the platform stores an error block"),
    "edxplatform__test_import_course": (8, "pointers to files that are missing: error blocks"),
    "edxplatform__test_import_course_2": (8, "pointers to files that are missing: error blocks"),
    "edxplatform__test_unicode": (1, "a chapter whose file is missing: an error block"),
    "problembuilder__r1": (24, "children of problem-builder and step-builder, which are not installed"),
    "problembuilder__r2": (25, "the same, and a pointer to a missing file: an error block"),
}

#: Components whose own parser reads the title from an element of their XML.
TITLE_ELEMENT = {"openassessment": "title"}

#: Courses that are imported twice.
TWICE = ["demox__2014a", "demox__verawood", "edxplatform__toy", "edxplatform__xml_dag", "problembuilder__r2"]


@pytest.fixture(scope="module", params=[name for name in archives() if name not in REFUSED])
def imported(request, django_db_setup, django_db_blocker, tmp_path_factory):
    """Name and key of a real course. It is imported once for all tests of this module."""
    name = request.param
    key = CourseKey.from_string(f"course-v1:Real+{name}+run")
    with django_db_blocker.unblock(), transaction.atomic():
        fresh_store()
        user = get_user_model().objects.create(username="importer", email="importer@example.com")
        import_course(archive(name), key, tmp_path_factory.mktemp("olx"), user.id)
        yield name, key
        transaction.set_rollback(True)


def test_the_reader_agrees_with_the_platform(imported):
    """Compares ids, parents, order and every field."""
    _, key = imported
    structure = ModulestoreSource().read(str(key))
    course = shown(key)
    assert structure.published_version == course.version
    assert {entity_id: entity.parent_id for entity_id, entity in structure.entities.items()} == course.parents
    assert list(structure.entities) == list(course.parents)
    assert {parent: list(children) for parent, children in structure.children.items()} == course.children
    for entity_id, entity in structure.entities.items():
        block = course.blocks[entity_id]
        assert entity.block_type == block.scope_ids.block_type
        assert ("content_digest" in entity.fields) == (entity.entity_type == "component")
        assert without_digest(entity) == expected_fields(block), entity_id
    assert course.errors <= structure.unreadable
    assert json.loads(json.dumps([dict(entity.fields) for entity in structure.entities.values()]))
    assert not structure.warnings


def test_queries_do_not_grow_with_the_course(imported):
    _, key = imported
    with CaptureQueriesContext(connection) as sql, mongo_queries() as mongo:
        ModulestoreSource().read(str(key))
    assert len(sql) == 1
    assert len(mongo) == 2


def test_our_olx_source_agrees_with_the_platform_s_importer(imported):
    """Compares ids, places and titles of the same archive. The entities that only the archive has are known."""
    name, key = imported
    platform, olx = ModulestoreSource().read(str(key)), read_olx(archive(name), str(key))
    assert not platform.entities.keys() - olx.entities.keys()
    hidden = olx.entities.keys() - platform.entities.keys()
    assert len(hidden) == HIDDEN.get(name, (0, ""))[0]
    assert all(nearest_known(entity_id, olx, platform) in platform.unreadable for entity_id in hidden)
    assert pruned(olx, hidden) == {parent: list(children) for parent, children in platform.children.items()}
    for entity_id, entity in platform.entities.items():
        title = olx.entities[entity_id].fields.get("display_name")
        if entity.block_type in TITLE_ELEMENT and title != entity.fields.get("display_name"):
            title = written_title(name, entity_id, entity.block_type)
        assert entity.fields.get("display_name") == title, entity_id
        if is_installed(entity.block_type) and entity.block_type not in TITLE_ELEMENT:
            assert without_digest(entity) == without_digest(olx.entities[entity_id]), entity_id


def nearest_known(entity_id: str, olx: Structure, platform: Structure) -> str:
    while entity_id not in platform.entities:
        entity_id = olx.entities[entity_id].parent_id
    return entity_id


def pruned(structure: Structure, hidden: set[str]) -> dict[str, list[str]]:
    kept = {
        parent: [child for child in children if child not in hidden]
        for parent, children in structure.children.items()
        if parent not in hidden
    }
    return {parent: children for parent, children in kept.items() if children}


def written_title(name: str, entity_id: str, block_type: str) -> str | None:
    """Return the title from a child element of the component's element."""
    path = f"//{block_type}[@url_name='{entity_id.rsplit('@', 1)[-1]}']/{TITLE_ELEMENT[block_type]}"
    with tarfile.open(archive(name)) as tar:
        files = [member for member in tar if member.name.endswith(".xml") and "/drafts/" not in member.name]
        found = [one.text or "" for member in files for one in etree.parse(tar.extractfile(member)).xpath(path)]
    return found[0] if found else None


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_platform_refuses(name, store, author, tmp_path):
    key = CourseKey.from_string(f"course-v1:Real+{name}+run")
    with pytest.raises(AttributeError, match=REFUSED[name]):
        import_course(archive(name), key, tmp_path, author.id)
    assert len(read_olx(archive(name), str(key))) > 1


@pytest.mark.parametrize("imported", TWICE, indirect=True)
def test_the_same_course_again_is_no_change(imported, tmp_path):
    """The importer writes every block again, and makes new ids for videos that have none."""
    name, key = imported
    before = ModulestoreSource().read(str(key))
    import_course(archive(name), key, tmp_path, get_user_model().objects.get(username="importer").id)
    after = ModulestoreSource().read(str(key))
    assert after.published_version != before.published_version
    assert after.same_course_as(before)
