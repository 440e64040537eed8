"""Edits of linked systems are written to Studio: units get them in their draft, never over an edit of an author."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Conflict, Link, OperatorAction, Proposal, Target
from course_sync_plugin.targets.two_way.site import CONTENT
from tests.integration.courses import block
from tests.integration.one_lane import states
from tests.integration.replication.studio import Studio

pytestmark = pytest.mark.django_db

UNIT, SECTION = block("vertical", "unit-0-0"), block("chapter", "section-0")


@pytest.fixture
def filled(linked, far, settings) -> Link:
    settings.COURSE_SYNC_WRITER = "tests.integration.replication.studio.Studio"
    settings.COURSE_SYNC_WRITE_BACK_USER = "sync"
    Studio.reset()
    api.deliver_until_empty()
    far.calls.clear()
    return linked


def rename_there(far, kind: str, title: str, new: str) -> None:
    next(one for one in far.things.values() if (one.kind, one.title) == (kind, title)).title = new


def poll() -> None:
    (polled,) = api.poll_now()
    assert polled.error == ""


def deliver() -> None:
    api.deliver_until_empty()
    assert states() == []


def options(**values: str) -> None:
    Target.objects.update(options=values)


def test_a_unit_is_in_the_draft_and_published_by_its_author(filled, far):
    rename_there(far, "item", "unit-0-0", "Bees")
    poll()
    assert Studio.drafts == {UNIT: {"display_name": "Bees"}}
    assert Proposal.objects.get().state == "written"
    poll()
    assert Studio.writes == [UNIT]
    Studio().publish(UNIT, "author")
    deliver()
    assert far.calls == []
    assert Proposal.objects.get().state == "published"
    assert not Conflict.objects.exists()


def test_a_draft_that_studio_cleans_is_known_when_it_is_published(filled, far):
    Studio.cleans = True
    rename_there(far, "item", "unit-0-0", "Bees ")
    poll()
    Studio().publish(UNIT, "author")
    deliver()
    assert far.calls == []
    assert not Conflict.objects.exists()


def test_a_section_is_a_proposal_until_somebody_accepts_it(filled, far):
    rename_there(far, "module", "section-0", "Bees")
    poll()
    assert Studio.writes == []
    (proposal,) = api.proposals()
    done = api.accept(api.proposal_plan(proposal["id"], "accept"))
    assert done.error == ""
    deliver()
    assert far.calls == []
    assert far.titles("module")[0] == "Bees"
    assert Proposal.objects.get().state == "published"
    assert OperatorAction.objects.filter(action="accept").exists()


@pytest.mark.django_db(transaction=True)
def test_accept_needs_no_transaction_around_it(filled, far):
    rename_there(far, "module", "section-0", "Bees")
    poll()
    assert api.accept(api.proposal_plan(Proposal.objects.get().pk, "accept")).error == ""
    assert OperatorAction.objects.filter(action="accept").exists()


def test_an_author_who_edits_the_same_block_is_not_disturbed(filled, far):
    Studio.touched.add(UNIT)  # the author changes its text
    rename_there(far, "item", "unit-0-0", "Bees")
    poll()
    assert Studio.writes == []
    proposal = Proposal.objects.get()
    assert proposal.state == "open"
    assert "An author has changes" in proposal.note
    Studio.touched.clear()
    poll()
    assert Studio.drafts == {UNIT: {"display_name": "Bees"}}
    assert Proposal.objects.get().note == ""


def test_a_person_who_accepts_does_not_overwrite_an_author(filled, far):
    Studio.drafts[UNIT] = {"display_name": "Wasps"}
    rename_there(far, "item", "unit-0-0", "Bees")
    poll()
    done = api.accept(api.proposal_plan(Proposal.objects.get().pk, "accept"))
    assert "An author has changes" in done.error
    assert Studio.drafts == {UNIT: {"display_name": "Wasps"}}
    Studio().publish(UNIT, "author")
    deliver()
    assert far.titles("item")[0] == "Wasps"  # merge_prefer_openedx
    kept = Conflict.objects.get()
    assert (kept.openedx, kept.remote, kept.taken) == ("Wasps", "Bees", "openedx")
    assert Proposal.objects.get().state == "replaced"


@pytest.mark.parametrize(("policy", "written"), [("propose", []), ("never", []), ("publish", [UNIT, SECTION])])
def test_the_option_write_back(filled, far, policy, written):
    options(write_back=policy)
    rename_there(far, "item", "unit-0-0", "Bees")
    rename_there(far, "module", "section-0", "Wasps")
    poll()
    assert sorted(Studio.writes) == sorted(written)
    assert Studio.drafts == {}
    deliver()
    assert far.calls == []
    assert Proposal.objects.filter(state="open").count() == {"propose": 2, "never": 0, "publish": 0}[policy]
    assert Proposal.objects.filter(state="published").count() == len(written)


def test_without_a_user_nothing_is_written(filled, far, settings):
    settings.COURSE_SYNC_WRITE_BACK_USER = ""
    rename_there(far, "item", "unit-0-0", "Bees")
    poll()
    assert (Studio.writes, Proposal.objects.get().state) == ([], "open")


@pytest.mark.parametrize("name", ["", "nobody"])
def test_the_plan_says_that_nothing_can_be_written(filled, far, settings, capsys, name):
    """Otherwise the plan promises what its carrying out refuses."""
    settings.COURSE_SYNC_WRITE_BACK_USER = name
    rename_there(far, "module", "section-0", "Wasps")
    poll()
    number = Proposal.objects.get().pk
    assert "COURSE_SYNC_WRITE_BACK_USER" in api.proposal_plan(number, "accept").warning
    assert api.proposal_plan(number, "reject").warning == ""
    (plan,) = api.plan_decisions(api.Chosen(), "accept")
    assert "COURSE_SYNC_WRITE_BACK_USER" in plan.each[0].warning
    call_command("course_sync", "accept", str(number))
    shown = capsys.readouterr().out
    assert "This would fail now:" in shown
    assert "COURSE_SYNC_WRITE_BACK_USER" in shown


def test_a_plan_that_can_be_carried_out_has_no_warning(filled, far):
    get_user_model().objects.create(username="sync")
    rename_there(far, "module", "section-0", "Wasps")
    poll()
    assert api.proposal_plan(Proposal.objects.get().pk, "accept").warning == ""


def test_the_plan_says_that_a_text_is_never_written(filled, far):
    rename_there(far, "module", "section-0", "Wasps")
    poll()
    Proposal.objects.update(field=CONTENT)
    plan = api.proposal_plan(Proposal.objects.get().pk, "accept")
    assert "is not written to Studio" in plan.warning
    assert api.accept(plan).error == plan.warning


def test_a_studio_that_does_not_answer(filled, far):
    Studio.is_down = True
    rename_there(far, "item", "unit-0-0", "Bees")
    poll()
    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.note) == ("open", "Studio does not answer.")
    Studio.is_down = False
    poll()
    assert Proposal.objects.get().state == "written"
    assert Studio.drafts == {UNIT: {"display_name": "Bees"}}


def test_an_author_who_discards_the_draft(filled, far):
    rename_there(far, "item", "unit-0-0", "Bees")
    poll()
    Studio.drafts.clear()
    proposal = Proposal.objects.get()
    assert api.accept(api.proposal_plan(proposal.pk, "accept")).error == ""  # a person asks for it again
    assert Studio.drafts == {UNIT: {"display_name": "Bees"}}
    api.reject(api.proposal_plan(proposal.pk, "reject"))
    deliver()
    assert far.titles("item")[0] == "unit-0-0"


def test_a_proposal_that_has_ended(filled, far):
    rename_there(far, "module", "section-0", "Bees")
    poll()
    plan = api.proposal_plan(Proposal.objects.get().pk, "accept")
    rename_there(far, "module", "Bees", "Wasps")
    poll()
    with pytest.raises(ConfigurationError, match="ended already"):
        api.accept(plan)
