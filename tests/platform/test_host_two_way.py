"""Edits that people make in Canvas and at a forum come back into a real Studio, and reach the other system from there.

Canvas and Discourse are the fakes that the package ships; Studio, its drafts and its publishes are the platform's own.
"""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from host_courses import COURSE, FIRST, LESSON, SECOND, TEXT, WEEK, Studio, published, small_course

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Conflict, DatabaseNow, LedgerReplica, Proposal, RateBudget, Target
from course_sync_plugin.structure.modulestore.writer import ModulestoreWriter
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.discourse import DiscourseServer

pytestmark = pytest.mark.django_db(transaction=True)
USER = "author"

#: More blocks than those of the small course, whose subsection is graded and due at ``DUE``.
NOON, THIRD, LATER, EVENING = ("sequential", "noon"), ("vertical", "third"), ("chapter", "later"), ("sequential", "eve")
DUE, NEW_DUE = "2026-03-01T12:30:00Z", "2026-04-01T10:00:00Z"


@pytest.fixture
def sites(settings):
    settings.COURSE_SYNC_SECRET_KEYS = [Fernet.generate_key().decode()]
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    settings.COURSE_SYNC_WRITE_BACK_USER = USER
    with CanvasFake() as canvas, DiscourseServer() as forum:
        yield canvas, forum


@pytest.fixture
def linked(store, author, sites) -> Studio:
    """An author whose course is linked to a course in Canvas and to a category. Units are topics."""
    return linked_course(small_course(store, author), sites, "topics=unit")


@pytest.fixture
def wide(store, author, sites) -> Studio:
    """The same with two sections and three subsections, of which the first one is graded. Subsections are topics."""
    studio = small_course(store, author)
    studio.edit(LESSON, graded=True, due=moment(DUE))
    studio.add(WEEK, *NOON)
    studio.add(NOON, *THIRD)
    studio.publish(THIRD)
    studio.add(COURSE, *LATER)
    studio.add(LATER, *EVENING)
    return linked_course(studio, sites, "topics=subsection")


def linked_course(studio: Studio, sites, topics: str) -> Studio:
    canvas, forum = sites
    api.sync_course(studio.course_id)
    api.add_target("canvas", backend="canvas", url=canvas.url, token=canvas.token)
    api.add_target("forum", backend="discourse", url=forum.url, token=forum.key, options=[topics])
    link(studio, "canvas", str(canvas.add_course("Bees").id))
    link(studio, "forum", "")
    deliver()
    return studio


def moment(text: str):
    from xmodule.fields import Date

    return Date().from_json(text)


def link(studio: Studio, name: str, remote: str) -> None:
    plan = api.link_plan(studio.course_id, name, remote)
    assert api.link_shown(studio.course_id, name, remote, plan.seed, plan.token).error == ""


def deliver() -> None:
    RateBudget.objects.all().delete()
    api.deliver_until_empty()
    assert api.problems() == []
    assert {one["state"] for one in api.status()["targets"]} == {"in step"}


def poll() -> None:
    RateBudget.objects.all().delete()
    Attempt.objects.update(began_at=DatabaseNow(-600))  # right after a delivery, reads may be late
    assert [one.error for one in api.poll_now()] == ["", ""]


def object_of(studio: Studio, target: str, block: tuple[str, str], part: str) -> int:
    rows = LedgerReplica.objects.filter(link__target__name=target, entity_type__isnull=False)
    (row,) = (row for row in rows if row.entity_id == studio.entity_id(*block))
    return int(row.objects_there[part])


def shown(studio: Studio, block: tuple[str, str]):
    """Return a block as learners have it."""
    with published(studio.key) as store:
        return store.get_item(studio.key.make_usage_key(*block))


def drafted(studio: Studio, block: tuple[str, str]):
    """Return a block as authors have it."""
    return studio.store.get_item(studio.key.make_usage_key(*block))


def children(studio: Studio, block: tuple[str, str]) -> list[str]:
    """Return the block ids of what learners have in a block."""
    return [one.block_id for one in shown(studio, block).children]


def writes(site) -> int:
    return sum(one.method != "GET" for one in site.requests)


class Calls:
    """Counts the requests that change something, in Canvas and at the forum."""

    def __init__(self, sites):
        self.sites = sites
        self.before = [writes(site) for site in sites]

    def since(self) -> list[int]:
        return [writes(site) - before for site, before in zip(self.sites, self.before, strict=True)]


def in_canvas(sites) -> tuple[CanvasFake, int]:
    """Return Canvas and the id of its course."""
    return sites[0], next(iter(sites[0].site.courses))


def accept(proposal: Proposal) -> str:
    return api.accept(api.proposal_plan(proposal.pk, "accept")).error


def after_the_publish(studio: Studio) -> None:
    """Record what was published, deliver it, and look at both systems: there is nothing to bring back."""
    api.sync_course(studio.course_id)
    deliver()
    poll()
    deliver()


# -- units: their titles have a draft, their places have none


def test_the_title_of_a_unit_is_in_the_draft_until_its_author_publishes_it(linked, sites):
    calls = rename_first_in_canvas(linked, sites)
    poll()
    draft = ModulestoreWriter().draft(linked.entity_id(*FIRST))
    assert (draft.fields["display_name"], draft.has_unpublished_changes) == ("Named in Canvas", True)
    assert shown(linked, FIRST).display_name == "First"
    assert Proposal.objects.get().state == "written"
    linked.publish(FIRST)
    after_the_publish(linked)
    assert Proposal.objects.get().state == "published"
    assert calls.since() == [0, 1]
    topic = sites[1].forum.topics[object_of(linked, "forum", FIRST, "topic")]
    assert topic.title.startswith("Named in Canvas")
    assert not Conflict.objects.exists()


def rename_first_in_canvas(studio: Studio, sites) -> Calls:
    canvas, course = in_canvas(sites)
    canvas.teacher.edit_page(course, object_of(studio, "canvas", FIRST, "page"), title="Named in Canvas")
    return Calls(sites)


def test_a_unit_that_a_teacher_moves_is_moved_when_the_proposal_is_accepted(linked, sites):
    calls = move_second_in_canvas(linked, sites)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.value) == ("place", [linked.entity_id(*LESSON), None])
    assert children(linked, LESSON) == ["first", "second"]
    assert accept(proposal) == ""
    assert children(linked, LESSON) == ["second", "first"]
    after_the_publish(linked)
    assert Proposal.objects.get().state == "published"
    assert calls.since() == [0, 0]


def move_second_in_canvas(studio: Studio, sites) -> Calls:
    """A teacher drags the second unit in front of the first one."""
    canvas, course = in_canvas(sites)
    item, first = (object_of(studio, "canvas", one, "item") for one in (SECOND, FIRST))
    position = canvas.site.courses[course].items[first].position
    canvas.teacher.edit_item(course, object_of(studio, "canvas", WEEK, "module"), item, position=position)
    return Calls(sites)


# -- sections and subsections, which have no draft


def test_the_title_of_a_section_is_a_proposal_that_is_published_when_it_is_accepted(linked, sites):
    canvas, course = in_canvas(sites)
    canvas.teacher.rename_module(course, object_of(linked, "canvas", WEEK, "module"), "Named in Canvas")
    calls = Calls(sites)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.state) == ("display_name", "open")
    assert shown(linked, WEEK).display_name == drafted(linked, WEEK).display_name == "Week"
    assert accept(proposal) == ""
    assert shown(linked, WEEK).display_name == "Named in Canvas"
    after_the_publish(linked)
    assert calls.since() == [0, 1]
    assert "Named in Canvas" in {one.name for one in sites[1].forum.categories.values()}


def test_the_title_of_a_graded_subsection_reaches_the_forum_with_one_call(wide, sites):
    canvas, course = in_canvas(sites)
    module, header = object_of(wide, "canvas", WEEK, "module"), object_of(wide, "canvas", LESSON, "header")
    canvas.teacher.edit_item(course, module, header, title="Named in Canvas")
    calls = Calls(sites)
    poll()
    assert drafted(wide, LESSON).display_name == "Lesson"
    assert accept(Proposal.objects.get()) == ""
    assert shown(wide, LESSON).display_name == "Named in Canvas"
    after_the_publish(wide)
    assert calls.since() == [0, 1]
    assert sites[1].forum.topics[object_of(wide, "forum", LESSON, "topic")].title.startswith("Named in Canvas")


@pytest.mark.parametrize(("field", "name"), [("due", "due_at"), ("start", "unlock_at")])
def test_a_date_of_a_graded_subsection_is_a_proposal_that_is_published_when_it_is_accepted(wide, sites, field, name):
    before = getattr(shown(wide, LESSON), field)
    calls = change_a_date_in_canvas(wide, sites, name)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.value, proposal.state) == (field, NEW_DUE, "open")
    assert getattr(shown(wide, LESSON), field) == getattr(drafted(wide, LESSON), field) == before
    assert accept(proposal) == ""
    assert getattr(shown(wide, LESSON), field) == moment(NEW_DUE)
    after_the_publish(wide)
    assert Proposal.objects.get().state == "published"
    assert calls.since() == [0, 0]  # a topic has no dates
    assert not Conflict.objects.exists()


def change_a_date_in_canvas(studio: Studio, sites, name: str = "due_at") -> Calls:
    canvas, course = in_canvas(sites)
    canvas.teacher.edit_assignment(course, object_of(studio, "canvas", LESSON, "assignment"), **{name: NEW_DUE})
    return Calls(sites)


def test_the_order_of_sections_is_a_proposal_that_is_published_when_it_is_accepted(wide, sites):
    calls = move_later_in_canvas(wide, sites)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.value, proposal.state) == ("place", [wide.course_id, None], "open")
    assert children(wide, COURSE) == ["week", "later"]
    assert accept(proposal) == ""
    assert children(wide, COURSE) == ["later", "week"]
    after_the_publish(wide)
    assert Proposal.objects.get().state == "published"
    assert calls.since() == [0, 0]  # categories have no order


def move_later_in_canvas(studio: Studio, sites) -> Calls:
    """A teacher drags the second section in front of the first one."""
    canvas, course = in_canvas(sites)
    canvas.teacher.move_module(course, object_of(studio, "canvas", LATER, "module"), 1)
    return Calls(sites)


def test_the_order_of_subsections_is_a_proposal_that_is_published_when_it_is_accepted(wide, sites):
    calls = move_noon_in_canvas(wide, sites, position=1)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.value) == ("place", [wide.entity_id(*WEEK), None])
    assert children(wide, WEEK) == ["lesson", "noon"]
    assert accept(proposal) == ""
    assert children(wide, WEEK) == ["noon", "lesson"]
    assert children(wide, NOON) == ["third"]
    after_the_publish(wide)
    assert Proposal.objects.get().state == "published"
    assert calls.since() == [0, 0]  # topics have no order


def test_a_subsection_that_a_teacher_moves_to_another_section_moves_its_topic(wide, sites):
    calls = move_noon_in_canvas(wide, sites, position=2, module_id=object_of(wide, "canvas", LATER, "module"))
    poll()
    proposal = Proposal.objects.get()
    assert proposal.value == [wide.entity_id(*LATER), wide.entity_id(*EVENING)]
    assert accept(proposal) == ""
    assert (children(wide, WEEK), children(wide, LATER)) == (["lesson"], ["eve", "noon"])
    assert children(wide, NOON) == ["third"]
    after_the_publish(wide)
    assert calls.since() == [0, 2]  # the move, which notifies nobody, and the title: so short a one names its section
    topic = sites[1].forum.topics[object_of(wide, "forum", NOON, "topic")]
    assert topic.category_id == object_of(wide, "forum", LATER, "category")


def move_noon_in_canvas(studio: Studio, sites, position: int, **module) -> Calls:
    """A teacher drags the header of the second subsection, and then the page below it."""
    canvas, course = in_canvas(sites)
    week = object_of(studio, "canvas", WEEK, "module")
    header, page = object_of(studio, "canvas", NOON, "header"), object_of(studio, "canvas", THIRD, "item")
    for at, item in enumerate((header, page), start=position):
        values = {"position": at, **module}
        canvas.teacher.do("PUT", f"/courses/{course}/modules/{week}/items/{item}", module_item=values)
    return Calls(sites)


# -- what an author changes at the same time


def test_a_draft_of_the_same_title_is_never_overwritten(linked, sites):
    calls = rename_first_in_canvas(linked, sites)
    linked.edit(FIRST, display_name="Named by the author")
    poll()
    proposal = Proposal.objects.get()
    assert proposal.state == "open"
    assert "An author has changes" in proposal.note
    assert "An author has changes" in accept(proposal)
    assert drafted(linked, FIRST).display_name == "Named by the author"
    assert shown(linked, FIRST).display_name == "First"
    linked.publish(FIRST)
    after_the_publish(linked)
    kept = Conflict.objects.get()
    assert (kept.openedx, kept.remote, kept.taken) == ("Named by the author", "Named in Canvas", "openedx")
    assert Proposal.objects.get().state == "replaced"
    assert shown(linked, FIRST).display_name == "Named by the author"
    assert calls.since() == [1, 1]


def test_with_manual_the_conflict_waits_for_a_person(linked, sites, settings):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    calls = rename_first_in_canvas(linked, sites)
    linked.edit(FIRST, display_name="Named by the author")
    poll()
    linked.publish(FIRST)
    after_the_publish(linked)
    conflict = Conflict.objects.get()
    assert (conflict.state, conflict.openedx, conflict.remote) == ("open", "Named by the author", "Named in Canvas")
    assert shown(linked, FIRST).display_name == drafted(linked, FIRST).display_name == "Named by the author"
    assert calls.since()[0] == 0
    assert api.resolve(api.resolution_plan(conflict.pk, "remote")).error == ""
    deliver()
    poll()
    assert drafted(linked, FIRST).display_name == "Named in Canvas"
    linked.publish(FIRST)
    after_the_publish(linked)
    assert shown(linked, FIRST).display_name == "Named in Canvas"
    assert calls.since()[0] == 0


def test_a_draft_of_a_text_in_the_unit_waits_with_the_title_and_is_not_published(linked, sites):
    rename_first_in_canvas(linked, sites)
    linked.edit(TEXT, data="<p>Wasps</p>")
    poll()
    assert Proposal.objects.get().state == "open"
    assert drafted(linked, FIRST).display_name == "First"
    assert accept(Proposal.objects.get()) == ""  # a person says: beside what the author writes
    assert drafted(linked, FIRST).display_name == "Named in Canvas"
    assert (drafted(linked, TEXT).data, shown(linked, TEXT).data) == ("<p>Wasps</p>", "<p>Bees</p>")


def test_a_due_date_that_an_author_has_just_changed_is_not_overwritten(wide, sites):
    calls = change_a_date_in_canvas(wide, sites)
    poll()
    wide.edit(LESSON, due=moment("2026-05-01T08:00:00Z"))  # published at once, and not recorded yet
    assert "An author has changed" in accept(Proposal.objects.get())
    assert shown(wide, LESSON).due == moment("2026-05-01T08:00:00Z")
    after_the_publish(wide)
    kept = Conflict.objects.get()
    assert (kept.field, kept.openedx, kept.remote, kept.taken) == ("due", "2026-05-01T08:00:00Z", NEW_DUE, "openedx")
    assert calls.since() == [1, 0]


def test_a_section_that_an_author_has_just_moved_is_not_moved_back(wide, sites):
    wide.add(COURSE, "chapter", "last")
    api.sync_course(wide.course_id)
    deliver()
    calls = move_later_in_canvas(wide, sites)
    poll()
    wide.reorder(COURSE, WEEK, ("chapter", "last"), LATER)
    assert "An author has changed" in accept(Proposal.objects.get())
    assert children(wide, COURSE) == ["week", "last", "later"]
    after_the_publish(wide)
    assert children(wide, COURSE) == ["week", "last", "later"]
    proposal = Proposal.objects.get()  # both orders are merged as lists: the teacher's place still waits
    assert (proposal.state, proposal.value) == ("open", [wide.course_id, None])
    assert calls.since() == [0, 0]


# -- the option write_back


def write_back(policy: str) -> None:
    Target.objects.filter(name="canvas").update(options={"write_back": policy})


def change_all_in_canvas(studio: Studio, sites) -> Calls:
    move_later_in_canvas(studio, sites)
    change_a_date_in_canvas(studio, sites)
    canvas, course = in_canvas(sites)
    canvas.teacher.rename_module(course, object_of(studio, "canvas", WEEK, "module"), "Spring")
    return rename_first_in_canvas(studio, sites)


def test_with_publish_all_is_published_at_once(wide, sites):
    write_back("publish")
    calls = change_all_in_canvas(wide, sites)
    poll()
    assert children(wide, COURSE) == ["later", "week"]
    assert (shown(wide, LESSON).due, shown(wide, WEEK).display_name) == (moment(NEW_DUE), "Spring")
    assert shown(wide, FIRST).display_name == "Named in Canvas"
    after_the_publish(wide)
    assert set(Proposal.objects.values_list("state", flat=True)) == {"published"}
    assert calls.since() == [0, 1]  # the name of the category: a unit is no topic here
    assert not Conflict.objects.exists()


def test_with_never_nothing_comes_back(wide, sites):
    write_back("never")
    calls = change_all_in_canvas(wide, sites)
    poll()
    after_the_publish(wide)
    assert children(wide, COURSE) == ["week", "later"]
    assert (drafted(wide, LESSON).due, drafted(wide, WEEK).display_name) == (moment(DUE), "Week")
    assert drafted(wide, FIRST).display_name == "First"
    assert not Proposal.objects.exists()
    assert calls.since()[0] == 0


def test_with_publish_a_draft_of_the_same_title_is_neither_overwritten_nor_published(linked, sites):
    write_back("publish")
    rename_first_in_canvas(linked, sites)
    linked.edit(FIRST, display_name="Named by the author")
    poll()
    assert drafted(linked, FIRST).display_name == "Named by the author"
    assert shown(linked, FIRST).display_name == "First"
    assert "An author has changes" in Proposal.objects.get().note


def test_with_publish_a_move_of_a_unit_publishes_no_draft_of_its_author(linked, sites):
    write_back("publish")
    calls = move_second_in_canvas(linked, sites)
    linked.edit(SECOND, display_name="Not yet")
    poll()
    assert children(linked, LESSON) == ["second", "first"]
    assert (shown(linked, SECOND).display_name, drafted(linked, SECOND).display_name) == ("Second", "Not yet")
    after_the_publish(linked)
    assert calls.since() == [0, 0]


def test_with_publish_a_section_that_an_author_has_just_moved_is_not_moved_back(wide, sites):
    write_back("publish")
    wide.add(COURSE, "chapter", "last")
    api.sync_course(wide.course_id)
    deliver()
    move_later_in_canvas(wide, sites)
    wide.reorder(COURSE, WEEK, ("chapter", "last"), LATER)
    poll()
    assert children(wide, COURSE) == ["week", "last", "later"]
    assert "An author has changed" in Proposal.objects.get().note
