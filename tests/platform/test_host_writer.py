"""Tests the writer in edx-platform: the contract of writers, and what only the platform has."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from edx_django_utils.cache import RequestCache
from host_courses import FIRST, LESSON, QUIZ, SECOND, TEXT, Studio, published, shown, small_course
from writer_contract import BLOCKS, DUE, START, TITLE, WriterContract

from course_sync_plugin import api
from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import PermanentError, TransientError
from course_sync_plugin.models import Marker
from course_sync_plugin.structure.modulestore.writer import ModulestoreWriter
from course_sync_plugin.structure.values import normalised
from course_sync_plugin.structure.write_rules import PUBLISHED_WHEN_SAVED
from course_sync_plugin.structure.writer import CourseWriter
from course_sync_plugin.structure.writers import get_writer

pytestmark = pytest.mark.django_db
HERE = Path(__file__).resolve().parent
USER = "author"


class TestModulestoreWriter(WriterContract):
    @pytest.fixture(autouse=True)
    def _course(self, store, author):
        self.studio = Studio(store, author.id)
        dates = {"start": normalised_date(START)}
        self.studio.edit(("course", "course"), display_name=TITLE, **dates)
        for kind, parent in BLOCKS.items():
            self.studio.add(parent, *kind, display_name=kind[1])
        self.studio.edit(("chapter", "week"), due=normalised_date(DUE))
        for kind in BLOCKS:
            if kind[0] == "vertical":
                self.studio.publish(kind)

    def writer(self) -> CourseWriter:
        return get_writer()

    def course_id(self) -> str:
        return self.studio.course_id

    def edit(self, entity_id: str, title: str) -> None:
        self.studio.edit(tuple(entity_id.split("+type@")[1].split("+block@")), display_name=title)


def normalised_date(text: str):
    from xmodule.fields import Date

    return Date().from_json(text)


@pytest.fixture
def studio(store, author) -> Studio:
    """An author whose course is recorded."""
    studio = small_course(store, author)
    sync(studio)
    return studio


def sync(studio: Studio) -> list[Operation]:
    operations = api.sync_course(studio.course_id).operations
    assert not Marker.objects.exists()
    return list(operations)


def write(studio: Studio, block: tuple[str, str], **fields) -> dict:
    return dict(ModulestoreWriter().write(studio.entity_id(*block), fields, USER))


class Signals:
    """Counts the signals of a publish."""

    def __init__(self):
        from xmodule.modulestore.django import SignalHandler

        self.keys = []
        self.signal = SignalHandler.course_published

    def __enter__(self) -> list[str]:
        self.signal.connect(self._note)
        return self.keys

    def __exit__(self, *_error) -> None:
        self.signal.disconnect(self._note)

    def _note(self, course_key, **_values) -> None:
        self.keys.append(str(course_key))


class TestWithTheJournal:
    def test_a_title_in_the_draft_is_one_update_when_the_author_publishes(self, studio):
        with Signals() as signals:
            write(studio, FIRST, display_name="Bees")
        assert signals == []
        assert not Marker.objects.exists()
        with published(studio.key) as store:
            assert store.get_item(studio.key.make_usage_key(*FIRST)).display_name == "First"
        assert studio.store.get_item(studio.key.make_usage_key(*FIRST)).display_name == "Bees"
        studio.publish(FIRST)
        (update,) = sync(studio)
        assert (update.operation, update.entity_id) == ("update", studio.entity_id(*FIRST))
        assert (update.fields, update.previous) == ({"display_name": "Bees"}, {"display_name": "First"})

    @pytest.mark.parametrize("fields", [{"display_name": "Spring"}, {"due": DUE}])
    def test_a_subsection_is_one_signal_and_one_update(self, studio, fields):
        with Signals() as signals:
            write(studio, LESSON, **fields)
        assert signals == [studio.course_id]
        (update,) = sync(studio)
        assert (update.operation, update.entity_id, update.fields) == ("update", studio.entity_id(*LESSON), fields)

    def test_a_move_within_the_parent_is_one_signal_and_one_move(self, studio):
        with Signals() as signals:
            ModulestoreWriter().move(studio.entity_id(*SECOND), studio.entity_id(*LESSON), None, USER)
        assert signals == [studio.course_id]
        (move,) = sync(studio)
        assert (move.operation, move.entity_type) == ("move", "unit")

    def test_a_move_to_another_subsection_is_one_signal_and_one_move(self, studio):
        evening = studio.add(("chapter", "week"), "sequential", "evening")
        sync(studio)
        with Signals() as signals:
            ModulestoreWriter().move(studio.entity_id(*SECOND), studio.entity_id(*evening), None, USER)
        assert signals == [studio.course_id]
        (move,) = sync(studio)
        assert (move.operation, move.entity_id, move.parent_id) == (
            "move",
            studio.entity_id(*SECOND),
            studio.entity_id(*evening),
        )

    def test_what_is_written_has_the_author_s_name(self, studio, django_user_model):
        other = django_user_model.objects.create(username="Author", email="other@example.com")
        ModulestoreWriter().write(studio.entity_id(*FIRST), {"display_name": "Bees"}, "Author")
        assert studio.store.get_item(studio.key.make_usage_key(*FIRST)).edited_by == other.id


class TestThePlatform:
    def test_which_blocks_have_no_draft(self):
        """Those of the platform that are entities."""
        from xmodule.modulestore.draft_and_published import DIRECT_ONLY_CATEGORIES

        assert set(DIRECT_ONLY_CATEGORIES) - {"about", "static_tab", "course_info"} == PUBLISHED_WHEN_SAVED

    def test_it_writes_into_the_draft_whatever_the_branch_of_the_process_is(self, studio, settings):
        """A command may run with another default."""
        from xmodule.modulestore import ModuleStoreEnum

        with studio.store.branch_setting(ModuleStoreEnum.Branch.published_only, studio.key):
            write(studio, FIRST, display_name="Bees")
        assert shown(studio.key).titles()[studio.entity_id(*FIRST)] == "First"

    def test_the_draft_is_read_anew(self, studio):
        """A process that runs for days must see what authors do in other processes."""
        writer, entity_id = ModulestoreWriter(), studio.entity_id(*FIRST)
        before = RequestCache("course_index_cache")
        assert writer.draft(entity_id).fields == {"display_name": "First"}
        kept = dict(before.data)
        assert kept, "the platform keeps the index of a course for the rest of a request"
        studio.edit(FIRST, display_name="Bees")
        before.data.update(kept)
        assert writer.draft(entity_id).fields == {"display_name": "Bees"}

    def test_a_unit_that_was_never_published(self, studio):
        unit = studio.add(LESSON, "vertical", "third")
        component = studio.add(unit, "html", "new")
        writer = ModulestoreWriter()
        assert writer.draft(studio.entity_id(*unit)).has_unpublished_changes is True
        with pytest.raises(PermanentError, match="cannot be published: its parent is not"):
            writer.publish(studio.entity_id(*component), USER)
        writer.move(studio.entity_id(*unit), studio.entity_id(*LESSON), None, USER)
        assert studio.entity_id(*unit) not in shown(studio.key).blocks

    def test_a_rerun_has_changes_until_its_settings_are_saved(self, studio):
        """Its published course has the title of the source, so an author's title would be overwritten."""
        rerun = studio.rerun("next", display_name="Keeping bees, again")
        RequestCache.clear_all_namespaces()  # the request that made the rerun is over
        draft = ModulestoreWriter().draft(str(rerun))
        assert (draft.fields["display_name"], draft.has_unpublished_changes) == ("Keeping bees, again", True)

    def test_a_copy_from_a_v1_library_has_the_title_of_the_library(self, studio, author):
        library = studio.store.create_library("Org", "Lib", author.id, fields={"display_name": "A library"})
        problem = studio.store.create_child(
            author.id, library.location, "problem", "sum", fields={"display_name": "Sum"}
        )
        content = studio.add(FIRST, "library_content", "drawn")
        (copy,) = studio.store.copy_from_template(
            [problem.location], studio.key.make_usage_key(*content), author.id, head_validation=False
        )
        entity_id = str(copy.for_branch(None).version_agnostic())
        assert ModulestoreWriter().draft(entity_id).fields == {"display_name": "Sum"}
        assert ModulestoreWriter().write(entity_id, {"display_name": "Ours"}, USER) == {"display_name": "Ours"}

    def test_error_blocks_have_no_place(self, studio):
        lesson = studio.store.get_item(studio.key.make_usage_key(*LESSON))
        lesson.children = [studio.key.make_usage_key("error", "broken"), *lesson.children]
        studio.store.update_item(lesson, studio.user_id)
        siblings = ModulestoreWriter().draft(studio.entity_id(*FIRST)).siblings
        assert siblings == (studio.entity_id(*FIRST), studio.entity_id(*SECOND))

    def test_other_settings_of_a_block_stay(self, studio):
        studio.edit(LESSON, graded=True, format="Homework")
        write(studio, LESSON, display_name="Spring", due=DUE)
        lesson = shown(studio.key).blocks[studio.entity_id(*LESSON)]
        assert (lesson.graded, lesson.format, normalised("date", lesson.due)) == (True, "Homework", DUE)

    def test_a_block_whose_xblock_is_not_installed_keeps_its_settings(self, studio, monkeypatch):
        from course_sync_plugin.structure.modulestore import blocks

        monkeypatch.setattr(blocks, "_installed_block_types", lambda: frozenset({"html"}))
        write(studio, TEXT, display_name="Bees")
        with pytest.raises(PermanentError, match="its XBlock is not installed here"):
            write(studio, QUIZ, display_name="Sum")
        assert write(studio, QUIZ, display_name="Quiz") == {"display_name": "Quiz"}  # nothing is saved

    def test_a_save_at_the_same_time_is_no_silent_loss(self, studio, monkeypatch):
        """The platform drops a version whose course index has changed meanwhile, and only logs a warning."""
        from common.djangoapps.split_modulestore_django.models import SplitModulestoreCourseIndex

        studio.edit(TEXT, display_name="Not yet")
        cls, names = type(studio.store), ("update_item", "publish")
        originals = {name: getattr(cls, name) for name in names}

        def collide(name):
            def call(*args, **kwargs):
                done = originals[name](*args, **kwargs)
                now = datetime.now(UTC) + timedelta(seconds=1)
                SplitModulestoreCourseIndex.objects.filter(course_id=studio.key).update(last_update=now)
                return done

            return call

        for name in names:
            monkeypatch.setattr(cls, name, collide(name))
        writer, lesson = ModulestoreWriter(), studio.entity_id(*LESSON)
        for call in (
            lambda: write(studio, FIRST, display_name="Bees"),
            lambda: write(studio, LESSON, due=DUE),
            lambda: writer.publish(studio.entity_id(*TEXT), USER),
            lambda: writer.move(studio.entity_id(*SECOND), lesson, None, USER),
        ):
            with pytest.raises(TransientError, match="somebody saved the course just then"):
                call()
        monkeypatch.undo()
        assert write(studio, LESSON, due=DUE) == {"due": DUE}

    def test_a_mongodb_that_is_down(self, studio, monkeypatch):
        import pymongo.errors

        def down(*_args, **_kwargs):
            raise pymongo.errors.AutoReconnect("host.example:27017 is down")

        monkeypatch.setattr(type(studio.store.modulestores[0]), "get_item", down)
        with pytest.raises(TransientError, match=r"AutoReconnect$"):
            write(studio, FIRST, display_name="Bees")


def test_an_lms_process_is_refused():
    """In a separate process: a process can be only one of the services."""
    code = (
        "import os; os.environ.update(DJANGO_SETTINGS_MODULE='lms.envs.test', SERVICE_VARIANT='lms');"
        "import host_mongo; host_mongo.replace(); import django; django.setup();"
        "from course_sync_plugin.structure.writers import get_writer\n"
        "from course_sync_plugin.exceptions import ConfigurationError\n"
        "unit, lesson = (f'block-v1:Org+Bees+run+type@{kind}+block@first' for kind in ('vertical', 'sequential'))\n"
        "writer = get_writer()\n"
        "for call in (lambda: writer.draft(unit), lambda: writer.write(unit, {}, 'author'),\n"
        "             lambda: writer.publish(unit, 'author'), lambda: writer.move(unit, lesson, None, 'author')):\n"
        "    try: call()\n"
        "    except ConfigurationError as error: print(error.message)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{os.getcwd()}:{HERE}"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    refused = [line for line in run.stdout.splitlines() if line.startswith("An LMS process cannot write")]
    assert len(refused) == 4, run.stdout
