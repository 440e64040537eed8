"""What people move at a linked system becomes a proposal; it is neither undone nor passed on until that is decided."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.open_target import open_target
from course_sync_plugin.models import Conflict, LedgerTree, Link, Proposal
from course_sync_plugin.replication.outbound.placing import look_at_places
from sandbox.published.trees import subtree
from tests.integration.courses import COURSE, approve, block
from tests.integration.one_lane import publish, states
from tests.integration.replication.studio import Studio, rearranged

pytestmark = pytest.mark.django_db

UNIT, FIRST, SECOND = (block("vertical", f"unit-0-{number}") for number in (2, 0, 1))
SUBSECTION = block("sequential", "subsection-0")


@pytest.fixture
def filled(linked, far, settings) -> Link:
    settings.COURSE_SYNC_WRITER = "tests.integration.replication.studio.Studio"
    settings.COURSE_SYNC_WRITE_BACK_USER = "sync"
    Studio.reset()
    api.deliver_until_empty()
    far.calls.clear()
    return linked


def number_of(far, kind: str, title: str) -> str:
    return next(number for number, one in far.things.items() if (one.kind, one.title) == (kind, title))


def move_there(far, title: str, before: str) -> None:
    """A person moves an item in front of another one."""
    number, other = number_of(far, "item", title), number_of(far, "item", before)
    far.order.remove(number)
    far.order.insert(far.order.index(other), number)
    far.things[number].parent = far.things[other].parent


def move_here(shelf, version: str, name: str, after: str | None) -> None:
    """An author moves a unit of the first subsection."""
    course = shelf.courses[COURSE]
    order = [one for one in course.children[SUBSECTION] if one != block("vertical", name)]
    order.insert(order.index(block("vertical", after)) + 1 if after else 0, block("vertical", name))
    shelf.publish(rearranged(course, version, {**course.children, SUBSECTION: order}))
    api.sync_course(COURSE)


def poll() -> None:
    (polled,) = api.poll_now()
    assert polled.error == ""


def deliver() -> None:
    api.deliver_until_empty()
    assert states() == []


def test_a_move_is_a_proposal_and_is_not_undone(filled, far, shelf):
    move_there(far, "unit-0-2", before="unit-0-0")
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.entity_id, proposal.field, proposal.state) == (UNIT, "place", "open")
    assert (proposal.base, proposal.value) == ([SUBSECTION, SECOND], [SUBSECTION, None])
    publish(shelf, "2", titles={"unit-1-0": "Bees"})
    deliver()
    poll()
    assert far.titles("item")[:3] == ["unit-0-2", "unit-0-0", "unit-0-1"]
    assert Proposal.objects.count() == 1
    assert far.calls == ["update"]


def test_an_accepted_move_makes_no_call(filled, far, shelf):
    move_there(far, "unit-0-2", before="unit-0-0")
    poll()
    assert api.accept(api.proposal_plan(Proposal.objects.get().pk, "accept")).error == ""
    assert Studio.moves == [(UNIT, SUBSECTION, None)]
    deliver()
    poll()
    assert Proposal.objects.get().state == "published"
    assert far.calls == []
    assert not Conflict.objects.exists()


def test_a_rejected_move_is_undone_with_one_call(filled, far):
    move_there(far, "unit-0-2", before="unit-0-0")
    poll()
    assert api.reject(api.proposal_plan(Proposal.objects.get().pk, "reject")).error == ""
    deliver()
    poll()
    assert far.titles("item")[:3] == ["unit-0-0", "unit-0-1", "unit-0-2"]
    assert Proposal.objects.get().state == "rejected"
    assert set(far.calls) == {"place"}


def test_what_was_moved_into_something_that_is_deleted_too(filled, far, shelf):
    """What a person wrote there would go with the module, unseen."""
    move_there(far, "unit-0-1", before="unit-1-0")
    far.things[number_of(far, "item", "unit-0-1")].title = "Wasps"
    course = shelf.courses[COURSE]
    gone = {SECOND, *subtree(course, block("chapter", "section-1"))}
    left = {one: [child for child in below if child not in gone] for one, below in course.children.items()}
    shelf.publish(rearranged(course, "2", {one: below for one, below in left.items() if one not in gone}))
    api.sync_course(COURSE)
    approve()
    deliver()
    assert [one.remote for one in Conflict.objects.filter(field="display_name")] == ["Wasps"]
    assert "Wasps" not in far.titles("item")


def test_a_move_to_another_section(filled, far):
    move_there(far, "unit-0-2", before="unit-1-1")
    poll()
    other = block("sequential", "subsection-1")
    assert Proposal.objects.get().value == [other, block("vertical", "unit-1-0")]


def test_both_sides_move_one_unit(filled, far, shelf):
    move_there(far, "unit-0-2", before="unit-0-0")
    move_here(shelf, "2", "unit-0-2", after="unit-0-0")
    deliver()
    poll()
    deliver()
    assert far.titles("item")[:3] == ["unit-0-0", "unit-0-2", "unit-0-1"]  # merge_prefer_openedx
    kept = Conflict.objects.get()
    assert (kept.field, kept.taken, kept.state) == ("place", "openedx", "decided")
    assert (kept.openedx, kept.remote) == ([SUBSECTION, FIRST], [SUBSECTION, None])
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("take", ["openedx", "remote"])
def test_a_person_decides_about_a_place(filled, far, shelf, settings, take):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    move_there(far, "unit-0-2", before="unit-0-0")
    move_here(shelf, "2", "unit-0-2", after="unit-0-0")
    deliver()
    poll()
    assert far.titles("item")[:3] == ["unit-0-2", "unit-0-0", "unit-0-1"]
    conflict = Conflict.objects.get()
    assert conflict.state == "open"
    assert api.resolve(api.resolution_plan(conflict.pk, take)).error == ""
    deliver()
    poll()
    first = {"openedx": "unit-0-0", "remote": "unit-0-2"}[take]
    assert far.titles("item")[0] == first
    proposals = list(Proposal.objects.values_list("value", flat=True))
    assert proposals == ([] if take == "openedx" else [[SUBSECTION, None]])
    assert Conflict.objects.get().state == "resolved"


def test_a_loser_is_taken_after_all(filled, far, shelf):
    move_there(far, "unit-0-2", before="unit-0-0")
    move_here(shelf, "2", "unit-0-2", after="unit-0-0")
    deliver()
    assert api.resolve(api.resolution_plan(Conflict.objects.get().pk, "remote")).error == ""
    deliver()
    assert Proposal.objects.get().value == [SUBSECTION, None]
    assert api.accept(api.proposal_plan(Proposal.objects.get().pk, "accept")).error == ""
    deliver()
    assert far.titles("item")[:3] == ["unit-0-2", "unit-0-0", "unit-0-1"]


def test_what_somebody_moved_next_to_what_an_author_moves(filled, far, shelf):
    move_there(far, "unit-0-2", before="unit-0-0")
    move_here(shelf, "2", "unit-0-1", after=None)
    deliver()
    poll()
    assert far.titles("item")[:3] == ["unit-0-1", "unit-0-2", "unit-0-0"]
    assert [one.entity_id for one in Proposal.objects.filter(state="open")] == [UNIT]


def test_moves_of_an_author_are_no_proposals(filled, far, shelf):
    move_here(shelf, "2", "unit-0-2", after=None)
    deliver()
    poll()
    assert far.titles("item")[:3] == ["unit-0-2", "unit-0-0", "unit-0-1"]
    assert not Proposal.objects.exists()
    assert poll() is None
    assert not Conflict.objects.exists()


def test_a_header_that_somebody_deletes_moves_nothing(filled, far):
    number = number_of(far, "header", "subsection-0")
    far.things.pop(number)
    far.order.remove(number)
    poll()
    poll()
    assert not Proposal.objects.exists()
    assert not Conflict.objects.exists()


@pytest.fixture
def asked(filled, far, shelf, settings) -> Conflict:
    """Return the conflict about a unit that both sides have moved: a person is asked."""
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    move_there(far, "unit-0-2", before="unit-0-0")
    move_here(shelf, "2", "unit-0-2", after="unit-0-0")
    deliver()
    poll()
    return Conflict.objects.get(entity_id=UNIT, state="open")


@pytest.mark.parametrize("found_first", ["here", "there"])
def test_an_open_conflict_has_the_last_places_of_both_sides(filled, far, shelf, settings, found_first):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    other = block("sequential", "subsection-1")
    move_there(far, "unit-0-2", before="unit-0-0")
    if found_first == "here":
        poll()  # so it is a proposal when the author moves it
    move_here(shelf, "2", "unit-0-2", after="unit-0-0")
    deliver()
    poll()
    conflict = Conflict.objects.get(entity_id=UNIT, state="open")
    assert (conflict.openedx, conflict.remote) == ([SUBSECTION, FIRST], [SUBSECTION, None])
    move_to_other_subsection(shelf, "3", "unit-0-2")
    deliver()
    poll()
    move_there(far, "unit-0-2", before="unit-1-1")
    poll()
    conflict.refresh_from_db()
    assert (conflict.openedx, conflict.remote) == ([other, None], [other, block("vertical", "unit-1-0")])
    assert conflict.state == "open"
    assert Conflict.objects.filter(entity_id=UNIT).count() == 1


def test_a_conflict_about_a_place_ends_when_both_sides_agree(asked, far, shelf):
    move_here(shelf, "3", "unit-0-2", after=None)
    deliver()
    poll()
    asked.refresh_from_db()
    assert asked.state == "ended"
    assert not Proposal.objects.filter(state="open").exists()


def move_to_other_subsection(shelf, version: str, name: str) -> None:
    """An author moves a unit of the first subsection to the begin of the second one."""
    course, unit, other = shelf.courses[COURSE], block("vertical", name), block("sequential", "subsection-1")
    left = [one for one in course.children[SUBSECTION] if one != unit]
    children = {**course.children, SUBSECTION: left, other: [unit, *course.children[other]]}
    shelf.publish(rearranged(course, version, children))
    api.sync_course(COURSE)


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_unit_that_was_moved_into_what_an_author_deletes_stays_in_its_subsection(filled, far, shelf, deleted_first):
    move_there(far, "unit-0-2", before="unit-1-1")
    if not deleted_first:
        poll()
        assert Proposal.objects.get(state="open").entity_id == UNIT
    course, section = shelf.courses[COURSE], block("chapter", "section-1")
    gone = {section, *subtree(course, section)}
    children = {one: [two for two in below if two not in gone] for one, below in course.children.items()}
    shelf.publish(rearranged(course, "2", {one: below for one, below in children.items() if one not in gone}))
    api.sync_course(COURSE)
    deliver()
    poll()
    deliver()
    assert not Proposal.objects.filter(state="open").exists()
    assert far.titles("item") == ["unit-0-0", "unit-0-1", "unit-0-2"]


def test_a_worker_that_has_read_an_older_course_undoes_no_move_of_an_author(filled, far, shelf):
    with open_target(filled.target) as target:
        late, soon = target.carry_for(filled), target.carry_for(filled)
        move_here(shelf, "2", "unit-0-2", after=None)
        soon.tree.refresh()
        look_at_places(soon)
        look_at_places(late)
    wanted = LedgerTree.objects.get().wanted["children"][SUBSECTION]
    assert wanted == [UNIT, FIRST, SECOND]
    assert not Proposal.objects.exists()
