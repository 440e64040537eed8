"""Syncs of one course: what they read, compare and record."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.diff import handlers
from course_sync_plugin.journal import entities
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Course, Entity, JournalOperation, Marker, Run, RunKind
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.structure.digest import field_digests, structure_digest
from course_sync_plugin.sync import record
from course_sync_plugin.sync.course import Outcome, sync_course
from sandbox.published.models import PublishedCourse
from sandbox.published.source import to_json
from tests.integration.courses import (
    COURSE,
    a_course,
    approve,
    block,
    differences,
    journal,
    own_queries,
    recorded,
    replayed,
    same,
)

pytestmark = pytest.mark.django_db

TITLES = ["🐝 bees 🐝", "𝔘nit", "a\u0301", "第一章", "\u202eright to left", "x" * 5000, ""]


def test_a_first_publish_is_recorded_whole(shelf):
    published = shelf.publish(a_course("v1"))
    result = api.sync_course(COURSE)
    assert (result.outcome, result.published_version) == (Outcome.RECORDED, "v1")
    assert {operation.operation for operation in result.operations} == {"create"}
    assert len(result.operations) == len(published) == Entity.objects.count() == JournalOperation.objects.count()
    run = Run.objects.get()
    assert (run.kind, run.published_version, run.incomplete) == (RunKind.INITIAL, "v1", False)
    assert run.began_at <= run.ended_at
    assert recorded().published_version == "v1"
    assert stored_structure(recorded()) == published
    assert not Marker.objects.exists()
    assert differences(COURSE, published, replayed()) == []


def test_the_journal_is_in_one_unbroken_order(shelf):
    for version, units in enumerate([3, 5, 1, 4]):
        shelf.publish(a_course(f"v{version}", units=units))
        api.sync_course(COURSE)
    assert [row.position for row in journal()] == list(range(1, recorded().last_position + 1))


@pytest.mark.parametrize("markers", [1, 3])
def test_an_unchanged_version_costs_two_queries_and_one_for_each_marker(markers):
    """One query for the version in the source, one for the course with its markers, one to delete each marker."""
    PublishedCourse.objects.create(course_key=COURSE, published_version="v1", structure=to_json(a_course("v1")))
    assert api.sync_course(COURSE).outcome is Outcome.RECORDED
    for _ in range(markers):
        Marker.put(COURSE)
    with own_queries() as queries:
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
    assert len(queries) == 2 + markers, queries
    assert not Marker.objects.exists()


def test_a_publish_that_changes_nothing_writes_nothing_but_the_version(shelf):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    before = list(Entity.objects.order_by("pk").values())
    shelf.publish(a_course("v2"))
    result = api.sync_course(COURSE)
    assert (result.outcome, result.published_version) == (Outcome.UNCHANGED, "v2")
    assert Run.objects.count() == 1
    assert list(Entity.objects.order_by("pk").values()) == before
    assert recorded().published_version == "v2"
    assert not recorded().lease_token
    assert not Marker.objects.exists()


def test_revisions_count_the_runs_that_changed_an_entity(shelf):
    """An entity whose index changed because of a new sibling has not changed: no operation names it."""
    shelf.publish(a_course("v1", sections=1, units=2))
    api.sync_course(COURSE)
    shelf.publish(a_course("v2", sections=1, units=3, titles={"unit-0-0": "Renamed"}))
    api.sync_course(COURSE)
    new = a_course("v3", sections=1, units=3, titles={"unit-0-0": "Renamed"})
    shelf.publish(same(new, **moved_to_front(new, block("vertical", "unit-0-2"))))
    api.sync_course(COURSE)
    revisions = dict(Entity.objects.values_list("entity_id", "revision"))
    assert revisions[block("vertical", "unit-0-0")] == 2
    assert revisions[block("vertical", "unit-0-1")] == 1
    assert revisions[block("vertical", "unit-0-2")] == 2
    assert revisions[COURSE] == 1


def test_the_revision_of_one_that_moved_and_ends_at_the_index_it_had(shelf):
    """The order of three siblings is reversed: two of them move, and one of these may be the middle one."""
    old = shelf.publish(a_course("v1", sections=1, units=3))
    api.sync_course(COURSE)
    units = [block("vertical", f"unit-0-{at}") for at in range(3)]
    for unit in units[1:]:
        old = same(old, **moved_to_front(old, unit))
    shelf.publish(same(old, published_version="v2"))
    moved = {operation.entity_id for operation in api.sync_course(COURSE).operations}
    assert units[1] in moved
    revisions = dict(Entity.objects.values_list("entity_id", "revision"))
    assert {key for key in units if revisions[key] == 2} == moved


def moved_to_front(structure: Structure, entity_id: str) -> dict:
    """Return the values of a structure in which the entity, a leaf, is the first of its siblings."""
    parent = structure.entities[entity_id].parent_id
    siblings = (entity_id, *(key for key in structure.children[parent] if key != entity_id))
    children = {**structure.children, parent: siblings}
    entities, waiting = {}, [structure.course_id]
    while waiting:
        key = waiting.pop()
        entities[key] = structure.entities[key]
        waiting.extend(reversed(children.get(key, ())))
    return {"entities": entities, "children": children}


def test_digests_are_those_of_the_fields(shelf):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    published = shelf.publish(a_course("v2", titles={"unit-1-1": "Renamed"}))
    api.sync_course(COURSE)
    digests = field_digests(published)
    assert dict(Entity.objects.values_list("entity_id", "digest")) == digests
    assert recorded().structure_digest == structure_digest(published, digests)


def test_a_course_that_nobody_knows_leaves_nothing_behind(shelf):
    assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
    assert not Course.objects.exists()


def test_a_course_published_and_deleted_before_anybody_looked(shelf):
    shelf.publish(a_course("v1"))
    shelf.delete()
    assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
    assert not Marker.objects.exists()
    assert not Run.objects.exists()


def test_what_is_published_while_a_course_is_read_is_read_again(shelf):
    class PublishedMeanwhile:
        def __getattr__(self, name):
            return getattr(shelf, name)

        def read(self, course_id):
            found = shelf.read(course_id)
            shelf.publish(a_course("v2", units=5))
            return found

    shelf.publish(a_course("v1"))
    assert api.sync_course(COURSE, PublishedMeanwhile()).published_version == "v1"
    assert Marker.objects.count() == 1
    assert api.sync_course(COURSE).published_version == "v2"
    assert not Marker.objects.exists()
    assert differences(COURSE, a_course("v2", units=5)) == []


def test_the_version_recorded_is_the_one_read_and_not_the_one_asked_for(shelf):
    class MovesOn:
        def __getattr__(self, name):
            return getattr(shelf, name)

        def published_version(self, course_id):
            version = shelf.published_version(course_id)
            shelf.publish(a_course("v2"))
            return version

    shelf.publish(a_course("v1"))
    result = api.sync_course(COURSE, MovesOn())
    assert result.published_version == recorded().published_version == "v2"


class TestTwoSyncs:
    """Two syncs of one course never interleave, and an older structure never overwrites a newer one."""

    class Meanwhile:
        """A source whose first ``read`` also calls ``happens``."""

        def __init__(self, shelf, happens):
            self.shelf, self.happens = shelf, happens

        def __getattr__(self, name):
            return getattr(self.shelf, name)

        def read(self, course_id):
            found = self.shelf.read(course_id)
            happens, self.happens = self.happens, lambda: None
            happens()
            return found

    @pytest.mark.story(3)
    def test_the_second_finds_the_course_busy(self, shelf):
        shelf.publish(a_course("v1"))
        second = []
        source = self.Meanwhile(shelf, lambda: second.append(api.sync_course(COURSE)))
        assert api.sync_course(COURSE, source).outcome is Outcome.RECORDED
        assert (second[0].outcome, second[0].course_key) == (Outcome.BUSY, COURSE)
        assert Run.objects.count() == 1

    def test_a_marker_of_a_busy_course_stays(self, shelf):
        shelf.publish(a_course("v1"))

        def publish_and_sync():
            shelf.publish(a_course("v2", units=4))
            assert api.sync_course(COURSE).outcome is Outcome.BUSY
            assert Marker.objects.count() == 2

        api.sync_course(COURSE, self.Meanwhile(shelf, publish_and_sync))
        assert Marker.objects.count() == 1

    @pytest.mark.parametrize("known", [False, True])
    def test_a_slow_reader_whose_lease_ran_out_writes_nothing(self, shelf, known, caplog):
        if known:
            shelf.publish(a_course("v0", units=1))
            api.sync_course(COURSE)
        shelf.publish(a_course("v1", units=2))

        def overtaken():
            Course.objects.update(lease_until="2020-01-01T00:00:00Z")
            shelf.publish(a_course("v2", units=3))
            assert api.sync_course(COURSE).outcome is Outcome.RECORDED

        runs = Run.objects.count()
        assert api.sync_course(COURSE, self.Meanwhile(shelf, overtaken)).outcome is Outcome.BUSY
        assert recorded().published_version == "v2"
        assert Run.objects.count() == runs + 1
        assert differences(COURSE, a_course("v2", units=3), replayed()) == []
        assert not recorded().last_error
        (said,) = [one for one in caplog.records if "the lease was lost" in one.getMessage()]
        assert (said.levelname, COURSE in said.getMessage()) == ("WARNING", True)

    @pytest.mark.parametrize("outcome", ["unchanged", "held", "unreadable"])
    def test_an_overtaken_reader_says_nothing_else_either(self, shelf, outcome):
        """A sync that has lost its lease sets no older version, holds no run and stores no error."""
        shelf.publish(a_course("v1", units=20))
        api.sync_course(COURSE)
        late = {"unchanged": a_course("v2", units=20), "held": a_course("v2", units=1), "unreadable": ValueError("!")}
        reading = late[outcome]

        def overtaken():
            Course.objects.update(lease_until="2020-01-01T00:00:00Z")
            shelf.publish(a_course("v3", units=21))
            assert api.sync_course(COURSE).outcome is Outcome.RECORDED
            if isinstance(reading, Exception):
                raise reading

        source = self.Meanwhile(shelf, overtaken)
        shelf.publish(reading if isinstance(reading, Structure) else a_course("v2"))
        api.sync_course(COURSE, source)
        course = recorded()
        assert (course.published_version, course.last_error, course.attempts) == ("v3", "", 0)
        assert not hasattr(course, "held")

    def test_one_who_looked_before_the_other_wrote_starts_over(self, shelf):
        """The first sync has read the course's row before the other recorded v3, so that row is out of date."""
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        shelf.publish(a_course("v2", units=4))

        class Late(self.Meanwhile):
            def published_version(self, course_id):
                version = self.shelf.published_version(course_id)
                happens, self.happens = self.happens, lambda: None
                happens()
                return version

        def other():
            shelf.publish(a_course("v3", units=5))
            api.sync_course(COURSE)

        assert api.sync_course(COURSE, Late(shelf, other)).outcome is Outcome.BUSY
        assert differences(COURSE, a_course("v3", units=5), replayed()) == []


class TestTheWayOfACourse:
    def test_deleted_and_made_again(self, shelf):
        """A course created again begins with a snapshot, so a target that kept the old course can replace it."""
        shelf.publish(a_course("v1", units=1))
        api.sync_course(COURSE)
        shelf.delete()
        assert api.sync_course(COURSE).outcome is Outcome.HELD
        assert approve(COURSE)[0].outcome is Outcome.RECORDED
        assert recorded().published_version == ""
        assert not Entity.objects.exists()
        assert replayed().entities == {}
        shelf.publish(a_course("v2", units=2))
        api.sync_course(COURSE)
        assert [run.kind for run in Run.objects.order_by("pk")] == [RunKind.INITIAL, RunKind.DELETION, RunKind.INITIAL]
        assert differences(COURSE, a_course("v2", units=2), replayed()) == []

    def test_a_rerun_is_a_new_course_although_it_has_the_version_of_its_source(self, shelf):
        rerun = "course-v1:Org+Course+Run2"
        shelf.publish(a_course("v1"))
        shelf.publish(a_course("v1", course=rerun))
        for course in (COURSE, rerun):
            assert api.sync_course(course).outcome is Outcome.RECORDED
        assert len(journal(rerun)) == len(journal(COURSE))
        assert journal(rerun)[0].position == 1

    def test_ids_that_differ_by_case_alone_are_two(self, shelf):
        lower = "course-v1:org+course+run"
        shelf.publish(a_course("v1"))
        shelf.publish(a_course("v1", course=lower, units=1))
        api.sync_course(COURSE)
        api.sync_course(lower)
        assert Course.objects.count() == 2
        shelf.publish(a_course("v2", titles={"unit-0-0": "Renamed"}))
        api.sync_course(COURSE)
        assert recorded(lower).published_version == "v1"

    def test_blocks_that_differ_by_case_alone_are_two(self, shelf):
        def course(version, *names):
            blocks = {block("chapter", name): RawBlock(block("chapter", name), "chapter", {}) for name in names}
            blocks[COURSE] = RawBlock(COURSE, "course", {}, tuple(blocks))
            return StructureBuilder(COURSE, version, blocks).build()

        shelf.publish(course("v1", "intro", "Intro"))
        api.sync_course(COURSE)
        published = shelf.publish(course("v2", "Intro", "intro", "INTRO"))
        result = api.sync_course(COURSE)
        assert sorted(operation.operation for operation in result.operations) == ["create", "move"]
        assert differences(COURSE, published, replayed()) == []

    @pytest.mark.story(27)
    @pytest.mark.parametrize("title", TITLES)
    def test_any_title(self, shelf, title):
        published = shelf.publish(a_course("v1", titles={"unit-0-0": title}))
        api.sync_course(COURSE)
        assert stored_structure(recorded()).entities[block("vertical", "unit-0-0")].fields["display_name"] == title
        assert differences(COURSE, published, replayed()) == []

    def test_ids_of_255_characters(self, shelf):
        name = "u" * (255 - len(block("vertical", "")))
        long = block("vertical", name)
        assert len(long) == 255
        blocks = {long: RawBlock(long, "vertical", {}), COURSE: RawBlock(COURSE, "course", {}, (long,))}
        shelf.publish(StructureBuilder(COURSE, "v1", blocks).build())
        api.sync_course(COURSE)
        assert Entity.objects.filter(entity_id=long).exists()


#: The version of the field set after the present one.
NEXT = handlers.FIELD_SET_VERSION + 1


class TestNewFields:
    """The values of a newly allow-listed field are recorded without an operation."""

    @pytest.fixture
    def unit_format(self, monkeypatch):
        """Allow-list ``format`` for units, with the next version of the field set."""

        def allow() -> None:
            monkeypatch.setitem(handlers.UNIT.fields, "format", handlers.Field("text", since=NEXT))
            for module in (record, entities):
                monkeypatch.setattr(module, "FIELD_SET_VERSION", NEXT)

        return allow

    def with_format(self, structure: Structure, **formats: str) -> Structure:
        entities = dict(structure.entities)
        for name, value in formats.items():
            key = block("vertical", name.replace("_", "-"))
            entities[key] = attrs.evolve(entities[key], fields={**entities[key].fields, "format": value})
        return same(structure, entities=entities)

    def test_a_value_that_was_there_before_is_no_change(self, shelf, unit_format):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        unit_format()
        published = shelf.publish(self.with_format(a_course("v2"), unit_0_0="Homework"))
        result = api.sync_course(COURSE)
        assert (result.outcome, result.operations) == (Outcome.UNCHANGED, ())
        assert Run.objects.count() == 1
        assert recorded().field_set_version == NEXT
        assert differences(COURSE, published) == []
        assert Entity.objects.get(entity_id=block("vertical", "unit-0-0")).revision == 1

    def test_a_worker_of_the_older_release_does_not_hide_a_change(self, shelf, unit_format, monkeypatch):
        """In a rolling deploy it may record after a newer worker; then the next newer worker sends the change again."""
        unit_format()
        shelf.publish(self.with_format(a_course("v1"), unit_0_0="Homework"))
        api.sync_course(COURSE)
        with monkeypatch.context() as patched:
            patched.setattr(record, "FIELD_SET_VERSION", handlers.FIELD_SET_VERSION)
            patched.setattr(entities, "FIELD_SET_VERSION", handlers.FIELD_SET_VERSION)
            shelf.publish(a_course("v2"))
            (operation,) = api.sync_course(COURSE).operations
            assert dict(operation.fields) == {"format": None}
        shelf.publish(self.with_format(a_course("v3"), unit_0_0="Homework"))
        (operation,) = api.sync_course(COURSE).operations
        assert dict(operation.fields) == {"format": "Homework"}

    def test_other_changes_of_the_same_publish_are_told(self, shelf, unit_format):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        unit_format()
        shelf.publish(self.with_format(a_course("v2", titles={"unit-0-0": "New"}), unit_0_0="Homework"))
        (operation,) = api.sync_course(COURSE).operations
        assert dict(operation.fields) == {"display_name": "New"}

    def test_from_then_on_a_change_is_a_change(self, shelf, unit_format):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        unit_format()
        shelf.publish(self.with_format(a_course("v2"), unit_0_0="Homework"))
        api.sync_course(COURSE)
        shelf.publish(self.with_format(a_course("v3"), unit_0_0="Exam"))
        (operation,) = api.sync_course(COURSE).operations
        assert (dict(operation.fields), dict(operation.previous)) == ({"format": "Exam"}, {"format": "Homework"})

    def test_also_where_the_publish_in_between_changed_nothing_else(self, shelf, unit_format):
        """No block has the field when the course is first read with it, so the first value is an edit by an author."""
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        unit_format()
        shelf.publish(a_course("v2"))
        api.sync_course(COURSE)
        assert recorded().field_set_version == NEXT
        shelf.publish(self.with_format(a_course("v3"), unit_0_0="Homework"))
        (operation,) = api.sync_course(COURSE).operations
        assert dict(operation.fields) == {"format": "Homework"}

    def test_a_course_recorded_with_them_has_no_baseline(self, shelf, unit_format):
        unit_format()
        published = shelf.publish(self.with_format(a_course("v1"), unit_0_0="Homework"))
        api.sync_course(COURSE)
        assert differences(COURSE, published, replayed()) == []


def test_what_is_held_and_read_again_is_still_held(shelf, settings):
    """Only the approval of an operator releases a held run; a second sync with the same result does not."""
    settings.COURSE_SYNC_MASS_DELETE_COUNT = settings.COURSE_SYNC_MASS_DELETE_PERCENT = 0
    shelf.publish(a_course("v1", units=3))
    api.sync_course(COURSE)
    shelf.publish(a_course("v2", units=2))
    for reread in (False, True, True):
        assert sync_course(COURSE, reread=reread).outcome is Outcome.HELD
    assert recorded().published_version == "v1"
