"""Links are planned, made, listed and ended; an ambiguous match asks instead of guessing."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import Lane, LedgerReplica, Link, OperatorAction, leases
from course_sync_plugin.targets.inbound.contract import Inbound
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import publish
from tests.integration.replication.memory_site import MemoryTarget, Thing

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(shelf, far):
    publish(shelf, "1")
    api.add_target("crm", backend="memory")
    return far


def link(seed: str = "openedx", remote: str = "7") -> api.LinkChanged:
    plan = api.link_plan(COURSE, "crm", remote, seed)
    return api.link_shown(COURSE, "crm", remote, seed, plan.token)


def test_a_plan_says_what_is_created_and_what_has_no_counterpart(target):
    plan = api.link_plan(COURSE, "crm", "7")
    assert plan.created == {"section": 2, "subsection": 2, "unit": 6}
    assert (plan.without, plan.taken_over, plan.ambiguous) == ({}, (), ())
    assert (plan.title, plan.url) == ("Bees", "https://far.example.org/7")
    assert not Link.objects.exists()


def test_a_link_begins_with_a_snapshot(target):
    assert link().error == ""
    api.deliver_until_empty()
    assert len(target.things) == 16
    (listed,) = api.links()
    assert (listed["course_id"], listed["target"], listed["remote_id"]) == (COURSE, "crm", "7")
    assert (listed["objects"], listed["seed"], listed["state"]) == (16, "openedx", "in step")
    assert OperatorAction.objects.filter(action="link").exists()


def test_a_plan_that_has_changed_is_not_carried_out(target):
    token = api.link_plan(COURSE, "crm", "7", "match").token
    target.add(Thing("module", "section-0"))
    assert "no longer valid" in api.link_shown(COURSE, "crm", "7", "match", token).error
    assert not Link.objects.exists()


def test_what_is_there_is_taken_over(target):
    module = target.add(Thing("module", "section-0"))
    header = target.add(Thing("header", "subsection-0", parent=module))
    target.add(Thing("header", "subsection-1", parent=module))  # in another place: foreign
    plan = api.link_plan(COURSE, "crm", "7", "match")
    assert plan.taken_over == ((block("chapter", "section-0"), module), (block("sequential", "subsection-0"), header))
    assert plan.created == {"section": 1, "subsection": 1, "unit": 6}
    link("match")
    api.deliver_until_empty()
    assert target.titles("module") == ["section-0", "section-1"]
    assert target.titles("header").count("subsection-1") == 2
    assert len(target.things) == 16 + 1


def test_what_is_taken_over_keeps_its_dates(target):
    module = target.add(Thing("module", "section-0", start="2030-01-01T00:00:00Z"))
    link("match")
    api.deliver_until_empty()
    assert target.things[module].start == "2030-01-01T00:00:00Z"


def test_two_objects_of_one_title_are_not_guessed(target):
    target.add(Thing("module", "section-0"))
    target.add(Thing("module", "section-0"))
    plan = api.link_plan(COURSE, "crm", "7", "match")
    assert plan.ambiguous == ((block("chapter", "section-0"), "1, 2"),)
    assert plan.token == ""


def test_openedx_creates_beside_what_is_there(target):
    target.add(Thing("module", "section-0"))
    link()
    api.deliver_until_empty()
    assert target.titles("module").count("section-0") == 2


def test_a_course_and_a_counterpart_have_one_link(target, shelf):
    link()
    with pytest.raises(ConfigurationError, match="linked to 7 at crm already"):
        api.link_plan(COURSE, "crm", "8")
    other = "course-v1:Org+Other+Run"
    shelf.publish(a_course("1", course=other))
    api.sync_course(other)
    with pytest.raises(ConfigurationError, match="7 at crm is linked to"):
        api.link_plan(other, "crm", "7")


def test_a_target_that_needs_no_link(receiver, shelf):
    publish(shelf, "1")
    with pytest.raises(ConfigurationError, match="needs no links"):
        api.link_plan(COURSE, "crm", "7")


def test_a_counterpart_that_cannot_be_created(target):
    with pytest.raises(ConfigurationError, match="--remote"):
        api.link_plan(COURSE, "crm", "")
    assert not Link.objects.exists()


@pytest.mark.parametrize("delete", [False, True])
def test_unlink(target, delete):
    target.add(Thing("module", "Foreign"))
    link()
    api.deliver_until_empty()
    plan = api.unlink_plan(COURSE, "crm", delete_remote=delete)
    assert (plan.objects, plan.remote_id) == (16, "7")
    done = api.unlink_shown(COURSE, "crm", plan.token, delete_remote=delete)
    assert (done.deleted, done.error) == (16 if delete else 0, "")
    assert len(target.things) == 1 + (0 if delete else 16)
    assert not Link.objects.exists()
    assert not LedgerReplica.objects.exists()
    api.deliver_until_empty()
    assert api.status()["targets"][0]["state"] == "waiting for link"


def test_unlink_and_link_again(target):
    link()
    api.deliver_until_empty()
    api.unlink_shown(COURSE, "crm", api.unlink_plan(COURSE, "crm").token)
    link("match")
    api.deliver_until_empty()
    assert len(target.things) == 16


def test_an_unknown_link(target):
    with pytest.raises(UnknownName, match="not linked"):
        api.unlink_plan(COURSE, "crm")
    assert api.links() == []


def test_nothing_is_deleted_there_while_a_worker_delivers(target):
    link()
    api.deliver_until_empty()
    plan = api.unlink_plan(COURSE, "crm", delete_remote=True)
    token = leases.claim(Lane.objects.all())
    with pytest.raises(ConfigurationError, match="'pause'"):
        api.unlink_shown(COURSE, "crm", plan.token, delete_remote=True)
    assert len(target.things) == 16
    leases.release(Lane.objects.get(), token)
    assert api.unlink_shown(COURSE, "crm", plan.token, delete_remote=True).deleted == 16
    assert Lane.objects.get().lease_token == ""


def test_the_removal_of_a_target_names_its_links(target):
    link()
    plan = api.removal_plan("crm")
    assert plan.links == (f"{COURSE} ↔ 7",)
    api.unlink_shown(COURSE, "crm", api.unlink_plan(COURSE, "crm").token)
    assert "no longer valid" in api.remove_shown("crm", plan.token).error


def test_the_address_for_notices_is_listed(target, monkeypatch):
    assert api.listed_targets()[0]["inbound"] == ""
    monkeypatch.setattr(MemoryTarget, "inbound", Inbound((), lambda body, event: ()))
    assert api.listed_targets()[0]["inbound"] == "/api/course_sync/v1/inbound/crm"
