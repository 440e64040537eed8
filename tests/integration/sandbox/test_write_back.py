"""The sandbox's writer gets what people move at a linked system, but never over a move of an author."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from course_sync_plugin import api
from course_sync_plugin.models import Course, DatabaseNow, Lane, Link, Proposal, Seed, Target, digest_of
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.targets.registry import targets
from sandbox.published.drafts import editing, studio
from sandbox.published.publishing import publish_structure
from tests.integration.replication.memory_site import FAR, MemoryTarget

pytestmark = pytest.mark.django_db

COURSE = "course-v1:Org+Bees+run"
SECTIONS = ("week", "later", "last")


def section(name: str) -> str:
    return f"block-v1:Org+Bees+run+type@chapter+block@{name}"


@pytest.fixture
def linked(monkeypatch, settings) -> None:
    """A course of three sections that a site in memory has. The first section is moved to the end there."""
    monkeypatch.setitem(targets._loaded, "memory", MemoryTarget)
    FAR.__init__()
    settings.COURSE_SYNC_WRITE_BACK_USER = User.objects.create_user("author").username
    sections = [RawBlock(section(name), "chapter", {"display_name": name}, ()) for name in SECTIONS]
    course = RawBlock(COURSE, "course", {"display_name": "Bees"}, tuple(one.entity_id for one in sections))
    blocks = {one.entity_id: one for one in (course, *sections)}
    publish_structure(StructureBuilder(COURSE, "1", blocks).build())
    api.sync_course(COURSE)
    api.add_target("crm", backend="memory")
    target, row = Target.objects.get(name="crm"), Course.objects.get(key=COURSE)
    link = Link(target=target, course=row, remote_id="7", remote_digest=digest_of("7"), seed=Seed.OPENEDX)
    link.created_at = DatabaseNow()
    link.save()
    Lane.objects.update(due_at=DatabaseNow())
    api.deliver_until_empty()
    FAR.order.append(FAR.order.pop(0))


def poll() -> None:
    (polled,) = api.poll_now()
    assert polled.error == ""


def sections_here() -> list[str]:
    return [one.rpartition("@")[2] for one in studio(COURSE).draft.children_of(COURSE)]


@pytest.mark.usefixtures("linked")
class TestMoves:
    def test_a_move_is_written_when_it_is_accepted(self):
        poll()
        assert sections_here() == ["week", "later", "last"]
        assert api.accept(api.proposal_plan(Proposal.objects.get().pk, "accept")).error == ""
        assert sections_here() == ["later", "last", "week"]

    @pytest.mark.parametrize("policy", ["draft", "publish"])
    def test_a_move_of_an_author_that_is_not_recorded_yet_stays(self, policy):
        Target.objects.update(options={"write_back": policy})
        with editing(COURSE) as course:
            course.move(section("later"), COURSE, None, 0)
        poll()
        proposal = Proposal.objects.get()
        assert "An author has changed" in (
            proposal.note if policy == "publish" else api.accept(api.proposal_plan(proposal.pk, "accept")).error
        )
        assert sections_here() == ["later", "week", "last"]
