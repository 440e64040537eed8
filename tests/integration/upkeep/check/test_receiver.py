"""``check --receiver`` finds exactly what is wrong at a real receiver, and its repair makes the replica equal."""

from __future__ import annotations

import json
from copy import copy

import attrs
import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_sync_plugin import api
from course_sync_plugin.data import Entity
from course_sync_plugin.diff.apply import Tree
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Course, Exclusion, Lane, Run, RunKind, Target, digest_of
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block, exit_status
from tests.integration.one_lane import publish, renamed, states, the_lane

pytestmark = pytest.mark.django_db

REQUEST = api.CheckRequest(receiver="crm")


def found(request: api.CheckRequest = REQUEST) -> dict[str, set[str]]:
    """Return the ids of the entities that were found, by kind."""
    kinds: dict[str, set[str]] = {}
    for one in api.check(request).findings:
        kinds.setdefault(one.kind.removeprefix("receiver-"), set()).add(one.entity_id)
    return kinds


def repair(request: api.CheckRequest = REQUEST) -> list[api.Repaired]:
    return api.repair_shown(request, api.check(request).tokens)


def tree(receiver: Receiver) -> Tree:
    return receiver.replica(COURSE)._tree


def lose(there: Tree, key: str) -> None:
    """Remove one entity; what was below it stays, without a parent."""
    siblings = there.children[there.entities[key].parent_id]
    siblings.remove(key)
    del there.entities[key]


def invent(there: Tree, key: str, parent: str, index: int) -> None:
    there.entities[key] = Entity(key, "unit", "vertical", parent, {"display_name": "invented"})
    there.children.setdefault(parent, []).insert(index, key)


def carry(there: Tree, key: str, parent: str, index: int) -> None:
    there.children[there.entities[key].parent_id].remove(key)
    there.entities[key] = attrs.evolve(there.entities[key], parent_id=parent)
    there.children.setdefault(parent, []).insert(index, key)


UNITS = [block("vertical", f"unit-{section}-{unit}") for section in range(2) for unit in range(3)]
SUBSECTIONS = [block("sequential", f"subsection-{at}") for at in range(2)]
SECTIONS = [block("chapter", f"section-{at}") for at in range(2)]


@st.composite
def corruptions(draw: st.DrawFn) -> dict:
    """Draw what to do to each of some entities of the replica."""
    kinds = draw(st.lists(st.sampled_from(("lost", "fields", "carried")), min_size=6, max_size=6))
    units = draw(st.lists(st.sampled_from(UNITS), unique=True, max_size=4))
    return {
        "units": dict(zip(units, kinds)),
        "lost": draw(st.lists(st.sampled_from([*SECTIONS, *SUBSECTIONS]), unique=True, max_size=2)),
        "fields": draw(st.lists(st.sampled_from([COURSE, *SECTIONS, *SUBSECTIONS]), unique=True, max_size=2)),
        "extra": draw(st.lists(st.tuples(st.sampled_from([*SUBSECTIONS, *UNITS]), st.integers(0, 3)), max_size=3)),
    }


def corrupt(there: Tree, plan: dict) -> dict[str, set[str]]:
    """Corrupt the replica; return what has to be found, except the order."""
    expected: dict[str, set[str]] = {"missing": set(), "different": set(), "misplaced": set(), "extra": set()}
    for key, kind in plan["units"].items():
        parent = there.entities[key].parent_id
        if kind == "lost":
            lose(there, key)
            expected["missing"].add(key)
        elif kind == "fields":
            there.entities[key] = attrs.evolve(there.entities[key], fields={"display_name": "wrong", "more": 1})
            expected["different"].add(key)
        else:
            other = next(one for one in SUBSECTIONS if one != parent)
            carry(there, key, other, 0)
            expected["misplaced"].add(key)
    for at, (parent, index) in enumerate(plan["extra"]):
        key = block("vertical", f"invented-{at}")
        invent(there, key, parent, index)
        expected["extra"].add(key)
    for key in plan["fields"]:
        there.entities[key] = attrs.evolve(there.entities[key], fields={})
        expected["different"].add(key)
    for key in plan["lost"]:
        lose(there, key)
        expected["missing"].add(key)
        expected["different"].discard(key)
    return {kind: keys for kind, keys in expected.items() if keys}


@pytest.mark.story(17)
@pytest.mark.story(19)
@given(plan=corruptions())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_what_is_wrong_is_found_and_repaired(shelf, receiver, plan):
    structure = publish(shelf, f"v{Run.objects.count()}")
    api.deliver_until_empty()
    assert found() == {}
    expected = corrupt(tree(receiver), plan)
    assert found() == expected
    results = repair()
    assert [one.error for one in results] == [""] * len(results)
    assert Run.objects.filter(kind=RunKind.REPAIR).count() >= len(results)
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    assert receiver.violations == []
    assert states() == []
    assert found() == {}


@given(order=st.permutations(range(3)), sections=st.permutations(range(2)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_another_order_is_found_with_the_fewest_moves(shelf, receiver, order, sections):
    structure = publish(shelf, f"v{Run.objects.count()}")
    api.deliver_until_empty()
    children = tree(receiver).children
    children[SUBSECTIONS[0]] = [UNITS[at] for at in order]
    children[COURSE] = [SECTIONS[at] for at in sections]
    moved = found().get("misplaced", set())
    swapped = {(0, 1, 2): 0, (2, 1, 0): 2}.get(tuple(order), 1)
    assert len(moved & set(UNITS)) == swapped
    assert len(moved & set(SECTIONS)) == (sections != [0, 1] and sections != (0, 1))
    repair()
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    assert found() == {}


def test_many_pages(shelf, receiver):
    receiver.digests = 3
    publish(shelf, "v1", sections=3, units=4)
    api.deliver_until_empty()
    lose(tree(receiver), block("vertical", "unit-2-1"))
    assert found() == {"missing": {block("vertical", "unit-2-1")}}
    pages = [one for one in receiver.messages if one["type"] == "course_sync.digests"]
    assert len(pages) == 6
    assert [one["data"].get("after") for one in pages] == [None, *[one["data"]["after"] for one in pages[1:]]]


def test_a_receiver_that_offers_no_digests_is_said_to_offer_none(shelf, receiver):
    receiver.digests = 0
    publish(shelf, "v1")
    api.deliver_until_empty()
    with pytest.raises(ConfigurationError, match="does not offer digests"):
        api.check(REQUEST)


@pytest.mark.parametrize("fault", [Refuse(500), Refuse(404), Refuse(200, body=b'{"entities": []}')])
def test_a_refusal_is_a_note(shelf, receiver, fault):
    publish(shelf, "v1")
    api.deliver_until_empty()
    receiver.faults.append(copy(fault))  # a fault counts how often it has acted
    report = api.check(REQUEST)
    assert report.findings == []
    (note,) = report.notes
    assert note.startswith(f"{COURSE}: ")


def test_what_is_on_its_way_is_not_compared(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    publish(shelf, "v2", titles=renamed("unit-0-0"))
    assert found() == {}
    (note,) = api.check(REQUEST).notes
    assert "not compared now" in note


def test_a_receiver_with_another_sequence_is_not_compared(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    receiver.inbox._taken[COURSE] -= 1
    lose(tree(receiver), UNITS[0])
    assert found() == {}
    (note,) = api.check(REQUEST).notes
    assert "still on its way" in note


def test_a_lane_with_a_problem_is_not_compared(shelf, receiver):
    receiver.faults.append(Fail(entity_id=UNITS[0], times=None))
    publish(shelf, "v1")
    api.deliver_until_empty()
    assert found() == {}
    assert "problems" in api.check(REQUEST).notes[0]


def test_a_repair_does_nothing_if_the_course_was_published_meanwhile(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    lose(tree(receiver), UNITS[0])
    (plan,) = api.check(REQUEST).plans
    structure = publish(shelf, "v2", titles=renamed("unit-0-1"))
    assert plan.carry_out() == 0
    assert not Run.objects.filter(kind=RunKind.REPAIR).exists()
    (stale,) = api.repair_shown(REQUEST, [plan.token])
    assert "no longer valid" in stale.error
    api.deliver_until_empty()
    assert receiver.difference(structure) != []
    repair()
    api.deliver_until_empty()
    assert receiver.difference(structure) == []


def test_a_repair_is_recorded_once(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    lose(tree(receiver), UNITS[0])
    (plan,) = api.check(REQUEST).plans
    assert plan.carry_out() == 1
    assert plan.carry_out() == 0
    assert Run.objects.filter(kind=RunKind.REPAIR).count() == 1


def test_a_repair_does_nothing_while_a_worker_holds_the_lane(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    lose(tree(receiver), UNITS[0])
    (plan,) = api.check(REQUEST).plans
    Lane.objects.update(lease_token="busy", lease_until="2999-01-01T00:00:00Z")
    assert plan.carry_out() == 0


def test_only_entities_of_the_course_are_deleted(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    foreign = block("vertical", "other", "course-v1:Other+Course+Run")
    invent(tree(receiver), foreign, SUBSECTIONS[0], 0)
    invent(tree(receiver), "a page of ours", SUBSECTIONS[0], 0)
    report = api.check(REQUEST)
    assert {one.entity_id for one in report.findings} == {foreign, "a page of ours"}
    assert all(one.repair.startswith("report only") for one in report.findings)
    assert report.tokens == []


def test_what_is_excluded_is_left_alone(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    Exclusion.objects.create(
        target=Target.objects.get(), course=Course.objects.get(), entity_id=SUBSECTIONS[0],
        id_digest=digest_of(SUBSECTIONS[0]), created_at="2026-01-01T00:00:00Z",
    )  # fmt: skip
    there = tree(receiver)
    there.entities[SUBSECTIONS[0]] = attrs.evolve(there.entities[SUBSECTIONS[0]], fields={})
    lose(there, UNITS[0])
    lose(there, UNITS[3])
    assert found() == {"missing": {UNITS[3]}}


def test_a_target_of_some_types_only(shelf, settings):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver(entity_types=["unit"]) as running:
        api.add_target("crm", url=running.url, secret=running.secret, entity_types=["unit"])
        structure = publish(shelf, "v1")
        api.deliver_until_empty()
        assert found() == {}
        there = tree(running)
        lose(there, UNITS[0])
        there.entities[UNITS[1]] = attrs.evolve(there.entities[UNITS[1]], fields={})
        there.children[SUBSECTIONS[1]].reverse()
        kinds = found()
        assert kinds["missing"] == {UNITS[0]}
        assert kinds["different"] == {UNITS[1]}
        repair()
        api.deliver_until_empty()
        assert running.difference(structure) == []
        assert found() == {}


def test_the_command_shows_and_then_does_exactly_that(shelf, receiver, capsys):
    structure = publish(shelf, "v1")
    api.deliver_until_empty()
    lose(tree(receiver), UNITS[0])
    assert exit_status("check", "--receiver", "crm", "--json") == 1
    shown = json.loads(capsys.readouterr().out)
    assert [one["entity_id"] for one in shown["findings"]] == [UNITS[0]]
    (token,) = [one["token"] for one in shown["plans"]]
    assert exit_status("check", "--receiver", "crm") == 1
    assert f"check --receiver crm --repair --yes --token {token}" in capsys.readouterr().out
    call_command("course_sync", "check", "--receiver", "crm", "--repair", "--yes", "--token", token)
    assert "1 of 1 repaired" in capsys.readouterr().out
    call_command("course_sync", "deliver", "--until-empty")
    assert receiver.difference(structure) == []
    capsys.readouterr()
    assert exit_status("check", "--receiver", "crm") == 0
    assert capsys.readouterr().out == "Nothing was found.\n"


def test_nothing_is_sent_to_a_receiver_but_questions(shelf, receiver):
    publish(shelf, "v1")
    api.deliver_until_empty()
    before, sequence = len(receiver.requests), the_lane().sequence
    api.check(REQUEST)
    assert [one["type"] for one in receiver.messages[before:]] == ["course_sync.digests"]
    assert the_lane().sequence == sequence
    assert a_course("v1").published_version == receiver.replica(COURSE).published_version


def test_the_repairs_are_for_this_target_alone(shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    lose(tree(receiver), UNITS[0])
    repair()
    run = Run.objects.get(kind=RunKind.REPAIR)
    assert run.lane == the_lane()
    assert {row.lane_id for row in run.operations.all()} == {the_lane().pk}
