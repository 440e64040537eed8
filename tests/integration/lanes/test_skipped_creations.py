"""Operations on an entity that the receiver lacks because an operator skipped its creation: a retry heals them."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.skipped import skipped_problems
from course_sync_plugin.models import Problem, ProblemState, Run, RunKind
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.testing.faults import Fail
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import publish, states, the_lane

pytestmark = pytest.mark.django_db(transaction=True)

SECTIONS = [block("chapter", f"section-{at}") for at in range(2)]
OTHER = "course-v1:Org+Other+Run"
NEW = block("sequential", "new")
INNER = block("vertical", "inner")


def course_with(version: str, parents: dict[str, str], titles: dict[str, str] | None = None, sections=SECTIONS):
    """Return a course of sections. ``parents``: the parent of each other entity; ``titles``: the titles of some."""
    everybody = {**dict.fromkeys(sections, COURSE), **parents}
    titles = titles or {}
    blocks = {
        key: RawBlock(
            key,
            "course" if key == COURSE else key.partition("type@")[2].partition("+")[0],
            {"display_name": titles.get(key, "as it was")},
            tuple(child for child, parent in everybody.items() if parent == key),
        )
        for key in [COURSE, *everybody]
    }
    return StructureBuilder(COURSE, version, blocks).build()


def publish_structure(shelf, structure):
    shelf.publish(structure)
    api.sync_course(COURSE)
    api.deliver_until_empty()
    return structure


@pytest.fixture
def skipped(shelf, receiver):
    """Publish a new subsection with a unit; the receiver refuses it, and an operator skips its creation."""
    publish_structure(shelf, course_with("1", {}))
    receiver.faults.append(Fail(entity_id=NEW, times=None))
    publish_structure(shelf, course_with("2", {NEW: SECTIONS[0]}))
    skip_all()
    receiver.faults.clear()
    receiver.requests.clear()
    return receiver


def skip_all() -> None:
    chosen = api.Filters("crm")
    api.skip_shown([plan.token for plan in api.skip_plans(chosen)], chosen)
    api.deliver_until_empty()


def retry() -> None:
    api.retry("crm")
    api.deliver_until_empty()


def sent(receiver) -> list[tuple[str, str]]:
    bodies = [json.loads(request.body)["data"]["operations"] for request in receiver.requests]
    return [(one["operation"], one["entity_id"]) for operations in bodies for one in operations]


@pytest.mark.parametrize(
    ("parents", "titles"),
    [
        ({NEW: SECTIONS[1]}, {}),
        ({NEW: SECTIONS[0]}, {NEW: "renamed"}),
        ({NEW: SECTIONS[1]}, {NEW: "renamed"}),
        ({NEW: SECTIONS[0], INNER: NEW}, {}),
    ],
    ids=["a move", "an update", "both", "a creation below it"],
)
def test_a_later_operation_is_refused_and_the_retry_creates_what_is_missing(shelf, skipped, parents, titles):
    new = publish_structure(shelf, course_with("3", parents, titles))
    assert {state for state, _name in states()} == {"failed"}
    retry()
    assert (states(), skipped.difference(new), skipped.violations) == ([], [], [])
    assert the_lane().runs.filter(kind=RunKind.REPAIR).count() == 1


def test_what_was_skipped_is_not_sent_by_itself(shelf, skipped):
    """Another entity fails, and the operator retries it: the skipped creation stays given up."""
    skipped.faults.append(Fail(entity_id=SECTIONS[1], times=1))
    publish_structure(shelf, course_with("3", {NEW: SECTIONS[0]}, {SECTIONS[1]: "renamed"}))
    skipped.requests.clear()
    retry()
    assert sent(skipped) == [("update", SECTIONS[1])]
    assert NEW not in skipped.replica(COURSE).structure().entities


@pytest.mark.parametrize("before", [{}, {NEW: SECTIONS[0]}], ids=["a creation that was retried", "a skipped deletion"])
def test_what_the_receiver_has_all_the_same_is_not_created_again(shelf, receiver, before):
    there = {NEW: SECTIONS[0]}
    publish_structure(shelf, course_with("1", before))
    receiver.faults.append(Fail(entity_id=NEW))
    publish_structure(shelf, course_with("2", {} if before else there))
    if before:
        skip_all()
    retry()
    publish_structure(shelf, course_with("3", there))
    receiver.faults.append(Fail(entity_id=NEW))
    new = publish_structure(shelf, course_with("4", there, {NEW: "renamed"}))
    receiver.requests.clear()
    retry()
    assert (sent(receiver), receiver.difference(new)) == ([("update", NEW)], [])


def test_what_the_skip_releases_does_not_bring_it_back(shelf, receiver):
    """The unit below it waited; it is planned anew, refused, and the operator has not asked for more."""
    publish_structure(shelf, course_with("1", {}))
    receiver.faults.append(Fail(entity_id=NEW, times=None))
    publish_structure(shelf, course_with("2", {NEW: SECTIONS[0], INNER: NEW}))
    assert sorted(states()) == [("failed", "new"), ("parked", "inner")]
    receiver.faults.clear()
    receiver.requests.clear()
    skip_all()
    assert sent(receiver) == [("create", INNER)]
    assert states() == [("failed", "inner")]
    retry()
    assert (states(), receiver.difference(course_with("2", {NEW: SECTIONS[0], INNER: NEW}))) == ([], [])


def test_an_update_that_was_skipped_stays_given_up(shelf, receiver):
    """The receiver refuses one title for ever. Another update of the entity must not bring it back."""
    publish_structure(shelf, course_with("1", {NEW: SECTIONS[0]}))
    receiver.faults.append(Fail(entity_id=NEW, times=2))
    publish_structure(shelf, course_with("2", {NEW: SECTIONS[0]}, {NEW: "refused"}))
    skip_all()
    publish_structure(shelf, course_with("3", {NEW: SECTIONS[1]}, {NEW: "refused"}))
    receiver.requests.clear()
    retry()
    assert sent(receiver) == [("move", NEW)]


def test_what_was_lost_with_its_old_parent_is_created_with_all_above_it(shelf, receiver):
    """The move out of a section that is deleted then was skipped: the receiver deleted the whole subtree."""
    tree = {NEW: SECTIONS[0], INNER: NEW}
    publish_structure(shelf, course_with("1", tree))
    receiver.faults.append(Fail(entity_id=NEW, times=None))
    moved = {**tree, NEW: SECTIONS[1]}
    publish_structure(shelf, course_with("2", moved))
    skip_all()
    receiver.faults.clear()
    publish_structure(shelf, course_with("3", moved, sections=SECTIONS[1:]))
    assert NEW not in receiver.replica(COURSE).structure().entities
    new = publish_structure(shelf, course_with("4", moved, {INNER: "renamed"}, SECTIONS[1:]))
    assert states() == [("failed", "inner")]
    retry()
    assert (states(), receiver.difference(new)) == ([], [])


def test_skips_before_a_reset_do_not_count(shelf, skipped):
    """The snapshot after the reset has brought everything."""
    api.reset("crm")
    publish_structure(shelf, course_with("3", {NEW: SECTIONS[0]}))
    skipped.faults.append(Fail(entity_id=NEW, times=1))
    publish_structure(shelf, course_with("4", {NEW: SECTIONS[1]}))
    skipped.requests.clear()
    retry()
    assert sent(skipped) == [("move", NEW)]
    assert Problem.objects.filter(state=ProblemState.SKIPPED).exists()
    assert Run.objects.filter(kind=RunKind.SNAPSHOT).exists()


def test_what_others_got_after_a_skip_says_nothing(shelf, skipped):
    """Neither a snapshot for another target nor the first run of another course has brought it."""
    api.add_target("other", url=skipped.url, secret=skipped.secret)
    api.reset("other")
    api.deliver_until_empty()
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    last = Run.objects.order_by("pk").last()
    assert (last.kind, last.course.key) == (RunKind.INITIAL, OTHER)
    assert Run.objects.filter(kind=RunKind.SNAPSHOT, lane__target__name="other").exists()
    assert [one.operation.entity_id for one in skipped_problems(the_lane())] == [NEW]


def test_the_queries_do_not_grow_with_what_was_skipped(shelf, receiver, django_assert_max_num_queries):
    """A retry reads all skipped creations of the lane in one query."""
    titles = {block("vertical", f"unit-{section}-{unit}"): None for section in range(2) for unit in range(20)}
    publish(shelf, "1", units=0)
    api.deliver_until_empty()
    receiver.faults.extend(Fail(entity_id=key, times=None) for key in titles)
    publish(shelf, "2", units=20)
    api.deliver_until_empty()
    skip_all()
    receiver.faults.clear()
    publish(shelf, "3", units=20, titles={"unit-0-1": "renamed", "unit-1-1": "renamed"})
    api.deliver_until_empty()
    api.retry("crm")
    with django_assert_max_num_queries(60):
        api.deliver_until_empty()
    assert states() == []
