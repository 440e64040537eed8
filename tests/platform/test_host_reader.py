"""Tests the reader with special cases of courses, against the platform's own modulestore."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pymongo
import pymongo.errors
import pytest
from bson import ObjectId
from host_courses import (
    COURSE,
    FIRST,
    LESSON,
    QUIZ,
    SECOND,
    TEXT,
    WEEK,
    Studio,
    expected_fields,
    published,
    shown,
    small_course,
    split_store,
)

from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import CourseNotFound, InvalidCourse, SourceError
from course_sync_plugin.structure.modulestore import blocks
from course_sync_plugin.structure.modulestore.source import ModulestoreSource

pytestmark = pytest.mark.django_db


@pytest.fixture
def studio(store, author) -> Studio:
    return small_course(store, author)


def read(studio: Studio):
    return ModulestoreSource().read(studio.course_id)


def index_row(studio: Studio):
    from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex

    return SplitModulestoreCourseIndex.objects.filter(course_id=studio.key)


def store_new_version(studio: Studio, change) -> str:
    """Store a new published version without the platform. ``change`` is called with its blocks by type and id."""
    structures = split_store(studio.store).db_connection.structures
    document = structures.find_one({"_id": ObjectId(index_row(studio).get().published_version)})
    document["_id"] = ObjectId()
    blocks = {(block["block_type"], block["block_id"]): block for block in document["blocks"]}
    change(blocks)
    document["blocks"] = list(blocks.values())
    structures.insert_one(document)
    index_row(studio).update(published_version=str(document["_id"]))
    return str(document["_id"])


class TestVersions:
    def test_the_version_is_the_one_that_is_read(self, studio):
        assert ModulestoreSource().published_version(studio.course_id) == read(studio).published_version
        assert read(studio).published_version == index_row(studio).get().published_version

    @pytest.mark.parametrize(
        "key",
        [
            "course-v1:Org+Bees+other",
            "course-v1:ORG+bees+RUN",
            "library-v1:Org+Lib",
            "ccx-v1:Org+Bees+run+ccx@1",
            "Org/Bees/run",
        ],
    )
    def test_no_version_where_there_is_no_such_course(self, studio, author, key):
        studio.store.create_library("Org", "Lib", author.id, fields={"display_name": "A library"})
        assert ModulestoreSource().published_version(key) is None
        with pytest.raises(CourseNotFound):
            ModulestoreSource().read(key)

    def test_keys_match_exactly_although_the_database_does_not(self, studio, monkeypatch):
        """MySQL ignores case when it finds a row. The tests run on SQLite, so this test supplies the row."""
        other = studio.key.replace(course="BEES")
        backend = split_store(studio.store).db_connection
        index = backend.get_course_index(studio.key)
        monkeypatch.setattr(backend, "get_course_index", lambda *args, **kwargs: index)
        rows = [(studio.key, "version")]
        monkeypatch.setattr("django.db.models.query.QuerySet.filter", lambda *args, **kwargs: rows)
        assert ModulestoreSource().published_version(studio.course_id) == "version"
        assert ModulestoreSource().published_version(str(other)) is None
        with pytest.raises(CourseNotFound):
            ModulestoreSource().read(str(other))

    def test_no_version_before_anything_is_published(self, studio):
        index_row(studio).update(published_version="")
        assert ModulestoreSource().published_version(studio.course_id) is None
        assert list(ModulestoreSource().published_versions()) == []
        with pytest.raises(CourseNotFound):
            read(studio)

    def test_what_is_no_key_is_no_deleted_course(self, studio):
        with pytest.raises(SourceError, match="is not a course key") as caught:
            ModulestoreSource().read("nonsense")
        assert not isinstance(caught.value, CourseNotFound)

    def test_all_versions_in_one_query(self, store, author, django_assert_num_queries):
        runs = [small_course(store, author, run) for run in ("r1", "r2", "r3")]
        store.create_library("Org", "Lib", author.id, fields={"display_name": "A library"})
        with django_assert_num_queries(1):
            versions = dict(ModulestoreSource().published_versions())
        assert versions == {run.course_id: index_row(run).get().published_version for run in runs}
        chosen = [runs[0].course_id, "course-v1:Org+Not+there"]
        with django_assert_num_queries(1):
            assert dict(ModulestoreSource().published_versions(chosen)) == {chosen[0]: versions[chosen[0]]}

    def test_a_version_that_another_process_published_is_seen(self, studio):
        """The platform caches the course index while a task or a command runs."""
        with published(studio.key) as store:
            remembered = store.get_course(studio.key).course_version
        version = store_new_version(studio, lambda blocks: blocks[WEEK]["fields"].update(display_name="Week 2"))
        with published(studio.key) as store:
            assert store.get_course(studio.key).course_version == remembered, "nothing is cached: this proves nothing"
        assert read(studio).published_version == version
        assert read(studio).entities[studio.entity_id(*WEEK)].fields["display_name"] == "Week 2"

    def test_a_deleted_course_is_not_found(self, studio, author):
        studio.store.delete_course(studio.key, author.id)
        assert ModulestoreSource().published_version(studio.course_id) is None
        with pytest.raises(CourseNotFound):
            read(studio)


class TestDrafts:
    def test_no_draft_leaks(self, studio):
        before = read(studio)
        studio.edit(FIRST, display_name="Draft title")
        studio.edit(TEXT, data="<p>Draft text</p>")
        studio.add(LESSON, "vertical", "draft-unit")
        studio.add(FIRST, "html", "draft-component")
        after = read(studio)
        assert after.same_course_as(before)
        assert before.same_course_as(read(studio))

    def test_a_publish_shows_all_of_it(self, studio):
        studio.add(FIRST, "html", "note", data="<p>New</p>")
        studio.edit(FIRST, display_name="New title")
        studio.publish(FIRST)
        structure = read(studio)
        assert structure.entities[studio.entity_id(*FIRST)].fields["display_name"] == "New title"
        assert structure.children[studio.entity_id(*FIRST)] == (
            studio.entity_id(*TEXT),
            studio.entity_id("html", "note"),
        )

    def test_what_is_unpublished_is_gone(self, studio):
        studio.unpublish(FIRST)
        assert studio.entity_id(*FIRST) not in read(studio).entities
        assert studio.entity_id(*TEXT) not in read(studio).entities

    def test_a_rerun_is_what_is_published_of_it(self, studio):
        """Until its settings are published, it has title and dates of the source course, for learners and for us."""
        rerun = studio.rerun("next", display_name="Keeping bees, again")
        source = ModulestoreSource()
        new, old = source.read(str(rerun)), read(studio)
        assert new.published_version == old.published_version
        assert new.entities[str(rerun)].fields["display_name"] == "Keeping bees"
        assert shown(rerun).titles()[str(rerun)] == "Keeping bees"
        assert not new.entities.keys() & old.entities.keys()
        studio.key = rerun
        studio.publish(COURSE)
        after = source.read(str(rerun))
        assert [(one.operation, dict(one.fields)) for one in diff(new, after)] == [
            ("update", {"display_name": "Keeping bees, again"})
        ]


class TestPlaces:
    def test_half_a_move_gives_two_parents_and_the_first_counts(self, studio):
        studio.move(TEXT, FIRST, SECOND)
        studio.publish(SECOND)
        course, structure = shown(studio.key), read(studio)
        text, first, second = (studio.entity_id(*block) for block in (TEXT, FIRST, SECOND))
        with_both = [parent for parent, block in course.blocks.items() if text in map(str, bare_children(block))]
        assert with_both == [first, second]
        assert structure.entities[text].parent_id == first == course.parents[text]
        assert structure.children[second] == (studio.entity_id(*QUIZ),)
        studio.publish(FIRST)
        assert read(studio).entities[text].parent_id == second

    def test_orphans_and_detached_blocks_are_not_in_the_structure(self, studio, author):
        studio.store.create_item(author.id, studio.key, "html", block_id="orphan")
        studio.store.publish(studio.key.make_usage_key("html", "orphan"), author.id)
        studio.store.create_item(author.id, studio.key, "static_tab", block_id="tab")
        everything = {block.location.block_id for block in studio.store.get_items(studio.key)}
        assert {"orphan", "tab", "overview"} <= everything
        assert read(studio).entities.keys() == shown(studio.key).parents.keys()

    def test_a_child_that_is_not_stored_leaves_its_parent_unreadable(self, studio):
        store_new_version(studio, lambda blocks: blocks.pop(TEXT))
        structure = read(studio)
        assert structure.unreadable == {studio.entity_id(*FIRST)}
        assert studio.entity_id(*TEXT) not in structure.entities

    def test_an_xblock_that_is_uninstalled_later_still_names_its_children(self, studio, monkeypatch):
        studio.add(SECOND, "split_test", "experiment")
        studio.add(("split_test", "experiment"), "html", "inner", data="<p>Inner</p>")
        studio.publish(SECOND)
        before = read(studio)
        monkeypatch.setattr(blocks, "is_installed", lambda block_type: block_type != "split_test")
        assert studio.entity_id("html", "inner") in before.entities
        assert read(studio) == before

    def test_an_xblock_that_was_never_installed_hides_its_children(self, studio):
        studio.add(SECOND, "nobody-has-this", "strange", data="<nobody-has-this><inner/></nobody-has-this>")
        studio.add(SECOND, "nor-this", "leaf", data='<nor-this text="1"/>')
        studio.publish(SECOND)
        structure = read(studio)
        assert structure.unreadable == {studio.entity_id("nobody-has-this", "strange")}
        assert structure.entities[studio.entity_id("nor-this", "leaf")].entity_type == "component"

    def test_a_long_id_is_named(self, studio):
        studio.add(SECOND, "html", "x" * 240)
        studio.publish(SECOND)
        with pytest.raises(InvalidCourse, match=r"x{240} has 2[0-9]{2} characters"):
            read(studio)


def bare_children(block) -> list:
    return [child.for_branch(None).version_agnostic() for child in block.children] if block.has_children else []


class TestValues:
    def test_values_are_json_whatever_is_stored(self, studio):
        odd = {
            "when": datetime(2020, 1, 1, tzinfo=UTC),
            "naive": datetime(2020, 1, 1),
            "id": ObjectId(),
            "bytes": b"1",
            "list": [("html", "text"), {"deep": datetime(2020, 1, 1)}],
        }

        def change(blocks):
            blocks[WEEK]["fields"].update(start=datetime(2020, 1, 1), due="2021-01-01T00:00:00+02:00", graded="true")
            blocks[TEXT]["fields"].update(odd)

        store_new_version(studio, change)
        structure = read(studio)
        assert json.loads(json.dumps({key: dict(one.fields) for key, one in structure.entities.items()}))
        week = structure.entities[studio.entity_id(*WEEK)].fields
        assert (week["start"], week["due"], week["graded"]) == ("2020-01-01T00:00:00Z", "2020-12-31T22:00:00Z", True)
        assert read(studio) == structure

    def test_inherited_values_hold_below(self, studio):
        studio.edit(WEEK, due=datetime(2030, 1, 1, tzinfo=UTC), visible_to_staff_only=True)
        studio.edit(COURSE, graceperiod=timedelta(days=2, hours=1), start=datetime(2029, 1, 1, tzinfo=UTC))
        structure, course = read(studio), shown(studio.key)
        lesson = structure.entities[studio.entity_id(*LESSON)].fields
        assert (lesson["due"], lesson["start"]) == ("2030-01-01T00:00:00Z", "2029-01-01T00:00:00Z")
        assert structure.entities[studio.entity_id(*FIRST)].fields["visible_to_staff_only"] is True
        assert "visible_to_staff_only" not in structure.entities[studio.entity_id(*TEXT)].fields
        for entity_id, entity in structure.entities.items():
            fields = {name: value for name, value in entity.fields.items() if name != "content_digest"}
            assert fields == expected_fields(course.blocks[entity_id])

    def test_a_copy_from_a_v1_library_has_the_library_s_values(self, studio, author):
        library = studio.store.create_library("Org", "Lib", author.id, fields={"display_name": "A library"})
        problem = studio.store.create_child(
            author.id,
            library.location,
            "problem",
            block_id="p",
            fields={"display_name": "From the library", "weight": 3.0, "data": "<problem/>"},
        )
        studio.add(SECOND, "library_content", "some")
        target = studio.key.make_usage_key("library_content", "some")
        studio.store.copy_from_template([problem.location], target, author.id)
        studio.publish(SECOND)
        structure, course = read(studio), shown(studio.key)
        (copy_id,) = structure.children[str(target)]
        copy = structure.entities[copy_id]
        assert not course.blocks[copy_id].fields["weight"].is_set_on(course.blocks[copy_id])
        assert (copy.fields["display_name"], copy.fields["weight"]) == ("From the library", 3.0)
        assert {
            **expected_fields(course.blocks[copy_id]),
            "content_digest": copy.fields["content_digest"],
        } == copy.fields


class TestContentDigest:
    def digest(self, studio, block=TEXT) -> str:
        return read(studio).entities[studio.entity_id(*block)].fields["content_digest"]

    def test_it_is_short_hexadecimal(self, studio):
        digest = self.digest(studio)
        assert len(digest) == 32
        assert int(digest, 16)

    def test_nothing_volatile_counts(self, studio):
        before = read(studio)
        for block in (FIRST, SECOND, LESSON, WEEK, COURSE):
            studio.publish(block)
        after = read(studio)
        assert after.published_version != before.published_version
        assert after.same_course_as(before)

    def test_there_and_back_again_is_no_change(self, studio):
        before = self.digest(studio)
        studio.edit(TEXT, data="<p>Wasps</p>")
        studio.publish(FIRST)
        assert self.digest(studio) != before
        studio.edit(TEXT, data="<p>Bees</p>")
        studio.publish(FIRST)
        assert self.digest(studio) == before

    def test_settings_a_learner_sees_count_and_others_do_not(self, studio):
        before = self.digest(studio, QUIZ)
        studio.edit(
            QUIZ, display_name="Another title", weight=2.0, max_attempts=3, markdown="2 + 2", xml_attributes={"a": "b"}
        )
        studio.publish(SECOND)
        assert self.digest(studio, QUIZ) == before
        studio.edit(QUIZ, showanswer="always")
        studio.publish(SECOND)
        assert self.digest(studio, QUIZ) != before

    def test_a_video_of_the_site_counts_by_its_id(self, studio):
        studio.add(FIRST, "video", "film", youtube_id_1_0="", html5_sources=[], edx_video_id="one")
        studio.publish(FIRST)
        before = self.digest(studio, ("video", "film"))
        studio.edit(("video", "film"), edx_video_id="two")
        studio.publish(FIRST)
        assert self.digest(studio, ("video", "film")) != before
        studio.edit(("video", "film"), youtube_id_1_0="abc")
        studio.publish(FIRST)
        before = self.digest(studio, ("video", "film"))
        studio.edit(("video", "film"), edx_video_id="made-up-by-an-import")
        studio.publish(FIRST)
        assert self.digest(studio, ("video", "film")) == before


class TestFailures:
    @pytest.mark.story(31)
    def test_a_structure_that_mongodb_lost_is_no_deleted_course(self, studio):
        index_row(studio).update(published_version=str(ObjectId()))
        with pytest.raises(SourceError, match=r"does not hold version .* older backup") as caught:
            read(studio)
        assert not isinstance(caught.value, CourseNotFound)

    def test_mongodb_down_is_told_in_a_sentence(self, studio, monkeypatch):
        def down(*_args, **_kwargs):
            raise pymongo.errors.ServerSelectionTimeoutError("localhost:27017: connection refused")

        monkeypatch.setattr(split_store(studio.store).db_connection, "find_structures_by_id", down)
        with pytest.raises(
            SourceError, match=r"Org.Bees.run could not be read from the modulestore: ServerSel.*refused"
        ):
            read(studio)


def test_queries_to_mongodb_have_a_deadline(studio, settings, monkeypatch):
    settings.COURSE_SYNC_READ_SECONDS = 30
    asked, timeout = [], pymongo.timeout
    monkeypatch.setattr(pymongo, "timeout", lambda seconds: asked.append(seconds) or timeout(seconds))
    assert read(studio).entities
    assert asked == [30]
