"""A course on its way to a linked system: what is created, changed, moved and deleted there, and how often."""

from __future__ import annotations

import time

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, RateLimited
from course_sync_plugin.models import Attempt, Conflict, DatabaseNow, Intent, Lane, LedgerReplica, Proposal
from course_sync_plugin.replication.inbound.poll import poll
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import let_time_pass, publish, states
from tests.integration.replication.memory_site import PARTS, Killed, MemorySite, Thing

pytestmark = pytest.mark.django_db

UNITS = [f"unit-{section}-{unit}" for section in range(2) for unit in range(3)]


def deliver() -> None:
    api.deliver_until_empty()
    assert states() == []


def the_course(far) -> dict[str, list[str]]:
    return {kind: far.titles(kind) for kind in ("module", "header", "item")}


def test_a_lane_without_a_link_waits(db, shelf, far):
    publish(shelf, "1")
    api.add_target("crm", backend="memory")
    api.deliver_until_empty()
    lane = Lane.objects.get()
    assert (lane.waiting_for, lane.cursor) == ("a link", None)
    assert api.status()["targets"][0]["state"] == "waiting for link"
    assert far.calls == []


def test_a_first_fill_creates_each_object_with_one_request(linked, far):
    deliver()
    assert the_course(far) == {
        "module": ["section-0", "section-1"],
        "header": ["subsection-0", "subsection-1"],
        "item": UNITS,
    }
    assert len(far.calls) == len(far.things) == 2 + 2 + 2 * 6
    assert api.status()["targets"][0]["state"] == "in step"


def test_a_change_costs_one_request(linked, far, shelf):
    deliver()
    far.calls.clear()
    publish(shelf, "2", titles={"unit-0-1": "Bees"})
    deliver()
    assert far.calls == ["update"]
    assert far.titles("item")[1] == "Bees"


def test_a_run_that_changes_nothing_there_costs_none(linked, far, shelf):
    deliver()
    api.reset("crm")
    far.calls.clear()
    deliver()
    assert far.calls == []


def test_deleted_entities_are_deleted_there_and_nothing_else(linked, far, shelf):
    deliver()
    far.add(Thing("module", "Foreign"))
    publish(shelf, "2", units=2)
    deliver()
    assert far.titles("item") == ["unit-0-0", "unit-0-1", "unit-1-0", "unit-1-1"]
    assert "Foreign" in far.titles("module")
    assert LedgerReplica.objects.count() == 2 + 2 + 4


def test_an_edit_of_the_site_is_not_overwritten_by_another_change(linked, far, shelf):
    deliver()
    next(one for one in far.things.values() if one.title == "section-0").title = "Renamed there"
    publish(shelf, "2", titles={"section-1": "Wasps", "unit-0-0": "Bees"})
    deliver()
    assert far.titles("module") == ["Renamed there", "Wasps"]
    assert not Conflict.objects.exists()


def test_both_sides_edit_one_field(linked, far, shelf):
    deliver()
    next(one for one in far.things.values() if one.title == "section-0").title = "Renamed there"
    publish(shelf, "2", titles={"section-0": "Renamed here"})
    deliver()
    assert far.titles("module")[0] == "Renamed here"  # merge_prefer_openedx
    kept = Conflict.objects.get()
    assert (kept.base, kept.openedx, kept.remote) == ("section-0", "Renamed here", "Renamed there")
    assert (kept.field, kept.taken, kept.state) == ("display_name", "openedx", "decided")


def test_a_conflict_that_a_person_decides_is_not_written(linked, far, shelf, settings):
    settings.COURSE_SYNC_CONFLICT_STRATEGIES = {"section": "manual"}
    deliver()
    next(one for one in far.things.values() if one.title == "section-0").title = "Renamed there"
    publish(shelf, "2", titles={"section-0": "Renamed here"})
    deliver()
    assert far.titles("module")[0] == "Renamed there"
    assert Conflict.objects.get().state == "open"
    publish(shelf, "3", titles={"section-0": "Renamed there"})
    deliver()
    assert Conflict.objects.get().state == "ended"


@pytest.mark.parametrize("policy", ["manual", "recreate"])
def test_what_somebody_deleted_there(linked, far, shelf, policy):
    deliver()
    linked.target.options = {"on_remote_delete": policy}
    linked.target.save()
    number = next(number for number, one in far.things.items() if one.title == "unit-0-0" and one.kind == "item")
    page = LedgerReplica.objects.get(entity_id=block("vertical", "unit-0-0")).objects_there["page"]
    for one in (number, page):
        far.things.pop(one)
        far.order.remove(one)
    publish(shelf, "2", titles={"unit-0-0": "Bees"})
    deliver()
    assert far.titles("item").count("Bees") == (policy == "recreate")
    publish(shelf, "3", titles={"unit-0-0": "Wasps"})
    deliver()
    assert far.titles("item").count("Wasps") == (policy == "recreate")


def run_and_die(far) -> bool:
    """Deliver until the process dies. Return whether it died."""
    try:
        api.deliver_until_empty()
    except Killed:
        Lane.objects.update(lease_token="", lease_until=None)
        let_time_pass()
        return True
    return False


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 17))
def test_killed_at_each_request_of_the_first_fill(linked, far, number, after):
    far.dies_at, far.dies_after = number, after
    assert run_and_die(far)
    assert Intent.objects.count() == 1
    deliver()
    assert the_course(far) == {
        "module": ["section-0", "section-1"],
        "header": ["subsection-0", "subsection-1"],
        "item": UNITS,
    }
    assert sorted(far.titles("page")) == UNITS
    assert len(far.things) == 16
    assert not Intent.objects.exists()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, 7))
def test_killed_at_each_request_of_a_change(linked, far, shelf, number, after):
    deliver()
    publish(shelf, "2", units=2, titles={"section-0": "Bees", "unit-1-1": "Wasps"})
    far.dies_at, far.dies_after = len(far.calls) + number, after
    assert run_and_die(far)
    deliver()
    assert the_course(far) == {
        "module": ["Bees", "section-1"],
        "header": ["subsection-0", "subsection-1"],
        "item": ["unit-0-0", "unit-0-1", "unit-1-0", "Wasps"],
    }
    assert not Conflict.objects.exists()


def sections_in_order(shelf, version: str, order: str) -> None:
    """Publish four sections in this order, given as their numbers."""
    structure = a_course(version, sections=4, units=1)
    chapters = [block("chapter", f"section-{number}") for number in order]
    children = {**structure.children, COURSE: tuple(chapters)}
    entities = {one: structure.entities[one] for one in in_document_order(children, COURSE)}
    shelf.publish(attrs.evolve(structure, children=children, entities=entities))
    api.sync_course(COURSE)


def in_document_order(children, entity_id: str) -> list[str]:
    return [entity_id, *(one for child in children.get(entity_id, ()) for one in in_document_order(children, child))]


@pytest.mark.parametrize("operations", [1, 20])
def test_moves_of_several_runs_are_delivered_at_once(linked, far, shelf, settings, operations):
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = operations
    sections_in_order(shelf, "2", "0123")
    deliver()
    sections_in_order(shelf, "3", "3012")
    sections_in_order(shelf, "4", "2301")
    deliver()
    assert far.titles("module") == ["section-2", "section-3", "section-0", "section-1"]


def test_a_snapshot_puts_what_is_there_in_its_place(linked, far, shelf):
    sections_in_order(shelf, "2", "0123")
    deliver()
    sections_in_order(shelf, "3", "3012")
    api.reset("crm")  # the move is not delivered as a move
    deliver()
    assert far.titles("module") == ["section-3", "section-0", "section-1", "section-2"]
    far.calls.clear()
    api.reset("crm")
    deliver()
    assert far.calls == []


@pytest.mark.parametrize(
    ("strategy", "is_left"), [("prefer_openedx", False), ("prefer_canvas", True), ("manual", True)]
)
def test_an_edit_of_an_entity_that_open_edx_deletes_is_kept(linked, far, shelf, settings, strategy, is_left):
    settings.COURSE_SYNC_CONFLICT_STRATEGY = strategy
    deliver()
    next(one for one in far.things.values() if (one.title, one.kind) == ("unit-0-2", "item")).title = "Renamed there"
    publish(shelf, "2", units=2)
    deliver()
    kept = Conflict.objects.get()
    assert (kept.base, kept.openedx, kept.remote, kept.state) == ("unit-0-2", None, "Renamed there", "decided")
    assert kept.reason == "Open edX has deleted the entity"
    assert kept.taken == ("remote" if is_left else "openedx")
    assert ("Renamed there" in far.titles("item")) == is_left
    assert LedgerReplica.objects.filter(entity_id=block("vertical", "unit-0-2")).exists() == is_left
    publish(shelf, "3", units=1)
    deliver()
    assert Conflict.objects.count() == 1


@pytest.mark.parametrize(
    "error",
    [PermanentError("no", status=400), RateLimited("wait", retry_after=1), ConfigurationError("token", status=401)],
)
def test_a_refused_creation_leaves_no_intent(linked, far, monkeypatch, error):
    def refuse(*_arguments, **_names):
        raise error

    monkeypatch.setattr(MemorySite, "create", refuse)
    api.deliver_until_empty()
    assert not Intent.objects.exists()


def test_a_creation_that_is_not_clear_stops_only_its_entity(linked, far):
    far.dies_at, far.dies_after = 1, True
    assert run_and_die(far)
    far.things["1"].token = ""  # as at a site that has no room for it
    far.add(Thing("module", "section-0"))
    api.deliver_until_empty()
    assert ("failed", "section-0") in states()
    assert ("failed", "section-1") not in states()
    assert far.titles("module").count("section-1") == 1
    assert poll(linked) is not None
    far.things["2"].title = "Foreign"
    api.retry("crm")
    deliver()
    assert far.titles("module") == ["section-0", "Foreign", "section-1"]
    assert far.titles("item") == UNITS


def test_nothing_is_created_in_what_somebody_deleted(linked, far, shelf):
    deliver()
    far.remove(LedgerReplica.objects.get(entity_id=block("chapter", "section-0")).objects_there["module"])
    publish(shelf, "2", units=4)
    deliver()
    assert "unit-0-3" not in far.titles("item")
    assert "unit-1-3" in far.titles("item")


def test_what_is_below_something_deleted_is_created_again_with_it(linked, far, shelf):
    deliver()
    linked.target.options = {"on_remote_delete": "recreate"}
    linked.target.save()
    far.remove(LedgerReplica.objects.get(entity_id=block("chapter", "section-0")).objects_there["module"])
    publish(shelf, "2", units=4)
    deliver()
    poll(linked)
    deliver()
    assert the_course(far) == {
        "module": ["section-0", "section-1"],
        "header": ["subsection-0", "subsection-1"],
        "item": [f"unit-{section}-{unit}" for section in range(2) for unit in range(4)],
    }


def test_an_edit_is_kept_where_another_object_of_the_entity_was_deleted(linked, far, shelf):
    deliver()
    objects = LedgerReplica.objects.get(entity_id=block("vertical", "unit-0-2")).objects_there
    far.remove(objects["page"])
    far.things[objects["item"]].title = "Renamed there"
    publish(shelf, "2", units=2)
    deliver()
    assert Conflict.objects.get().remote == "Renamed there"
    assert "Renamed there" not in far.titles("item")


def test_what_is_deleted_and_created_elsewhere_is_not_deleted_with_its_old_parent(linked, far, shelf):
    structure = shelf.publish(a_course("2", units=1))
    api.sync_course(COURSE)
    deliver()
    publish(shelf, "3", sections=1, units=1)  # deletes section-1 with all in it
    unit = structure.entities[block("vertical", "unit-1-0")]
    parent = block("sequential", "subsection-0")
    one = a_course("4", sections=1, units=1)
    children = {**one.children, parent: (*one.children[parent], unit.entity_id)}
    entities = {**one.entities, unit.entity_id: attrs.evolve(unit, parent_id=parent)}
    shelf.publish(attrs.evolve(one, children=children, entities=entities))
    api.sync_course(COURSE)
    deliver()
    assert the_course(far) == {
        "module": ["section-0"],
        "header": ["subsection-0"],
        "item": ["unit-0-0", "unit-1-0"],
    }
    assert not LedgerReplica.objects.exclude(deleted_at=None).exists()


@pytest.mark.parametrize("number", [1, 2])
def test_the_answer_to_a_deletion_is_lost_and_the_entity_is_created_again(linked, far, shelf, number):
    deliver()
    publish(shelf, "2", units=2)
    far.dies_at, far.dies_after = len(far.calls) + number, True
    assert run_and_die(far)
    publish(shelf, "3", units=3)
    poll(linked)
    deliver()
    assert far.titles("item") == UNITS
    assert sorted(far.titles("page")) == UNITS
    assert not LedgerReplica.objects.exclude(deleted_at=None).exists()


def test_what_is_excluded_is_not_moved(linked, far, shelf, monkeypatch):
    sections_in_order(shelf, "2", "0123")
    deliver()
    moved, place = [], far.place
    monkeypatch.setattr(far, "place", lambda number, *places: (moved.append(number), place(number, *places)))
    api.exclude("crm", block("chapter", "section-3"))
    sections_in_order(shelf, "3", "3012")
    sections_in_order(shelf, "4", "3102")
    api.deliver_until_empty()
    objects = LedgerReplica.objects.get(entity_id=block("chapter", "section-3")).objects_there
    assert moved
    assert objects["module"] not in moved


def test_a_worker_that_was_suspended_during_a_request_stores_nothing(linked, far, shelf, settings, monkeypatch):
    settings.COURSE_SYNC_LEASE_SECONDS = 0.4
    deliver()
    change = far.change

    def suspended(*arguments):
        change(*arguments)
        time.sleep(0.2)
        Lane.objects.update(lease_token="other")

    monkeypatch.setattr(far, "change", suspended)
    publish(shelf, "2", titles={"section-0": "Bees"})
    api.deliver_due()
    row = LedgerReplica.objects.get(entity_id=block("chapter", "section-0"))
    assert (row.base["display_name"], row.sent["display_name"][0]) == ("section-0", "Bees")
    monkeypatch.setattr(far, "change", change)
    Lane.objects.update(lease_token="", due_at=DatabaseNow())
    far.calls.clear()
    deliver()
    assert (far.calls, far.titles("module")[0]) == ([], "Bees")
    assert not Proposal.objects.exists()


def test_what_the_site_refuses_is_not_looked_for(linked, far, shelf, monkeypatch):
    """The refusal says that nothing was made. The children that need it are refused too, and later all is created."""
    refusals = iter([True] * 4)

    def refusing(site, entity, part, token, create=MemorySite.create):
        if part == "module" and next(refusals, False):
            raise PermanentError("The name is too long.", status=400)
        return create(site, entity, part, token)

    monkeypatch.setattr(MemorySite, "create", refusing)
    api.deliver_until_empty()
    assert not Intent.objects.exists()
    assert states()
    for _ in range(3):
        api.retry("crm")
        api.deliver_until_empty()
    assert states() == []
    assert the_course(far) == {
        "module": ["section-0", "section-1"],
        "header": ["subsection-0", "subsection-1"],
        "item": UNITS,
    }


def test_what_is_hidden_keeps_its_objects(linked, far, shelf, monkeypatch):
    deliver()
    hidden = []
    monkeypatch.setattr(MemorySite, "is_hidden", lambda site, entity: entity.entity_type == "unit")
    monkeypatch.setattr(
        MemorySite, "parts", lambda site, entity: PARTS.get(entity.entity_type, ())[: entity.entity_type != "unit"]
    )
    monkeypatch.setattr(MemorySite, "hide", lambda site, entity: hidden.append(entity.entity_id))
    publish(shelf, "2", titles={"unit-0-0": "Bees"})
    deliver()
    assert hidden == [block("vertical", "unit-0-0")]
    assert len(far.things) == 16


def test_waits_of_our_own_do_not_open_the_breaker(linked, far, monkeypatch):
    monkeypatch.setattr(MemorySite, "lag_seconds", 60)
    far.dies_at, far.dies_after = 3, False
    assert run_and_die(far)
    for _attempt in range(7):
        let_time_pass()
        api.deliver_due()
    target = api.status()["targets"][0]
    assert target["breaker"]["state"] == "closed"
    assert Lane.objects.get().attempts <= 1
    Intent.objects.update(began_at=DatabaseNow(-61))
    Attempt.objects.update(began_at=DatabaseNow(-61))  # else a read may not show yet what was just created
    let_time_pass()
    deliver()
    assert len(far.things) == 16
