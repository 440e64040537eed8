"""What waits for people about a link ends with the link, is kept, and is named in the plan."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Conflict, LedgerReplica, Link, Proposal
from tests.integration.courses import COURSE, block
from tests.integration.one_lane import publish
from tests.integration.replication.forums import publish_tree
from tests.integration.replication.studio import Studio
from tests.integration.replication.test_discourse_options import HIDDEN, TREE, a_tree
from tests.integration.replication.test_places import move_there

pytestmark = pytest.mark.django_db

UNIT, SUBSECTION = block("vertical", "unit-0-0"), block("sequential", "subsection-0")


@pytest.fixture
def filled(linked, far, settings) -> Link:
    settings.COURSE_SYNC_WRITER = "tests.integration.replication.studio.Studio"
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    Studio.reset()
    api.deliver_until_empty()
    return linked


def rename(far, old: str, new: str) -> None:
    next(one for one in far.things.values() if (one.kind, one.title) == ("item", old)).title = new


def poll() -> None:
    (polled,) = api.poll_now()
    assert polled.error == ""


@pytest.fixture
def waiting(filled, far, shelf) -> Link:
    """A conflict about one title, a proposal of another one, and of a place."""
    rename(far, "unit-0-0", "Theirs")
    poll()
    rename(far, "unit-1-0", "Wasps")
    move_there(far, "unit-0-2", before="unit-0-1")
    publish(shelf, "2", titles={"unit-1-0": "Bees"})
    poll()
    assert [one.value for one in Proposal.objects.order_by("field")] == ["Theirs", [SUBSECTION, UNIT]]
    assert [(one.openedx, one.remote) for one in Conflict.objects.all()] == [("Bees", "Wasps")]
    return filled


def unlink(**options) -> api.LinkChanged:
    plan = api.unlink_plan(COURSE, "crm", **options)
    return api.unlink_shown(COURSE, "crm", plan.token, **options)


def remove() -> None:
    assert api.remove_shown("crm", api.removal_plan("crm").token).error == ""


@pytest.mark.parametrize("plan", [lambda: api.unlink_plan(COURSE, "crm"), lambda: api.removal_plan("crm")])
def test_the_plan_says_how_many_end(waiting, plan):
    assert (plan().conflicts, plan().proposals) == (1, 2)


@pytest.mark.parametrize("end", [unlink, remove])
def test_they_end_and_are_kept(waiting, shelf, end):
    end()
    assert api.proposals() == api.conflicts() == []
    kept = api.proposals(all_of_them=True)
    assert {(one["state"], one["note"], one["target"]) for one in kept} == {
        ("gone", "The link to 7 at crm has ended.", "crm")
    }
    assert [one["value"] for one in kept] == [[SUBSECTION, UNIT], "Theirs"]
    assert [(one["state"], one["remote"]) for one in api.conflicts(all_of_them=True)] == [("gone", "Wasps")]
    with pytest.raises(ConfigurationError, match="has ended already"):
        api.proposal_plan(kept[0]["id"], "accept")
    publish(shelf, "3", titles={"unit-1-0": "Bees", "subsection-1": "Ants"})
    assert api.proposals() == api.conflicts() == []


def test_a_link_to_something_else_gets_what_open_edx_has(waiting, far, shelf):
    unlink()
    far.__init__()
    plan = api.link_plan(COURSE, "crm", "8", "openedx")
    assert api.link_shown(COURSE, "crm", "8", "openedx", plan.token).error == ""
    api.deliver_until_empty()
    poll()
    assert far.titles("item")[:4] == ["unit-0-0", "unit-0-1", "unit-0-2", "Bees"]
    assert api.proposals() == api.conflicts() == []


def test_the_same_link_again_finds_the_edits_again(waiting, far):
    unlink()
    plan = api.link_plan(COURSE, "crm", "7", "match")
    assert api.link_shown(COURSE, "crm", "7", "match", plan.token).error == ""
    api.deliver_until_empty()
    poll()
    assert [one["value"] for one in api.proposals() if one["field"] != "place"] == ["Theirs"]
    assert [(one["openedx"], one["remote"]) for one in api.conflicts()] == [("Bees", "Wasps")]


def test_an_author_and_a_linked_system_differ(filled, far, shelf):
    """The conflict is found at Open edX: the linked system had its edit accepted before."""
    rename(far, "unit-0-0", "Theirs")
    poll()
    publish(shelf, "2", titles={"unit-0-0": "Ours"})
    api.deliver_until_empty()
    assert [(one["openedx"], one["remote"]) for one in api.conflicts()] == [("Ours", "Theirs")]
    unlink()
    far.__init__()
    plan = api.link_plan(COURSE, "crm", "8", "openedx")
    api.link_shown(COURSE, "crm", "8", "openedx", plan.token)
    publish(shelf, "3", titles={"unit-0-0": "Ours again"})
    api.deliver_until_empty()
    assert far.titles("item")[0] == "Ours again"
    assert api.proposals() == api.conflicts() == []


def test_the_plan_counts_what_is_deleted(begun, shelf):
    """That a topic is unlisted is noted like an object, and is none."""
    begun(structure=a_tree("1", TREE))
    api.deliver_until_empty()
    publish_tree(shelf, a_tree("2", TREE, {"Honey": HIDDEN}))
    api.deliver_until_empty()
    there = [*LedgerReplica.objects.values_list("objects_there", flat=True)]
    assert [one for one in there if "unlisted" in one]
    plan = api.unlink_plan(COURSE, "crm", delete_remote=True)
    done = api.unlink_shown(COURSE, "crm", plan.token, delete_remote=True)
    assert plan.objects == len([one for one in there if one])
    assert (done.deleted, done.left) == (plan.objects, ())


def test_a_plan_is_not_carried_out_if_other_objects_are_there_now(filled):
    plan = api.unlink_plan(COURSE, "crm", delete_remote=True)
    row = LedgerReplica.objects.get(entity_id=UNIT)
    LedgerReplica.objects.filter(pk=row.pk).update(objects_there={**row.objects_there, "page": "4711"})
    assert "no longer valid" in api.unlink_shown(COURSE, "crm", plan.token, delete_remote=True).error
