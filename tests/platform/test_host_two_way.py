"""Edits that people make in Canvas and at a forum come back into a real Studio, and reach the other system from there.

Canvas and Discourse are the fakes that the package ships; Studio, its drafts and its publishes are the platform's own.
"""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from host_courses import FIRST, LESSON, WEEK, Studio, small_course

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Conflict, DatabaseNow, LedgerReplica, Proposal, RateBudget
from course_sync_plugin.structure.modulestore.source import ModulestoreSource
from course_sync_plugin.structure.modulestore.writer import ModulestoreWriter
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.discourse import DiscourseServer

pytestmark = pytest.mark.django_db(transaction=True)
USER = "author"


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
    canvas, forum = sites
    studio = small_course(store, author)
    api.sync_course(studio.course_id)
    api.add_target("canvas", backend="canvas", url=canvas.url, token=canvas.token)
    api.add_target("forum", backend="discourse", url=forum.url, token=forum.key, options=["topics=unit"])
    link(studio, "canvas", str(canvas.add_course("Bees").id))
    link(studio, "forum", "")
    deliver()
    return studio


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


def published_title(studio: Studio, block: tuple[str, str]) -> str:
    entities = ModulestoreSource().read(studio.course_id).entities
    return entities[studio.entity_id(*block)].fields["display_name"]


def writes(site) -> int:
    return sum(one.method != "GET" for one in site.requests)


def test_the_title_of_a_unit_is_in_the_draft_until_its_author_publishes_it(linked, sites):
    canvas, forum = sites
    course = next(iter(canvas.site.courses))
    canvas.teacher.edit_page(course, object_of(linked, "canvas", FIRST, "page"), title="Named in Canvas")
    before = (writes(canvas), writes(forum))
    poll()
    draft = ModulestoreWriter().draft(linked.entity_id(*FIRST))
    assert (draft.fields["display_name"], draft.has_unpublished_changes) == ("Named in Canvas", True)
    assert published_title(linked, FIRST) != "Named in Canvas"
    assert Proposal.objects.get().state == "written"
    linked.publish(FIRST)
    api.sync_course(linked.course_id)
    deliver()
    assert Proposal.objects.get().state == "published"
    assert (writes(canvas) - before[0], writes(forum) - before[1]) == (0, 1)
    topic = forum.forum.topics[object_of(linked, "forum", FIRST, "topic")]
    assert topic.title.startswith("Named in Canvas")
    assert not Conflict.objects.exists()


def test_the_title_of_a_section_is_a_proposal_that_is_published_when_it_is_accepted(linked, sites):
    canvas, forum = sites
    course = next(iter(canvas.site.courses))
    canvas.teacher.rename_module(course, object_of(linked, "canvas", WEEK, "module"), "Named in Canvas")
    before = writes(canvas)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.state) == ("display_name", "open")
    assert published_title(linked, WEEK) != "Named in Canvas"
    assert api.accept(api.proposal_plan(proposal.pk, "accept")).error == ""
    api.sync_course(linked.course_id)
    deliver()
    assert published_title(linked, WEEK) == "Named in Canvas"
    assert writes(canvas) == before
    assert "Named in Canvas" in {one.name for one in forum.forum.categories.values()}


def test_a_unit_that_a_teacher_moves_is_moved_when_the_proposal_is_accepted(linked, sites):
    canvas, _forum = sites
    course = next(iter(canvas.site.courses))
    second = object_of(linked, "canvas", ("vertical", "second"), "item")
    first = object_of(linked, "canvas", FIRST, "item")
    items = canvas.site.courses[course].items
    module = object_of(linked, "canvas", WEEK, "module")
    canvas.teacher.edit_item(course, module, second, position=items[first].position)
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.value) == ("place", [linked.entity_id(*LESSON), None])
    before = writes(canvas)
    assert api.accept(api.proposal_plan(proposal.pk, "accept")).error == ""
    api.sync_course(linked.course_id)
    deliver()
    assert Proposal.objects.get().state == "published"
    assert writes(canvas) == before
