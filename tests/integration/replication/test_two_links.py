"""A course with two links: the lanes of both look at the same entities, at the same time."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Conflict, LedgerEntity, Proposal
from tests.integration.courses import COURSE, block
from tests.integration.replication.author import Author
from tests.integration.replication.memory_site import MemorySite
from tests.integration.replication.two_sites import BACKENDS, LinkedSite, use_two_sites

pytestmark = pytest.mark.django_db

SECTION = block("chapter", "section-0")


@pytest.fixture
def author(shelf) -> Author:
    fields = {COURSE: {"display_name": "Bees"}, SECTION: {"display_name": "section-0"}}
    author = Author({COURSE: [SECTION], SECTION: []}, fields, {COURSE: "course", SECTION: "section"})
    author.publish()
    return author


@pytest.fixture
def sites(author, db, monkeypatch) -> dict[str, LinkedSite]:
    """Return both sites, filled."""
    use_two_sites(monkeypatch)
    sites = {name: LinkedSite.make(name) for name in BACKENDS}
    for site in sites.values():
        site.deliver()
    return sites


def the_module(site: LinkedSite):
    return next(one for one in site.far.things.values() if one.kind == "module")


def test_a_change_of_one_site_reaches_the_other_when_it_is_published(author, sites):
    the_module(sites["crm"]).title = "There"
    sites["crm"].poll()
    sites["forum"].deliver()
    assert the_module(sites["forum"]).title == "section-0"
    author.fields[SECTION]["display_name"] = Proposal.objects.get().value
    author.publish()
    for site in sites.values():
        site.far.calls.clear()
        site.deliver()
    assert (sites["crm"].far.calls, sites["forum"].far.calls) == ([], ["update"])
    assert the_module(sites["forum"]).title == "There"


def test_a_worker_that_has_read_an_older_version_takes_nothing_back(author, sites, monkeypatch):
    read = MemorySite.read

    def meanwhile(site, entity, base):
        monkeypatch.setattr(MemorySite, "read", read)
        author.fields[SECTION]["display_name"] = "Second"
        author.publish()
        sites["forum"].deliver()
        the_module(sites["forum"]).title = "There"
        sites["forum"].poll()
        return read(site, entity, base)

    the_module(sites["crm"]).start = "2030-01-01T00:00:00Z"
    monkeypatch.setattr(MemorySite, "read", meanwhile)
    sites["crm"].poll()
    assert {one.value for one in Proposal.objects.filter(state="open")} == {"There", "2030-01-01T00:00:00Z"}
    assert not Conflict.objects.exists()
    assert LedgerEntity.objects.get(entity_id=SECTION).openedx_vector == {"openedx": 2}


@pytest.fixture
def asked(author, sites, settings) -> dict[str, LinkedSite]:
    """Return the sites after the author and a person at ``crm`` have renamed the section: a person is asked."""
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    the_module(sites["forum"]).title = "From the forum"
    sites["forum"].poll()
    the_module(sites["crm"]).title = "From the CRM"
    sites["crm"].poll()
    assert open_conflicts() == [("crm", "From the forum", "From the CRM")]
    return sites


def open_conflicts() -> list[tuple[str, str, str]]:
    rows = Conflict.objects.filter(state="open").order_by("pk")
    return list(rows.values_list("target_name", "openedx", "remote"))


def rename_here(author, sites, title: str) -> None:
    author.fields[SECTION]["display_name"] = title
    author.publish()
    for site in sites.values():
        site.deliver()


def resolve_all() -> None:
    for row in api.conflicts(COURSE):
        assert api.resolve(api.resolution_plan(row["id"], "openedx")).error == ""


def test_each_site_keeps_its_own_conflict(author, asked):
    rename_here(author, asked, "Here")
    the_module(asked["forum"]).title = "Again from the forum"
    asked["forum"].poll()
    assert open_conflicts() == [
        ("crm", "Again from the forum", "From the CRM"),
        ("forum", "Here", "Again from the forum"),
    ]


def test_what_one_site_agrees_about_does_not_end_the_conflict_of_the_other(author, asked):
    rename_here(author, asked, "From the forum")
    assert open_conflicts() == [("crm", "From the forum", "From the CRM")]


def test_all_that_waits_for_a_person_can_be_decided(author, asked):
    rename_here(author, asked, "Here")
    the_module(asked["forum"]).title = "Again from the forum"
    asked["forum"].poll()
    resolve_all()
    resolve_all()
    for site in asked.values():
        site.deliver()
    assert open_conflicts() == []
    assert [the_module(site).title for site in asked.values()] == ["Here", "Here"]


def test_a_look_at_one_site_does_not_end_the_conflict_of_the_other(author, sites, settings):
    """The other field has a conflict at both, and ends at one: that of the first stays."""
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    the_module(sites["crm"]).start = "2030-01-01T00:00:00Z"
    author.fields[SECTION]["start"] = "2031-01-01T00:00:00Z"
    author.publish()
    sites["crm"].poll()
    the_module(sites["forum"]).title = "From the forum"
    rename_here(author, sites, "Here")
    the_module(sites["forum"]).title = "Here"
    sites["forum"].poll()
    assert open_conflicts() == [("crm", "2031-01-01T00:00:00Z", "2030-01-01T00:00:00Z")]
