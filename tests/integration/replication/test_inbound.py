"""Edits of people at a linked system come back: they are found by a look, merged, and kept as proposals."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, PermanentError
from course_sync_plugin.models import Conflict, Lane, LedgerReplica, Link, Proposal
from course_sync_plugin.replication.inbound.decide import reject_proposal, resolve_conflict
from course_sync_plugin.replication.inbound.poll import poll
from course_sync_plugin.replication.merge.replica import Take
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import let_time_pass, publish, states
from tests.integration.replication.memory_site import Killed, MemorySite

pytestmark = pytest.mark.django_db


def clock() -> int:
    return 2_000_000_000_000


@pytest.fixture
def filled(linked, far) -> Link:
    api.deliver_until_empty()
    assert states() == []
    far.calls.clear()
    return linked


def thing(far, title: str, kind: str = "module"):
    return next(one for one in far.things.values() if (one.title, one.kind) == (title, kind))


def deliver() -> None:
    api.deliver_until_empty()
    assert states() == []


def test_a_look_at_a_counterpart_that_nobody_touched(filled, far):
    looked = poll(filled)
    assert (looked.seen, looked.edited, looked.deleted) == (10, [], [])
    assert far.calls == []  # of writes
    filled.refresh_from_db()
    assert filled.quiet_polls == 1
    assert filled.poll_at is not None


def test_an_edit_becomes_a_proposal_and_no_call_is_made(filled, far):
    thing(far, "section-0").title = "Renamed there"
    looked = poll(filled)
    assert looked.edited == [block("chapter", "section-0")]
    proposal = Proposal.objects.get()
    assert (proposal.field, proposal.base, proposal.value) == ("display_name", "section-0", "Renamed there")
    assert (proposal.link, proposal.state) == (filled, "open")
    deliver()
    assert far.calls == []
    assert poll(filled).edited == []
    assert Proposal.objects.count() == 1


def test_the_publish_of_a_proposal_makes_no_call(filled, far, shelf):
    thing(far, "section-0").title = "Renamed there"
    poll(filled)
    publish(shelf, "2", titles={"section-0": "Renamed there"})
    deliver()
    assert far.calls == []
    assert Proposal.objects.get().state == "published"
    assert not Conflict.objects.exists()


def test_another_edit_replaces_the_proposal(filled, far):
    thing(far, "section-0").title = "First"
    poll(filled)
    thing(far, "First").title = "Second"
    poll(filled)
    assert [(one.value, one.state) for one in Proposal.objects.order_by("pk")] == [
        ("First", "replaced"),
        ("Second", "open"),
    ]


def test_an_edit_that_is_undone_there(filled, far):
    thing(far, "section-0").title = "First"
    poll(filled)
    thing(far, "First").title = "section-0"
    poll(filled)
    assert Proposal.objects.get().state == "replaced"


def test_a_rejected_proposal_is_put_back(filled, far):
    thing(far, "section-0").title = "Renamed there"
    poll(filled)
    reject_proposal(Proposal.objects.get(), clock)
    deliver()
    assert far.titles("module")[0] == "section-0"
    assert Proposal.objects.get().state == "rejected"
    assert poll(filled).edited == []


def test_the_side_that_loses_is_sent_back_and_can_be_taken_after_all(filled, far, shelf):
    publish(shelf, "2", titles={"section-0": "Here"})  # not delivered yet
    thing(far, "section-0").title = "There"
    poll(filled)
    deliver()
    assert far.titles("module")[0] == "Here"
    kept = Conflict.objects.get()
    assert (kept.openedx, kept.remote, kept.taken) == ("Here", "There", "openedx")
    resolve_conflict(kept, Take.REMOTE, clock)
    deliver()
    assert far.titles("module")[0] == "Here"  # not before Open edX has it
    assert Proposal.objects.get().value == "There"
    publish(shelf, "3", titles={"section-0": "There"})
    deliver()
    assert far.titles("module")[0] == "There"


def test_a_proposal_for_an_entity_that_an_author_deletes_can_be_rejected(filled, far, shelf):
    thing(far, "section-1").title = "Renamed there"
    poll(filled)
    publish(shelf, "2", sections=1)
    proposal = Proposal.objects.get()
    accepted = api.accept(api.proposal_plan(proposal.pk, "accept"))
    assert "Reject the proposal." in accepted.error
    assert api.reject(api.proposal_plan(proposal.pk, "reject")).error == ""
    assert Proposal.objects.get().state == "rejected"
    deliver()


@pytest.mark.parametrize("take", ["base", "remote", "openedx"])
def test_a_conflict_about_an_entity_that_an_author_deletes_ends_with_the_side_of_open_edx(
    filled, far, shelf, settings, take
):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    thing(far, "section-1").title = "Theirs"
    publish(shelf, "2", titles={"section-1": "Ours"})
    deliver()
    publish(shelf, "3", sections=1)
    conflict = Conflict.objects.get(state="open")
    done = api.resolve(api.resolution_plan(conflict.pk, take))
    conflict.refresh_from_db()
    if take == "openedx":
        assert (done.error, conflict.state, conflict.taken) == ("", "resolved", "openedx")
    else:
        assert "--take openedx" in done.error
        assert (conflict.state, conflict.remote) == ("open", "Theirs")
    deliver()


@pytest.mark.parametrize(("take", "title"), [(Take.OPENEDX, "Here"), (Take.REMOTE, "There"), (Take.BASE, "section-0")])
@pytest.mark.parametrize("found_first", ["openedx", "remote"])
def test_a_person_resolves_a_conflict(filled, far, shelf, settings, take, title, found_first):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    thing(far, "section-0").title = "There"
    if found_first == "remote":
        poll(filled)
    publish(shelf, "2", titles={"section-0": "Here"})
    deliver()
    if found_first == "openedx":
        poll(filled)
    conflict = Conflict.objects.get()
    assert (conflict.state, conflict.openedx, conflict.remote) == ("open", "Here", "There")
    assert far.titles("module")[0] == "There"
    resolve_conflict(conflict, take, clock)
    deliver()
    proposals = [one.value for one in Proposal.objects.filter(state="open")]
    if take is Take.OPENEDX:
        assert (far.titles("module")[0], proposals) == ("Here", [])
    else:
        assert (far.titles("module")[0], proposals) == ("There", [title])
        publish(shelf, "3", titles={"section-0": title})
        deliver()
        assert far.titles("module")[0] == title
    assert Conflict.objects.get().state == "resolved"
    assert poll(filled).edited == []


def test_what_lost_can_be_looked_at_after_the_link_has_ended(filled, far, shelf):
    publish(shelf, "2", titles={"section-0": "Here"})  # not delivered yet
    thing(far, "section-0").title = "There"
    poll(filled)
    deliver()
    api.unlink_shown(COURSE, "crm", api.unlink_plan(COURSE, "crm").token)
    (kept,) = api.conflicts(COURSE, "crm", all_of_them=True)
    assert (kept["remote"], kept["target"], kept["state"]) == ("There", "crm", "decided")
    with pytest.raises(ConfigurationError, match=r"The link of conflict \d+ to crm has ended"):
        api.resolution_plan(kept["id"], "remote")


def test_what_waits_for_a_person_ends_with_the_link(filled, far, shelf, settings):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    thing(far, "section-0").title = "There"
    poll(filled)
    publish(shelf, "2", titles={"section-0": "Here"})
    deliver()
    api.unlink_shown(COURSE, "crm", api.unlink_plan(COURSE, "crm").token)
    assert api.conflicts() == []
    assert [one["state"] for one in api.conflicts(all_of_them=True)] == ["gone"]


def test_what_waits_for_a_person_ends_with_its_entity(filled, far, shelf, settings):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    thing(far, "section-1").title = "There"
    thing(far, "subsection-1", "header").title = "There too"
    poll(filled)
    publish(shelf, "2", titles={"section-1": "Here"})
    deliver()
    assert ([one["field"] for one in api.conflicts()], len(api.proposals())) == (["display_name"], 1)
    publish(shelf, "3", sections=1)
    deliver()
    assert (api.conflicts(), api.proposals()) == ([], [])
    assert [one["state"] for one in api.conflicts(all_of_them=True)] == ["gone"]
    assert [one["state"] for one in api.proposals(all_of_them=True)] == ["gone", "replaced"]  # the conflict replaced it


@pytest.mark.parametrize("found_first", ["openedx", "remote"])
@pytest.mark.parametrize("edited_last", ["openedx", "remote"])
def test_an_open_conflict_has_the_last_edits_of_both_sides(filled, far, shelf, settings, found_first, edited_last):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = "manual"
    thing(far, "section-0").title = "There"
    if found_first == "remote":
        poll(filled)  # a proposal, so that the conflict is found at Open edX
    publish(shelf, "2", titles={"section-0": "Here"})
    deliver()
    poll(filled)
    if edited_last == "openedx":
        publish(shelf, "3", titles={"section-0": "Here again"})
        deliver()
        poll(filled)
        expected = ("Here again", "There")
    else:
        thing(far, "There").title = "There again"
        poll(filled)
        expected = ("Here", "There again")
    conflict = Conflict.objects.get()
    assert (conflict.state, conflict.openedx, conflict.remote) == ("open", *expected)
    resolve_conflict(conflict, Take.OPENEDX, clock)
    deliver()
    assert far.titles("module")[0] == expected[0]
    assert Conflict.objects.get().remote == expected[1]  # the edit that lost is kept


def test_a_look_at_a_lane_that_failed_says_why(filled, far):
    Lane.objects.update(failing=True, last_error="The token is wrong.")
    (polled,) = api.poll_now()
    assert (polled.busy, polled.error) == (True, "The token is wrong.")


def test_what_somebody_deleted_is_noted_once(filled, far):
    number = LedgerReplica.objects.get(entity_id=block("chapter", "section-0")).objects_there["module"]
    far.things.pop(number)
    far.order.remove(number)
    assert poll(filled).deleted == [block("chapter", "section-0")]
    assert poll(filled).deleted == []
    deliver()
    assert far.titles("module") == ["section-1"]


def test_a_late_read_is_no_edit(filled, far, shelf, monkeypatch):
    from tests.integration.replication.memory_site import MemorySite

    monkeypatch.setattr(MemorySite, "lag_seconds", 60)
    publish(shelf, "2", titles={"section-0": "New"})
    deliver()
    thing(far, "New").title = "section-0"  # as a copy that is late answers
    poll(filled)
    assert not Proposal.objects.exists()
    thing(far, "section-0").title = "New"
    poll(filled)
    assert not Proposal.objects.exists()


def test_a_worker_that_delivers_is_not_disturbed(filled, far):
    from course_sync_plugin.models import leases

    leases.claim(Lane.objects.all())
    assert poll(filled) is None
    filled.refresh_from_db()
    assert filled.poll_at is not None


@pytest.mark.parametrize("second", ["the same field", "another field"])
def test_a_late_read_of_what_an_earlier_write_replaced(filled, far, shelf, second):
    far.lags = True
    publish(shelf, "2", titles={"section-0": "New"})
    deliver()
    with_start = a_course("3", titles={"section-0": "New" if second == "another field" else "Newer"})
    chapter = with_start.entities[block("chapter", "section-0")]
    changed = attrs.evolve(chapter, fields={**chapter.fields, "start": "2030-01-01T00:00:00Z"})
    shelf.publish(attrs.evolve(with_start, entities={**with_start.entities, chapter.entity_id: changed}))
    api.sync_course(COURSE)
    deliver()
    assert [one.title for one in far.late.values()] == ["section-0"]
    assert poll(filled).refused == []
    assert not Proposal.objects.exists()
    assert far.calls == ["update", "update"]
    far.catch_up()
    assert poll(filled).edited == []
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("third", ["Third", "section-0"])
def test_a_late_read_of_what_a_lost_answer_was_about(filled, far, shelf, third):
    far.lags = True
    publish(shelf, "2", titles={"section-0": "Second"})
    far.dies_at, far.dies_after = 1, True
    with pytest.raises(Killed):
        api.deliver_until_empty()
    Lane.objects.update(lease_token="", lease_until=None)
    let_time_pass()
    publish(shelf, "3", titles={"section-0": third})
    deliver()
    (number,) = far.late
    far.late[number].title = "Second"  # the copy has the first write by now
    poll(filled)
    deliver()
    far.catch_up()
    poll(filled)
    assert not Proposal.objects.exists()
    assert far.titles("module")[0] == third


def test_an_entity_that_cannot_be_read_does_not_hide_the_others(filled, far, monkeypatch, caplog):
    read = MemorySite.read

    def refuse(site, entity, base):
        if entity.entity_id == block("chapter", "section-0"):
            raise PermanentError("no")
        return read(site, entity, base)

    monkeypatch.setattr(MemorySite, "read", refuse)
    thing(far, "section-1").title = "There"
    looked = poll(filled)
    assert looked.edited == [block("chapter", "section-1")]
    assert looked.failed == {block("chapter", "section-0"): "no"}
    assert "failed=1" in caplog.text
