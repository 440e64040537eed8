"""The sandbox plays Studio: its writer keeps the contract, and its commands edit and publish."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import JournalOperation, Marker
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.structure.writer import CourseWriter
from course_sync_plugin.structure.writers import get_writer
from sandbox.published.drafts import editing, studio
from sandbox.published.models import DraftCourse
from sandbox.published.publishing import publish, publish_structure, unpublish
from sandbox.published.source import PublishedSource
from sandbox.published.writer import SandboxWriter
from tests.conftest import SAMPLE
from tests.platform.writer_contract import BLOCKS, DUE, START, TITLE, WriterContract

COURSE = "course-v1:Org+Bees+run"


def block(block_type: str, name: str) -> str:
    return COURSE if block_type == "course" else f"block-v1:Org+Bees+run+type@{block_type}+block@{name}"


def raw_block(kind: tuple[str, str], fields: dict[str, str]) -> RawBlock:
    children = tuple(block(*child) for child, parent in BLOCKS.items() if parent == kind)
    return RawBlock(block(*kind), kind[0], fields, children)


@pytest.fixture
def author(db) -> User:
    return User.objects.create_user("author")


@pytest.fixture
def course(author) -> str:
    blocks = [raw_block(("course", "course"), {"display_name": TITLE, "start": START})]
    for kind in BLOCKS:
        own = {"due": DUE} if kind[1] == "week" else {}
        blocks.append(raw_block(kind, {"display_name": kind[1], **own}))
    publish_structure(StructureBuilder(COURSE, "1", {one.entity_id: one for one in blocks}).build())
    return COURSE


@pytest.mark.usefixtures("course")
class TestSandboxWriter(WriterContract):
    def writer(self) -> CourseWriter:
        return SandboxWriter()

    def course_id(self) -> str:
        return COURSE

    def edit(self, entity_id: str, title: str) -> None:
        call_command("edit_course", COURSE, entity_id, f"display_name={title}", stdout=StringIO())


class TestGetWriter:
    def test_the_setting_names_it(self):
        assert isinstance(get_writer(), SandboxWriter)

    def test_a_wrong_setting_is_told(self, settings):
        settings.COURSE_SYNC_WRITER = "sandbox.published.writer.Nothing"
        with pytest.raises(ConfigurationError, match="COURSE_SYNC_WRITER is"):
            get_writer()


def run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("course")
class TestCommands:
    UNIT, LESSON = block("vertical", "first"), block("sequential", "lesson")

    def test_an_edit_of_a_unit_waits_for_its_publish(self):
        api.sync_course(COURSE)
        told = run("edit_course", COURSE, self.UNIT, "display_name=Bees = good")
        assert told == f"{COURSE}: in the draft. To publish it: manage.py publish_course {COURSE} {self.UNIT}\n"
        assert not Marker.objects.exists()
        assert run("publish_course", COURSE, self.UNIT) == f"{COURSE}: recorded, 1 operation\n"
        assert studio(COURSE).published.entities[self.UNIT].fields == {"display_name": "Bees = good"}
        assert run("publish_course", COURSE) == f"{COURSE}: there is nothing to publish\n"

    def test_what_a_writer_wrote_is_one_update_when_an_author_publishes(self):
        api.sync_course(COURSE)
        get_writer().write(self.UNIT, {"display_name": "Bees"}, "author")
        assert not Marker.objects.exists()
        assert run("publish_course", COURSE) == f"{COURSE}: recorded, 1 operation\n"
        operation = JournalOperation.objects.latest("position")
        assert (operation.operation, operation.fields) == ("update", {"display_name": "Bees"})

    def test_an_edit_of_a_subsection_is_published_at_once(self):
        api.sync_course(COURSE)
        assert run("edit_course", COURSE, self.LESSON, "due=2026-05-01", "graded=true") == (
            f"{COURSE}: recorded, 1 operation\n"
        )
        fields = studio(COURSE).published.entities[self.LESSON].fields
        assert (fields["due"], fields["graded"]) == ("2026-05-01T00:00:00Z", True)
        run("edit_course", COURSE, self.LESSON, "graded=")
        assert "graded" not in studio(COURSE).published.entities[self.LESSON].fields

    def test_an_edit_back_to_what_is_published(self):
        run("edit_course", COURSE, self.UNIT, "display_name=Bees")
        assert (
            run("edit_course", COURSE, self.UNIT, "display_name=first")
            == f"{COURSE}: the draft is as it is published\n"
        )

    def test_a_component_that_moved_is_away_until_its_new_unit_is_published(self):
        text, second = block("html", "text"), block("vertical", "second")
        get_writer().move(text, second, None, "author")
        run("publish_course", COURSE, self.UNIT)
        assert text not in studio(COURSE).published.entities
        run("publish_course", COURSE, second)
        assert studio(COURSE).published.entities[text].parent_id == second
        assert studio(COURSE).published.same_course_as(studio(COURSE).draft)

    @pytest.mark.parametrize(
        ("command", "arguments", "message"),
        [
            ("edit_course", ["course-v1:No+Such+Course", "x", "display_name=a"], "is not published here"),
            ("edit_course", ["nonsense", "x", "display_name=a"], "is not a course key"),
            ("edit_course", [COURSE, block("vertical", "nowhere"), "display_name=a"], "There is no"),
            ("edit_course", [COURSE, block("vertical", "first"), "due=2026-05-01"], "'due' is no field of a unit"),
            ("edit_course", [COURSE, block("vertical", "first"), "display_name"], "is no field"),
            ("edit_course", [COURSE, block("chapter", "week"), "due=soon"], "due: 'soon' is not a date"),
            ("publish_course", ["course-v1:No+Such+Course"], "is not published here"),
            ("publish_course", [COURSE, block("vertical", "nowhere")], "There is no"),
        ],
    )
    def test_what_cannot_be_done_is_told(self, command, arguments, message, capsys):
        with pytest.raises(SystemExit) as exit_:
            call_command(command, *arguments)
        assert exit_.value.code == 1
        assert message in capsys.readouterr().err

    def test_a_component_that_is_published_nowhere_is_not_published_alone(self, capsys):
        text = block("html", "text")
        get_writer().move(text, block("vertical", "second"), None, "author")
        run("publish_course", COURSE, self.UNIT)
        with pytest.raises(SystemExit):
            run("publish_course", COURSE, text)
        assert "publish the unit that it moved to" in capsys.readouterr().err


@pytest.mark.django_db
class TestDraftsEnd:
    def test_a_publish_from_olx_replaces_them(self):
        row = publish(SAMPLE / "old")
        unit = next(one for one in studio(row.course_key).draft.entities.values() if one.block_type == "vertical")
        run("edit_course", row.course_key, unit.entity_id, "display_name=Mine")
        publish(SAMPLE / "old")
        assert not studio(row.course_key).has_changes(unit.entity_id)

    def test_they_go_with_the_course(self, course):
        run("edit_course", course, block("vertical", "first"), "display_name=Bees")
        unpublish(course)
        assert not DraftCourse.objects.exists()


def test_the_html_of_a_draft_is_published_with_it(author):
    text = block("html", "text")
    blocks = [raw_block(kind, {}) for kind in [("course", "course"), *BLOCKS]]
    publish_structure(StructureBuilder(COURSE, "1", {one.entity_id: one for one in blocks}).build(), {text: "<p>a</p>"})
    source = PublishedSource()
    assert source.html(COURSE, [text, block("html", "none")]) == {text: "<p>a</p>"}
    before = source.published_version(COURSE)
    unit = block("vertical", "first")
    with editing(COURSE) as course:
        course.draft_html = {**course.draft_html, unit: "<p>b</p>"}
    assert source.html(COURSE, [unit]) == {}
    with editing(COURSE) as course:
        course.publish(unit)
    assert source.html(COURSE, [unit]) == {unit: "<p>b</p>"}
    assert source.published_version(COURSE) != before
