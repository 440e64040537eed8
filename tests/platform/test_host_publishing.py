"""Tests the way from an author's edit in Studio to the journal, and the course rebuilt from the journal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from host_courses import (
    COURSE,
    FIRST,
    LESSON,
    QUIZ,
    SECOND,
    TEXT,
    WEEK,
    Studio,
    archive,
    expected_fields,
    import_course,
    shown,
    small_course,
    without_digest,
)
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api
from course_sync_plugin.api import Outcome
from course_sync_plugin.data import Structure
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.models import JournalOperation, Marker, Run
from course_sync_plugin.structure.modulestore.source import ModulestoreSource

pytestmark = pytest.mark.django_db


@pytest.fixture
def studio(store, author) -> Studio:
    """An author who edits a course that is in step."""
    studio = small_course(store, author)
    sync(studio)
    return studio


def sync(studio: Studio) -> list[tuple]:
    """Sync as the task does after a publish, and check the journal; return the operations."""
    assert markers(studio), "the publish left no marker"
    result = api.sync_course(studio.course_id)
    assert result.outcome in (Outcome.RECORDED, Outcome.UNCHANGED), result
    assert not markers(studio)
    assert_rebuilt(studio.course_id)
    return [(one.operation, one.block_type, block_id(one.entity_id), {**one.fields}) for one in result.operations]


def block_id(entity_id: str) -> str:
    return entity_id.rpartition("+block@")[2] if "+block@" in entity_id else "course"


def markers(studio: Studio) -> int:
    return Marker.objects.filter(course_key=studio.course_id).count()


def replica(course_id: str) -> Structure:
    """Apply the journal from its beginning, one run after the other."""
    tree = Tree()
    for operation in JournalOperation.objects.filter(course__key=course_id, lane=None).order_by("position"):
        tree.apply(operation.as_operation())
    return tree.structure(course_id)


def assert_rebuilt(course_id: str) -> None:
    """Check that the journal rebuilds exactly the course that learners get."""
    mine, course = replica(course_id), shown(CourseKey.from_string(course_id))
    assert {entity_id: entity.parent_id for entity_id, entity in mine.entities.items()} == course.parents
    assert list(mine.entities) == list(course.parents)
    assert {parent: list(children) for parent, children in mine.children.items()} == course.children
    for entity_id, block in course.blocks.items():
        assert without_digest(mine.entities[entity_id]) == expected_fields(block)
    assert mine.same_course_as(ModulestoreSource().read(course_id))


class TestAuthoring:
    def test_a_new_course_is_recorded_whole(self, store, author):
        studio = small_course(store, author)
        found = sync(studio)
        assert [one[:3] for one in found] == [
            ("create", *block) for block in (COURSE, WEEK, LESSON, FIRST, TEXT, SECOND, QUIZ)
        ]
        assert Run.objects.get().kind == "initial"

    def test_what_is_only_a_draft_is_nobody_s_business(self, studio):
        studio.add(LESSON, "vertical", "third")
        studio.add(("vertical", "third"), "html", "more", data="<p>Draft</p>")
        studio.edit(FIRST, display_name="A draft title")
        assert not markers(studio)
        assert api.sync_course(studio.course_id).outcome is Outcome.UNCHANGED
        assert_rebuilt(studio.course_id)

    def test_a_new_unit(self, studio):
        studio.add(LESSON, "vertical", "third")
        studio.add(("vertical", "third"), "html", "more", data="<p>More</p>")
        studio.publish(("vertical", "third"))
        assert [one[:3] for one in sync(studio)] == [("create", "vertical", "third"), ("create", "html", "more")]

    def test_an_edit(self, studio):
        studio.edit(TEXT, data="<p>Wasps</p>")
        studio.edit(FIRST, display_name="Wasps")
        studio.publish(FIRST)
        renamed, changed = sync(studio)
        assert renamed == ("update", *FIRST, {"display_name": "Wasps"})
        assert changed[:3] == ("update", *TEXT)
        assert list(changed[3]) == ["content_digest"]

    def test_one_date_of_the_course_is_a_handful_of_operations(self, studio):
        studio.edit(COURSE, start=datetime(2031, 1, 1, tzinfo=UTC))
        start = {"start": "2031-01-01T00:00:00Z"}
        assert sync(studio) == [("update", *block, start) for block in (COURSE, WEEK, LESSON)]

    def test_hiding_a_section_reaches_its_units(self, studio):
        studio.edit(WEEK, visible_to_staff_only=True)
        hidden = {"visible_to_staff_only": True}
        assert sync(studio) == [("update", *block, hidden) for block in (WEEK, LESSON, FIRST, SECOND)]

    def test_a_publish_without_a_change_writes_nothing(self, studio):
        before = (Run.objects.count(), JournalOperation.objects.count())
        version = ModulestoreSource().published_version(studio.course_id)
        for block in (FIRST, SECOND, LESSON, WEEK, COURSE):
            studio.publish(block)
        assert ModulestoreSource().published_version(studio.course_id) != version
        assert sync(studio) == []
        assert (Run.objects.count(), JournalOperation.objects.count()) == before

    def test_a_burst_of_publishes_is_one_run(self, studio):
        for title in ("one", "two", "three"):
            studio.edit(WEEK, display_name=title)
        assert markers(studio) == 3
        assert sync(studio) == [("update", *WEEK, {"display_name": "three"})]

    def test_there_and_back_again_is_nothing(self, studio):
        studio.edit(TEXT, data="<p>Wasps</p>")
        studio.publish(FIRST)
        studio.edit(TEXT, data="<p>Bees</p>")
        studio.publish(FIRST)
        assert sync(studio) == []


class TestMoving:
    def test_a_component_moves_with_both_units_published(self, studio):
        studio.move(TEXT, FIRST, SECOND)
        studio.publish(FIRST)
        studio.publish(SECOND)
        assert sync(studio) == [("move", *TEXT, {})]

    def test_half_a_move_down_waits_for_the_unit_it_left(self, studio):
        """Both units hold the component; it belongs to the first unit."""
        studio.move(TEXT, FIRST, SECOND)
        studio.publish(SECOND)
        assert sync(studio) == []
        studio.publish(FIRST)
        assert sync(studio) == [("move", *TEXT, {})]

    def test_half_a_move_up_is_a_move_at_once(self, studio):
        studio.move(QUIZ, SECOND, FIRST)
        studio.publish(FIRST)
        assert sync(studio) == [("move", *QUIZ, {})]
        studio.publish(SECOND)
        assert sync(studio) == []

    def test_half_a_move_the_other_way_is_a_component_away(self, studio):
        """The old unit is published and the new unit is not, so learners see the component nowhere."""
        studio.move(TEXT, FIRST, SECOND)
        studio.publish(FIRST)
        assert [one[:3] for one in sync(studio)] == [("delete", *TEXT)]
        studio.publish(SECOND)
        assert [one[:3] for one in sync(studio)] == [("create", *TEXT)]

    def test_units_and_subsections_move(self, studio):
        studio.add(COURSE, "chapter", "later")
        studio.add(("chapter", "later"), "sequential", "evening")
        sync(studio)
        studio.move(SECOND, LESSON, ("sequential", "evening"))
        studio.move(("sequential", "evening"), ("chapter", "later"), WEEK, 0)
        studio.publish(SECOND)
        assert sync(studio) == [("move", "sequential", "evening", {}), ("move", *SECOND, {})]

    def test_a_unit_that_is_moved_and_not_published_again_is_away(self, studio):
        """The subsections are published at once, but the unit is only a draft in its new place."""
        studio.add(WEEK, "sequential", "evening")
        sync(studio)
        studio.move(SECOND, LESSON, ("sequential", "evening"))
        assert [one[:3] for one in sync(studio)] == [("delete", *QUIZ), ("delete", *SECOND)]
        studio.publish(SECOND)
        assert [one[:3] for one in sync(studio)] == [("create", *SECOND), ("create", *QUIZ)]

    def test_the_fewest_moves(self, studio):
        chapters = [studio.add(COURSE, "chapter", name) for name in "abcd"]
        sync(studio)
        studio.reorder(COURSE, chapters[3], WEEK, *chapters[:3])
        assert sync(studio) == [("move", "chapter", "d", {})]


class TestTakingAway:
    def test_unpublish_and_publish_again(self, studio):
        studio.unpublish(FIRST)
        assert [one[:3] for one in sync(studio)] == [("delete", *TEXT), ("delete", *FIRST)]
        studio.publish(FIRST)
        assert [one[:3] for one in sync(studio)] == [("create", *FIRST), ("create", *TEXT)]

    def test_a_deleted_component_goes_when_its_unit_is_published(self, studio):
        studio.delete(TEXT)
        assert sync(studio) == []
        studio.publish(FIRST)
        assert [one[:3] for one in sync(studio)] == [("delete", *TEXT)]

    def test_a_section_goes_with_all_below_it(self, studio):
        studio.delete(WEEK)
        below = [QUIZ, SECOND, TEXT, FIRST, LESSON, WEEK]
        assert [one[:3] for one in sync(studio)] == [("delete", *block) for block in below]

    def test_what_moves_out_of_a_dying_parent_is_saved(self, studio):
        studio.add(WEEK, "sequential", "rest")
        sync(studio)
        studio.move(SECOND, LESSON, ("sequential", "rest"))
        studio.publish(SECOND)
        studio.delete(LESSON)
        found = [one[:3] for one in sync(studio)]
        assert found == [("move", *SECOND), ("delete", *TEXT), ("delete", *FIRST), ("delete", *LESSON)]

    def test_a_deleted_course_is_held(self, studio, author):
        studio.store.delete_course(studio.key, author.id)
        assert markers(studio) == 1
        assert api.sync_course(studio.course_id).outcome is Outcome.HELD
        assert len(replica(studio.course_id)) == 7
        assert not markers(studio)
        (plan,) = api.held_plans(studio.course_id)
        assert (len(plan.deletes), plan.of, plan.published_version) == (7, 7, "")
        api.approve([plan.token])
        assert len(replica(studio.course_id)) == 0
        assert api.sync_course(studio.course_id).outcome is Outcome.UNCHANGED


class TestCopies:
    def test_a_rerun_is_a_course_of_its_own(self, studio):
        recorded = JournalOperation.objects.count()
        rerun = studio.rerun("next", display_name="Keeping bees, again")
        source, studio.key = studio.course_id, rerun
        found = sync(studio)
        assert len(found) == 7
        assert {one[0] for one in found} == {"create"}
        assert JournalOperation.objects.filter(course__key=source).count() == recorded
        studio.publish(COURSE)
        assert sync(studio) == [("update", *COURSE, {"display_name": "Keeping bees, again"})]

    def test_a_rerun_that_is_done_is_noted(self, studio, author):
        """Every release saves its state; only newer releases send the event."""
        from common.djangoapps.course_action_state.models import CourseRerunState

        rerun = studio.rerun("next")
        Marker.objects.all().delete()
        CourseRerunState.objects.initiated(studio.key, rerun, author, "Again")
        assert not Marker.objects.exists()
        CourseRerunState.objects.succeeded(rerun)
        assert [marker.course_key for marker in Marker.objects.all()] == [str(rerun)]


#: Revisions of real courses. Each is imported over the one before.
SERIES = {
    "test101": ["test101__r1", "test101__r2", "test101__r3", "test101__r5"],
    "demox": ["demox__nutmeg", "demox__quince"],
    "renamed": ["edxplatform__course_before_rename", "edxplatform__course_after_rename"],
    "dnd": ["dnd__r1", "dnd__r2"],
}


@pytest.mark.parametrize("names", SERIES.values(), ids=SERIES)
def test_real_revisions_imported_one_over_the_other(names, store, author, tmp_path):
    studio = Studio(store, author.id)
    for name in names:
        import_course(archive(name), studio.key, tmp_path / name, author.id)
        assert sync(studio)


def test_a_course_that_is_replaced_is_held(store, author, tmp_path):
    """Real authors import another course over their own: all entities of the old course would be deleted."""
    studio = Studio(store, author.id)
    for name in ("demox__quince", "demox__new0"):
        import_course(archive(name), studio.key, tmp_path / name, author.id)
        result = api.sync_course(studio.course_id)
    assert result.outcome is Outcome.HELD
    assert len(replica(studio.course_id)) == 148
    (approved,) = api.approve(plan.token for plan in api.held_plans(studio.course_id))
    assert approved.result.outcome is Outcome.RECORDED
    assert_rebuilt(studio.course_id)


def test_what_the_platform_could_not_import_stays(store, author, tmp_path):
    """The newer export has a video that the platform stores as an error block."""
    studio = Studio(store, author.id)
    import_course(archive("demox__2014b"), studio.key, tmp_path / "whole", author.id)
    sync(studio)
    import_course(archive("demox__maple"), studio.key, tmp_path / "broken", author.id)
    result = api.sync_course(studio.course_id)
    assert (result.outcome, result.incomplete) == (Outcome.RECORDED, True)
    course, mine = shown(studio.key), replica(studio.course_id)
    (parent,) = course.errors
    video = studio.entity_id("video", "dc37305d4dc042ebb6fdfd13911a8ae5")
    assert video not in course.parents
    assert mine.entities[video].parent_id == parent
    assert mine.entities.keys() - {video} == course.parents.keys()
    assert api.sync_course(studio.course_id).outcome is Outcome.UNCHANGED
