"""Teachers bring back in Canvas what somebody had deleted there, after the deletion was noted: it is ours again."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, Link, Proposal
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import Course
from tests.integration.replication.canvas_course import check_equal, deliver, long_after, objects_of, requests_since
from tests.integration.replication.canvas_tree import titles_of

pytestmark = pytest.mark.django_db

#: The name and the type of the block that has an object, by the part.
OWNERS = {
    "page": ("s0.a1", "vertical"),
    "topic": ("talk", "discussion"),
    "assignment": ("s0.b", "sequential"),
    "module": ("s0", "chapter"),
}


@attrs.define
class Teacher:
    """Deletes one object of ours, and brings it back."""

    canvas: CanvasFake
    course: Course
    part: str
    number: int = 0

    def delete(self) -> None:
        long_after()
        self.number = objects_of(*OWNERS[self.part])[self.part]
        getattr(self.canvas.teacher, f"delete_{self.part}")(self.course.id, self.number)
        look()
        assert deleted_there()

    def bring_back(self) -> None:
        self.canvas.teacher.undelete(self.course.id, self.part, self.number)


def look() -> None:
    long_after()
    assert [one.error for one in api.poll_now()] == [""]


def look_on_the_next_day() -> None:
    Link.objects.update(polled_at=F("polled_at") - timedelta(days=1))
    look()


def deleted_there() -> int:
    return sum(one["deleted_there"] for one in api.links())


def proposals() -> list[tuple[str, object]]:
    return [(one.entity_id.partition("block@")[2], one.value) for one in Proposal.objects.filter(state="open")]


def written(canvas, begin: int) -> list[str]:
    return [one for one in requests_since(canvas, begin) if not one.startswith("GET")]


@pytest.fixture
def teacher_of(canvas, there, filled):
    return lambda part: Teacher(canvas, there, part)


@pytest.mark.parametrize("part", OWNERS)
def test_it_is_ours_again_and_in_its_place(canvas, there, author, teacher_of, part):
    """Canvas brings back the items of a module with it, but not those of a page, an assignment or a discussion."""
    before, objects = titles_of(there), objects_of(*OWNERS[part])
    teacher = teacher_of(part)
    teacher.delete()
    teacher.bring_back()
    begin = len(canvas.requests)
    look_on_the_next_day()
    deliver()
    assert deleted_there() == 0
    assert titles_of(there) == before
    assert objects_of(*OWNERS[part])[part] == objects[part]
    assert len(written(canvas, begin)) == (part != "module")
    begin = len(canvas.requests)
    look_on_the_next_day()
    deliver()
    assert written(canvas, begin) == []
    author.set("s0.a1", display_name="Bees")
    author.set("s0.b", display_name="Wasps", due="2026-04-01T10:00:00Z")
    structure = author.publish()
    deliver()
    check_equal(there, structure)


@pytest.mark.parametrize("part", ["page", "topic", "assignment"])
def test_the_item_that_the_teacher_made_for_it_is_taken(canvas, there, teacher_of, part):
    before, teacher = titles_of(there), teacher_of(part)
    teacher.delete()
    teacher.bring_back()
    kinds = {"page": "Page", "topic": "Discussion", "assignment": "Assignment"}
    shown = {"page_url": there.pages[teacher.number].url} if part == "page" else {"content_id": teacher.number}
    canvas.teacher.add_item(there.id, objects_of("s0", "chapter")["module"], type=kinds[part], **shown)
    look_on_the_next_day()
    deliver()
    assert sorted(titles_of(there)[0]) == sorted(before[0])  # an assignment stays where the teacher has put it
    assert titles_of(there) == before or part == "assignment"
    assert deleted_there() == 0


@pytest.mark.parametrize("part", ["page", "module"])
def test_what_both_sides_have_changed_since_then_is_found(canvas, there, author, teacher_of, part):
    teacher = teacher_of(part)
    teacher.delete()
    author.set(OWNERS[part][0], display_name="Bees")
    author.set("s0.a2", display_name="Wasps")
    author.publish()
    deliver()
    teacher.bring_back()
    look_on_the_next_day()
    deliver()
    assert {"Bees", "Wasps"} <= {title for module in titles_of(there) for title in module}
    edit = {"page": lambda: canvas.teacher.edit_page(there.id, teacher.number, title="Ants"),
            "module": lambda: canvas.teacher.rename_module(there.id, teacher.number, "Ants")}  # fmt: skip
    edit[part]()
    look()
    assert proposals() == [(OWNERS[part][0], "Ants")]
    assert not Conflict.objects.exists()


@pytest.mark.parametrize("part", ["page", "topic", "assignment", "module"])
def test_it_takes_no_request_more_but_once_a_day(canvas, teacher_of, part):
    begin = len(canvas.requests)
    look()
    whole = len(canvas.requests) - begin
    teacher = teacher_of(part)
    teacher.delete()
    begin = len(canvas.requests)
    look()
    assert len(canvas.requests) - begin <= whole
    teacher.bring_back()
    begin = len(canvas.requests)
    look()
    assert len(canvas.requests) - begin <= whole
    assert deleted_there() == (part in ("page", "topic"))
    begin = len(canvas.requests)
    look_on_the_next_day()
    assert len(canvas.requests) - begin <= whole + 1
    assert deleted_there() == 0


def test_with_content_a_page_is_seen_at_once(canvas, there, canvas_link, author):
    canvas_link.target.options = {"content": "html"}
    canvas_link.target.save()
    author.publish()
    deliver()
    teacher = Teacher(canvas, there, "page")
    teacher.delete()
    teacher.bring_back()
    look()
    deliver()
    assert deleted_there() == 0


def test_one_that_was_created_again_stays(canvas, there, author, canvas_link):
    """With ``recreate`` another page is in its place: the old one is foreign."""
    canvas_link.target.options = {"on_remote_delete": "recreate"}
    canvas_link.target.save()
    author.publish()
    deliver()
    before = titles_of(there)
    teacher = Teacher(canvas, there, "page")
    long_after()
    number = objects_of(*OWNERS["page"])["page"]
    canvas.teacher.delete_page(there.id, number)
    look()
    deliver()
    canvas.teacher.undelete(there.id, "page", number)
    begin = len(canvas.requests)
    look_on_the_next_day()
    deliver()
    assert written(canvas, begin) == []
    assert titles_of(there) == before
    assert objects_of(*OWNERS["page"])["page"] not in (number, teacher.number)


def test_a_page_of_a_deleted_module_waits_for_the_module(canvas, there, teacher_of):
    page, module = teacher_of("page"), teacher_of("module")
    page.delete()
    canvas.clock.advance(60)
    module.delete()
    page.bring_back()
    look_on_the_next_day()
    assert page.number not in objects_of(*OWNERS["page"]).values()
    module.bring_back()
    look_on_the_next_day()
    deliver()
    assert deleted_there() == 0
    assert titles_of(there)[0][:3] == ["s0", "s0.a", "s0.a1"]
