"""People work in the same Canvas course: what is theirs stays, and what they did with what is ours is not undone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, LedgerReplica
from course_sync_plugin.targets.canvas.site.fields import FieldCalls
from course_sync_plugin.targets.two_way import freshness
from course_sync_plugin.testing.canvas.objects import living
from tests.integration.courses import block
from tests.integration.replication.canvas_course import check_equal, deliver, long_after, objects_of
from tests.integration.replication.canvas_tree import titles_of
from tests.integration.replication.conftest import link_to_canvas

pytestmark = pytest.mark.django_db


def publish(author):
    structure = author.publish()
    deliver()
    return structure


def module_of(name: str) -> int:
    return objects_of(name, "chapter")["module"]


def item_of(name: str, kind: str = "vertical") -> int:
    return objects_of(name, kind)["header" if kind == "sequential" else "item"]


def move_item(canvas, there, name: str, module: int, **place) -> None:
    item = there.items[item_of(name)]
    path = f"/courses/{there.id}/modules/{item.module_id}/items/{item.id}"
    canvas.teacher.do("PUT", path, module_item={"module_id": module, **place})


def note_of(name: str, kind: str) -> str:
    return LedgerReplica.objects.get(entity_id=block(kind, name)).note


@pytest.fixture
def foreign(canvas, there, filled):
    """Objects of a teacher between ours: a module before, and an item in the middle of the first section."""
    module = canvas.teacher.add_module(there.id, "Welcome")
    canvas.teacher.move_module(there.id, module["id"], 1)
    first = module_of("s0")
    for position, title in ((4, "Foreign 1"), (8, "Foreign 2")):
        canvas.teacher.add_item(there.id, first, type="SubHeader", title=title, position=position)
    return module


def theirs(there) -> list[str]:
    return [title for module in titles_of(there) for title in module if title.startswith(("Foreign", "Welcome"))]


def test_ours_are_placed_between_what_is_foreign(there, author, foreign):
    assert titles_of(there)[:2] == [
        ["Welcome"],
        ["s0", "s0.a", "s0.a1", "talk", "Foreign 1", "s0.a2", "s0.b", "s0.b", "Foreign 2", "s0.b1", "s0.b2"],
    ]
    author.children["s0.a"].insert(1, "new")
    author.children["course"].insert(0, "first")
    publish(author)
    assert titles_of(there)[:3] == [
        ["Welcome"],
        ["first"],
        ["s0", "s0.a", "s0.a1", "talk", "new", "Foreign 1", "s0.a2", "s0.b", "s0.b", "Foreign 2", "s0.b1", "s0.b2"],
    ]


@pytest.mark.parametrize("move", [("s0.b", "s0", 0), ("s0.a", "s1", 0), ("s0.a2", "s0.a", 0), ("s1", "course", 0)])
@pytest.mark.story(37)
def test_what_is_foreign_keeps_its_order(there, author, foreign, move):
    before = theirs(there)
    author.move(*move)
    publish(author)
    assert sorted(theirs(there)) == sorted(before)
    assert [one for one in theirs(there) if one != "Welcome"] == ["Foreign 1", "Foreign 2"]
    assert len(there.modules) == 3


@pytest.mark.story(35)
def test_a_rename_in_canvas_is_not_overwritten(canvas, there, author, filled):
    canvas.teacher.rename_module(there.id, module_of("s0"), "Theirs")
    canvas.teacher.edit_page(there.id, objects_of("s0.a1", "vertical")["page"], title="Their page")
    author.set("s0", start="2027-01-01T00:00:00Z")
    author.set("s0.a1", display_name="s0.a1")
    author.set("s0.a2", display_name="Bees")
    publish(author)
    assert titles_of(there)[0][:5] == ["Theirs", "s0.a", "Their page", "talk", "Bees"]
    assert not Conflict.objects.exists()


@pytest.mark.parametrize("renamed", ["header", "assignment"])
def test_one_of_the_two_titles_of_a_graded_subsection_is_renamed(canvas, there, author, filled, renamed):
    objects = objects_of("s0.b", "sequential")
    if renamed == "header":
        canvas.teacher.edit_item(there.id, module_of("s0"), objects["header"], title="Theirs")
    else:
        canvas.teacher.edit_assignment(there.id, objects["assignment"], name="Theirs")
    author.set("s0.b", due="2026-04-01T10:00:00Z")
    publish(author)
    titles = {
        "header": there.items[objects["header"]].title,
        "assignment": there.assignments[objects["assignment"]].name,
    }
    assert titles == {"header": "s0.b", "assignment": "s0.b"} | {renamed: "Theirs"}
    author.set("s0.b", due="2026-04-02T10:00:00Z")
    publish(author)
    assert not Conflict.objects.exists()
    assert there.assignments[objects["assignment"]].due_at.day == 2
    author.set("s0.b", display_name="Ours")
    publish(author)
    assert {there.items[objects["header"]].title, there.assignments[objects["assignment"]].name} == {"Ours"}
    assert Conflict.objects.get().remote == "Theirs"


def test_a_due_date_of_a_teacher_stays_until_both_sides_change_it(canvas, there, author, filled):
    assignment = objects_of("s0.b", "sequential")["assignment"]
    canvas.teacher.edit_assignment(there.id, assignment, due_at="2026-09-09T09:09:00Z", points_possible=7)
    author.set("s0.b", display_name="Bees")
    publish(author)
    assert there.assignments[assignment].due_at.month == 9
    author.set("s0.b", due="2026-04-01T10:00:00Z")
    publish(author)
    assert there.assignments[assignment].due_at.month == 4
    assert there.assignments[assignment].points_possible == 7
    assert Conflict.objects.get().remote == "2026-09-09T09:09:00Z"


@pytest.mark.story(36)
def test_what_a_teacher_moved_stays_where_it_is(canvas, there, author, filled):
    long_after()
    move_item(canvas, there, "s0.a2", module_of("s1"), position=1)
    author.set("s0.a2", display_name="Bees")
    author.children["s0.a"].append("new")
    author.move("s0.b", "s0", 0)
    publish(author)
    assert titles_of(there) == [
        ["s0", "s0.b", "s0.b", "s0.b1", "s0.b2", "s0.a", "s0.a1", "talk", "new"],
        ["s1", "Bees", "s1.a", "s1.a1", "s1.a2", "s1.b", "s1.b", "s1.b1", "s1.b2"],
    ]


def test_an_item_without_a_position(canvas, there, author, filled):
    other = canvas.teacher.add_module(there.id, "Other")["id"]
    move_item(canvas, there, "s1.b2", other)
    move_item(canvas, there, "s1.b2", module_of("s1"))
    assert there.items[item_of("s1.b2")].position is None
    author.children["s1.b"].append("new")
    check_equal_but_for_foreign(there, publish(author), "Other")


def check_equal_but_for_foreign(there, structure, name):
    for module in living(there.modules.values()):
        if module.name == name:
            module.state = "deleted"
    check_equal(there, structure)


def test_items_with_equal_positions(canvas, there, author, filled):
    for name in ("s0.a1", "s0.a2"):
        there.items[item_of(name)].position = 2
    author.children["s0.a"].append("new")
    publish(author)
    assert titles_of(there)[0][2:4] == ["s0.a1", "s0.a2"]
    assert "new" in titles_of(there)[0]


def test_gaps_and_deleted_items(canvas, there, author, filled):
    for name in ("one", "two", "three"):
        item = canvas.teacher.add_item(there.id, module_of("s0"), type="SubHeader", title=name, position=3)
        canvas.teacher.delete_item(there.id, module_of("s0"), item["id"])
    author.move("s0.a2", "s0.a", 0)
    author.children["s0.a"].append("new")
    check_equal(there, publish(author))


@pytest.mark.parametrize("policy", ["manual", "recreate"])
@pytest.mark.parametrize("deleted", ["page", "item", "topic", "assignment", "module", "header"])
def test_what_a_teacher_deleted(canvas, there, author, canvas_link, policy, deleted):
    canvas_link.target.options = {"on_remote_delete": policy}
    canvas_link.target.save()
    publish(author)
    long_after()  # else it might be a late read
    name, kind, title = {
        "page": ("s0.a1", "vertical", "s0.a1"),
        "item": ("s0.a1", "vertical", "s0.a1"),
        "topic": ("talk", "discussion", "talk"),
        "assignment": ("s0.b", "sequential", "s0.b"),
        "header": ("s0.b", "sequential", "s0.b"),
        "module": ("s0", "chapter", "s0"),
    }[deleted]
    number = objects_of(name, kind)[deleted]
    teacher = canvas.teacher
    if deleted in ("item", "header"):
        teacher.delete_item(there.id, module_of("s0"), number)
    else:
        getattr(teacher, f"delete_{deleted}")(there.id, number)
    author.set(name, display_name="Bees", start="2026-06-06T00:00:00Z")
    structure = publish(author)
    if policy == "recreate" and deleted != "module":
        check_equal(there, structure)
    row = LedgerReplica.objects.get(entity_id=block(kind, name))
    assert (row.deleted_at is None) == (policy == "recreate")
    assert all(module[0] != "Bees" or policy == "recreate" for module in titles_of(there))


def test_a_deleted_module_is_created_again_with_what_changes_in_it(canvas, there, author, canvas_link):
    canvas_link.target.options = {"on_remote_delete": "recreate"}
    canvas_link.target.save()
    publish(author)
    long_after()
    canvas.teacher.delete_module(there.id, module_of("s0"))
    api.reset("crm")
    api.deliver_until_empty()
    structure = publish(author)
    check_equal(there, structure)


def test_a_module_with_foreign_items_is_not_deleted(there, author, foreign):
    author.remove("s0")
    publish(author)
    assert titles_of(there)[:2] == [["Welcome"], ["s0", "Foreign 1", "Foreign 2"]]
    assert note_of("s0", "chapter").endswith("Items in it that are not of its section: 2.")


def test_what_a_teacher_moved_and_renamed_is_kept_when_both_are_deleted(canvas, there, author, filled):
    """The module is deleted first. Its deletion would leave it there, or take what is in it with it, unseen."""
    long_after()
    move_item(canvas, there, "s0.a2", module_of("s1"), position=1)
    canvas.teacher.edit_page(there.id, objects_of("s0.a2", "vertical")["page"], title="Wasps")
    author.remove("s1")
    author.remove("s0.a2")
    check_equal(there, publish(author))
    assert [one.remote for one in Conflict.objects.filter(field="display_name")] == ["Wasps"]


def test_submissions_and_entries_are_never_deleted(canvas, there, author, filled):
    assignment = objects_of("s0.b", "sequential")["assignment"]
    topic = objects_of("talk", "discussion")["topic"]
    canvas.student.submit(there.id, assignment)
    canvas.teacher.do("POST", f"/courses/{there.id}/discussion_topics/{topic}/entries", message="Hello")
    canvas.teacher.edit_topic(there.id, topic, published=True)
    author.remove("s0.b")
    author.remove("talk")
    publish(author)
    assert not there.assignments[assignment].deleted
    assert there.topics[topic].state == "unpublished"
    assert "submissions" in note_of("s0.b", "sequential")
    assert "entries" in note_of("talk", "discussion")


@pytest.mark.parametrize(
    ("name", "kind", "edit"),
    [
        ("s0.a1", "vertical", lambda teacher, course, found: teacher.edit_page(course, found["page"], title="Theirs")),
        ("s1", "chapter", lambda teacher, course, found: teacher.rename_module(course, found["module"], "Theirs")),
        (
            "s0.b",
            "sequential",
            lambda teacher, course, found: teacher.edit_assignment(course, found["assignment"], name="Theirs"),
        ),
    ],
)
def test_a_title_that_a_teacher_writes_just_before_the_deletion(
    canvas, there, author, filled, monkeypatch, name, kind, edit
):
    """The lists of this turn were read some time ago."""
    monkeypatch.setattr(freshness, "FRESH_SECONDS", -1)
    found, read = objects_of(name, kind), FieldCalls.read_again
    edits = iter([lambda: edit(canvas.teacher, there.id, found)])

    def edited_meanwhile(self, entity):
        self.listing.assignments()
        [*self.listing.all_items()]
        next(edits, lambda: None)()
        read(self, entity)

    monkeypatch.setattr(FieldCalls, "read_again", edited_meanwhile)
    author.remove(name)
    publish(author)
    assert [(one.field, one.remote, one.taken) for one in Conflict.objects.all()] == [
        ("display_name", "Theirs", "openedx")
    ]


def test_a_page_that_is_shown_elsewhere_and_the_front_page_are_left(canvas, there, author, filled):
    pages = {name: objects_of(name, "vertical")["page"] for name in ("s0.a1", "s0.a2")}
    module = canvas.teacher.add_module(there.id, "Theirs")["id"]
    canvas.teacher.add_item(there.id, module, type="Page", page_url=there.pages[pages["s0.a1"]].url)
    canvas.teacher.edit_page(there.id, pages["s0.a2"], published=True, front_page=True)
    author.remove("s0.a1")
    author.remove("s0.a2")
    publish(author)
    assert ["Theirs", "s0.a1"] in titles_of(there)
    assert not any(there.pages[one].deleted for one in pages.values())
    assert "front page" in note_of("s0.a2", "vertical")
    assert "other places" in note_of("s0.a1", "vertical")


@pytest.mark.story(33)
def test_what_is_deleted_twice(canvas, there, author, filled):
    long_after()
    for name in ("s0.a1", "s0.a2"):
        canvas.teacher.delete_page(there.id, objects_of(name, "vertical")["page"])
    author.remove("s0.a")
    check_equal(there, publish(author))


def test_a_page_that_has_the_title_already(canvas, there, author, canvas_link):
    canvas.teacher.add_page(there.id, "s0.a1", "theirs")
    publish(author)
    page = there.pages[objects_of("s0.a1", "vertical")["page"]]
    assert page.title == "s0.a1-2"
    author.set("s0.a1", display_name="Wasps")
    publish(author)
    assert (page.title, page.url) == ("Wasps", "wasps")
    assert not Conflict.objects.exists()


@pytest.mark.story(38)
def test_two_units_with_the_same_numbered_title(there, author, canvas_link):
    for name in ("s0.a1", "s0.a2", "s0.b1"):
        author.set(name, display_name="Part-1")
    publish(author)
    assert [title for title in titles_of(there)[0] if "Part" in title] == ["Part-1", "Part-1 (2)", "Part-1 (3)"]
    api.reset("crm")
    deliver()
    author.set("s0.a2", display_name="Part-2")
    author.set("s0.b1", display_name="Part-2")
    publish(author)
    assert [title for title in titles_of(there)[0] if "Part" in title] == ["Part-1", "Part-2", "Part-2 (2)"]
    assert not Conflict.objects.exists()


def test_what_becomes_staff_only_is_hidden_and_shown_by_people(canvas, there, author, filled):
    canvas.teacher.publish_module(there.id, module_of("s0"))
    author.set("s0", visible_to_staff_only=True)
    for name in ("s0.a", "s0.b", "s0.a1", "s0.a2", "s0.b1", "s0.b2"):  # as inherited values are recorded
        author.set(name, visible_to_staff_only=True)
    before = titles_of(there)
    publish(author)
    assert titles_of(there) == before
    published = [one for one in living([*there.modules.values(), *there.items.values()]) if one.published]
    assert published == []
    author.fields = {
        name: {k: v for k, v in values.items() if k != "visible_to_staff_only"}
        for name, values in author.fields.items()
    }
    author.set("s0.a1", display_name="Bees")
    check_equal(there, publish(author))
    assert [one for one in living(there.items.values()) if one.published] == []


def test_published_at_once_and_hidden_by_people(canvas, there, author):
    link_to_canvas(canvas, there, "publish=yes")
    author.set("s1.a1", hide_from_toc=True)
    publish(author)
    everything = living([*there.modules.values(), *there.items.values(), *there.pages.values()])
    assert [one.title for one in everything if not one.published] == ["s1.a1", "s1.a1"]
    canvas.teacher.publish_module(there.id, module_of("s0"), published=False)
    author.set("s0", display_name="Bees")
    author.set("s0.a1", display_name="Wasps")
    publish(author)
    assert not there.modules[module_of("s0")].published
    assert not there.items[item_of("s0.a1")].published


def test_what_is_there_is_taken_over(canvas, there, author):
    module = canvas.teacher.add_module(there.id, "s0")["id"]
    there.modules[module].unlock_at = datetime(2026, 2, 2, 8, tzinfo=UTC)
    header = canvas.teacher.add_item(there.id, module, type="SubHeader", title="s0.a")["id"]
    page = canvas.teacher.add_page(there.id, "s0.a1")
    item = canvas.teacher.add_item(there.id, module, type="Page", page_url=page["url"], indent=1)["id"]
    link_to_canvas(canvas, there, seed="match")
    check_equal(there, publish(author))
    assert (module_of("s0"), item_of("s0.a", "sequential"), item_of("s0.a1")) == (module, header, item)
    assert objects_of("s0.a1", "vertical")["page"] == page["page_id"]


def test_the_new_title_of_a_page_without_an_item_is_kept_when_its_unit_is_deleted(canvas, there, author, filled):
    long_after()
    objects = objects_of("s0.a1", "vertical")
    canvas.teacher.delete_item(there.id, module_of("s0"), objects["item"])
    api.poll_now()
    canvas.teacher.edit_page(there.id, objects["page"], title="Wasps")
    author.remove("s0.a1")
    publish(author)
    assert there.pages[objects["page"]].deleted
    assert Conflict.objects.get().remote == "Wasps"
