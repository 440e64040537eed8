"""Edits of teachers in Canvas come back: titles and dates, moves, and what Live Events tell."""

from __future__ import annotations

import pytest
from django.test import Client

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, InboundEvent, Proposal, Target
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.targets.inbound.path_secret import path_form
from tests.integration.courses import block
from tests.integration.replication.canvas_course import check_equal, deliver, long_after, objects_of

pytestmark = pytest.mark.django_db

SECRET = "whsec_" + "bees" * 11


def poll() -> api.Polled:
    long_after()
    (polled,) = api.poll_now()
    assert (polled.error, polled.busy) == ("", False)
    return polled


def proposals() -> list[tuple[str, str, object]]:
    rows = Proposal.objects.filter(state="open").order_by("entity_id", "field")
    return [(one.entity_id.rpartition("@")[2], one.field, one.value) for one in rows]


def writes(canvas, begin: int) -> int:
    return sum(one.method != "GET" for one in canvas.requests[begin:])


def test_a_look_at_a_course_that_nobody_touched(canvas, filled):
    begin = len(canvas.requests)
    polled = poll()
    assert (polled.edited, polled.deleted) == (0, 0)
    assert len(canvas.requests) - begin <= 2 + polled.seen / 100
    assert Proposal.objects.count() == 0


def test_titles_and_dates_come_back(canvas, there, filled):
    canvas.teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], "Bees")
    canvas.teacher.edit_page(there.id, objects_of("s0.a1", "vertical")["page"], title="Wasps")
    due = "2026-04-01T10:00:00Z"
    canvas.teacher.edit_assignment(there.id, objects_of("s0.b", "sequential")["assignment"], due_at=due)
    assert poll().edited == 3
    assert proposals() == [
        ("s0", "display_name", "Bees"),
        ("s0.b", "due", due),
        ("s0.a1", "display_name", "Wasps"),
    ]
    begin = len(canvas.requests)
    deliver()
    assert writes(canvas, begin) == 0


def test_the_publish_of_what_came_back_makes_no_call(canvas, there, author, filled):
    canvas.teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], "Bees")
    poll()
    begin = len(canvas.requests)
    author.set("s0", display_name="Bees")
    structure = author.publish()
    deliver()
    assert writes(canvas, begin) == 0
    check_equal(there, structure)
    assert [one.state for one in Proposal.objects.all()] == ["published"]
    assert not Conflict.objects.exists()


@pytest.mark.story(36)
def test_a_unit_that_a_teacher_moves(canvas, there, author, filled):
    module, item = objects_of("s0", "chapter")["module"], objects_of("s0.b2", "vertical")["item"]
    first = objects_of("s0.a", "sequential")["header"]
    position = next(one.position for one in there.items.values() if one.id == first) + 1
    canvas.teacher.edit_item(there.id, module, item, position=position)
    poll()
    parent = block("sequential", "s0.a")
    assert proposals() == [("s0.b2", "place", [parent, None])]
    begin = len(canvas.requests)
    author.set("s1", display_name="Another change")
    author.publish()
    deliver()
    assert writes(canvas, begin) == 1
    author.move("s0.b2", "s0.a", 0)
    structure = author.publish()
    deliver()
    assert writes(canvas, begin) == 1
    check_equal(there, structure)


@pytest.mark.story(36)
def test_a_module_that_a_teacher_moves_and_an_author_puts_back(canvas, there, filled):
    canvas.teacher.move_module(there.id, objects_of("s1", "chapter")["module"], 1)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.value[1]) == ("place", None)
    assert api.reject(api.proposal_plan(proposal.pk, "reject")).error == ""
    begin = len(canvas.requests)
    deliver()
    assert writes(canvas, begin) == 1
    check_equal(there, filled)
    assert (poll().edited, proposals()) == (0, [])


def test_both_sides_change_a_title(canvas, there, author, filled):
    canvas.teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], "There")
    author.set("s0", display_name="Here")
    structure = author.publish()
    deliver()
    check_equal(there, structure)
    kept = Conflict.objects.get()
    assert (kept.base, kept.openedx, kept.remote, kept.taken) == ("s0", "Here", "There", "openedx")


def test_a_live_event_makes_the_course_due(canvas, there, filled, live_server):
    Target.objects.update(secret=encrypt(SECRET))
    canvas.teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], "Bees")
    url = f"{live_server.url}/api/course_sync/v1/inbound/crm/{path_form(SECRET)}"
    assert set(canvas.live_events.deliver(url)) <= {202}
    assert InboundEvent.objects.exists()
    long_after()
    assert api.poll_due() == 1
    assert proposals() == [("s0", "display_name", "Bees")]


def test_an_event_without_the_secret_is_refused(filled):
    Target.objects.update(secret=encrypt(SECRET))
    answer = Client().post("/api/course_sync/v1/inbound/crm/wrong", data=b"{}", content_type="application/json")
    assert answer.status_code == 401
    assert not InboundEvent.objects.exists()


def test_late_reads_after_a_delivery_are_no_deletions_and_no_moves(canvas, there, author, filled):
    author.children["s0.a"].append("new")
    author.move("s1.a2", "s0.a", 0)
    structure = author.publish()
    canvas.replica.writes_behind = 6
    deliver()
    (polled,) = api.poll_now()
    assert (polled.error, polled.deleted) == ("", 0)
    assert proposals() == []
    canvas.replica.writes_behind = 0
    assert (poll().deleted, proposals()) == (0, [])
    check_equal(there, structure)


def into_module(canvas, there, name: str, section: str, **where) -> None:
    """A teacher drags the page of a unit to the module of a section, to its end or to a position."""
    module = objects_of(section, "chapter")["module"]
    old, item = module_of_item(there, name)
    canvas.teacher.do(
        "PUT", f"/courses/{there.id}/modules/{old}/items/{item}", module_item={"module_id": module, **where}
    )


def module_of_item(there, name: str) -> tuple[str, str]:
    item = objects_of(name, "vertical")["item"]
    return there.items[item].module_id, item


class TestAModuleWithoutHeaders:
    """A unit stands in no subsection there, which is impossible in Open edX."""

    @pytest.fixture
    def empty(self, author, filled):
        """A section without subsections."""
        author.children["course"].append("s2")
        author.publish()
        deliver()

    @pytest.mark.parametrize(
        ("where", "parent", "before"),
        [({"position": 1}, "s1.a", None), ({"position": 4}, "s1.a", "s1.a2"), ({}, "s1.b", "s1.b2")],
    )
    def test_a_unit_goes_to_the_nearest_subsection(self, canvas, there, author, filled, where, parent, before):
        module = objects_of("s1", "chapter")["module"]
        for name in ("s1.a", "s1.b"):
            canvas.teacher.delete_item(there.id, module, objects_of(name, "sequential")["header"])
        poll()
        into_module(canvas, there, "s0.b2", "s1", **where)
        poll()
        place = [block("sequential", parent), before and block("vertical", before)]
        assert proposals() == [("s0.b2", "place", place)]
        assert not Conflict.objects.filter(field="place").exists()
        poll()
        assert [one[0] for one in proposals()] == ["s0.b2"]
        author.move("s0.b2", parent, 0 if before is None else 2)
        author.publish()
        deliver()
        poll()
        assert proposals() == []
        assert there.items[objects_of("s0.b2", "vertical")["item"]].module_id == module

    def test_a_person_is_asked_if_the_section_has_no_subsection(self, canvas, there, empty):
        into_module(canvas, there, "s0.b2", "s2")
        poll()
        poll()
        assert proposals() == []
        conflict = Conflict.objects.get()
        section, subsection = block("chapter", "s2"), block("sequential", "s0.b")
        assert (conflict.field, conflict.state) == ("place", "open")
        assert (conflict.openedx[0], conflict.remote) == (subsection, [section, None])
        deliver()
        assert module_of_item(there, "s0.b2")[0] == objects_of("s2", "chapter")["module"]

    def test_the_side_of_open_edx_puts_it_back(self, canvas, there, author, empty):
        into_module(canvas, there, "s0.b2", "s2")
        poll()
        assert api.resolve(api.resolution_plan(Conflict.objects.get().pk, "openedx")).error == ""
        deliver()
        poll()
        check_equal(there, author.publish())
        assert (proposals(), Conflict.objects.get().state) == ([], "resolved")

    def test_the_other_side_can_be_taken_once_there_is_a_subsection(self, canvas, there, author, empty):
        into_module(canvas, there, "s0.b2", "s2")
        poll()
        conflict = Conflict.objects.get()
        refused = api.resolve(api.resolution_plan(conflict.pk, "remote"))
        assert "cannot be in" in refused.error
        assert (proposals(), Conflict.objects.get().state) == ([], "open")
        author.children["s2"] = ["s2.a"]
        author.publish()
        deliver()
        poll()
        decided = api.resolve(api.resolution_plan(conflict.pk, "remote"))
        assert decided.error == ""
        assert proposals() == [("s0.b2", "place", [block("sequential", "s2.a"), None])]
        assert decided.effects.proposal == Proposal.objects.get(state="open").pk

    def test_both_sides_move_a_unit(self, canvas, there, author, empty):
        into_module(canvas, there, "s0.b2", "s2")
        author.move("s0.b2", "s1.a", 0)
        author.publish()
        deliver()
        poll()
        assert [(one.field, one.state) for one in Conflict.objects.all()] == [("place", "open")]
        assert proposals() == []


@pytest.mark.parametrize("looked", [True, False])
def test_a_unit_that_is_moved_after_its_header_was_deleted(canvas, there, author, filled, looked):
    module = objects_of("s1", "chapter")["module"]
    canvas.teacher.delete_item(there.id, module, objects_of("s1.a", "sequential")["header"])
    if looked:
        poll()
    into_module(canvas, there, "s1.a2", "s0")
    poll()
    place = [block("sequential", "s0.b"), block("vertical", "s0.b2")]
    assert proposals() == [("s1.a2", "place", place)]
