"""What a target is known to hold is exactly what a real receiver holds, in whatever state its lane is."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.lanes.known import known_structure
from course_sync_plugin.models import Run, RunKind, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, approve, block, moved_into
from tests.integration.one_lane import let_time_pass, publish, renamed, states, the_lane

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _patient(settings):
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600] * 9


@pytest.fixture
def course(shelf, receiver):
    """Publish and deliver a course."""
    structure = publish(shelf, "1")
    api.deliver_until_empty()
    return structure


def known(lane):
    return known_structure(lane, stored_structure(lane.course))


def check(receiver) -> int:
    """Compare both. Return the number of entities that the receiver holds."""
    ours, held = known(the_lane()), receiver.replica(COURSE).structure()
    assert ours.entities == held.entities
    assert ours.children == held.children
    assert ours.course_id == COURSE
    assert ours.published_version == (the_lane().delivered_version if len(held) else "")
    return len(held)


def small_envelopes(operations: int) -> None:
    Target.objects.update(options={"envelope_operations": operations})


def test_nothing_was_sent(shelf, receiver):
    publish(shelf, "1")
    assert check(receiver) == 0
    receiver.faults.append(Refuse(503, times=None))
    api.deliver_due()
    assert check(receiver) == 0


def test_everything_was_sent(shelf, receiver, course):
    assert check(receiver) == 11


def test_changes_that_wait(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-0"))
    publish(shelf, "3", sections=3, units=2, titles=renamed("unit-0-0", "section-1"))
    assert check(receiver) == 11


def test_the_beginning_of_a_first_run(shelf, receiver):
    small_envelopes(4)
    publish(shelf, "1")
    receiver.faults.append(Refuse(503, times=None, entity_id=block("chapter", "section-1")))
    api.deliver_due()
    assert check(receiver) == 4


def test_the_beginning_of_a_later_run(shelf, receiver, course):
    small_envelopes(2)
    receiver.faults.append(Refuse(503, times=None, entity_id=block("vertical", "unit-0-2")))
    publish(shelf, "2", titles=renamed("unit-0-0", "unit-0-1", "unit-0-2"))
    api.deliver_due()
    publish(shelf, "3", sections=3)
    assert check(receiver) == 11


def test_the_beginning_of_a_snapshot(shelf, receiver, course):
    publish(shelf, "2", sections=3)
    api.deliver_until_empty()
    api.reset("crm")
    small_envelopes(4)
    receiver.faults.append(Refuse(503, times=None, entity_id=block("chapter", "section-1")))
    api.deliver_due()
    assert Run.objects.latest("pk").kind == RunKind.SNAPSHOT
    assert len(known(the_lane())) == 4


@pytest.mark.parametrize(
    ("entity", "changes"),
    [
        (block("vertical", "unit-0-0"), {"titles": renamed("unit-0-0")}),
        (block("chapter", "section-2"), {"sections": 3}),
        (block("vertical", "unit-1-3"), {"units": 4}),
    ],
)
def test_what_failed_is_not_there(shelf, receiver, course, entity, changes):
    receiver.faults.append(Fail(entity_id=entity))
    publish(shelf, "2", **changes)
    api.deliver_until_empty()
    assert states()
    check(receiver)
    publish(shelf, "3", titles=renamed("unit-1-1"), **({"units": 4} if "titles" in changes else {}))
    check(receiver)


def test_two_changes_of_one_entity_that_failed(shelf, receiver, course):
    """It has the title from before both."""
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), times=None))
    for title in ("second", "third"):
        publish(shelf, title, titles={"unit-0-0": title})
        api.deliver_until_empty()
    assert check(receiver) == 11


def test_what_waits_for_another_target_does_not_count(shelf, receiver, course):
    publish(shelf, "2", titles=renamed("unit-0-0"))
    with Receiver() as other:
        api.add_target("other", url=other.url, secret=other.secret)
        other.faults.append(Refuse(503, times=None))
        receiver.faults.append(Refuse(503, times=None))
        api.deliver_due()
    assert Run.objects.filter(kind=RunKind.SNAPSHOT, lane__target__name="other").exists()
    assert check(receiver) == 11


def test_a_deletion_that_failed(shelf, receiver, course):
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-1-2")))
    publish(shelf, "2", units=2)
    api.deliver_until_empty()
    assert check(receiver) == 10


@pytest.mark.parametrize(
    ("parent", "children", "refused"),
    [
        ("subsection-0", ("unit-0-2", "unit-0-0", "unit-0-1"), "unit-0-2"),
        ("subsection-0", ("unit-0-1", "unit-0-2", "unit-0-0"), "unit-0-0"),
        ("subsection-1", ("unit-1-0", "unit-0-1", "unit-1-1", "unit-1-2"), "unit-0-1"),
        ("subsection-1", ("unit-0-0", "unit-1-0", "unit-1-1", "unit-1-2"), "unit-0-0"),
    ],
)
def test_a_move_that_failed(shelf, receiver, course, parent, children, refused):
    """The entity is known at its old place, whether that was the first one, one in the middle or the last one."""
    receiver.faults.append(Fail(entity_id=block("vertical", refused)))
    order = tuple(block("vertical", child) for child in children)
    shelf.publish(moved_into(course, "2", block("sequential", parent), order))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert states() == [("failed", refused)]
    assert check(receiver) == 11


def test_a_repair_that_waits(shelf, receiver, course):
    entity = block("chapter", "section-2")
    receiver.faults.append(Fail(entity_id=entity))
    publish(shelf, "2", sections=3)
    api.deliver_until_empty()
    receiver.faults.append(Refuse(503, times=None))
    api.retry("crm")
    api.deliver_due()
    assert Run.objects.latest("pk").kind == RunKind.REPAIR
    assert check(receiver) == 11
    receiver.faults.clear()
    let_time_pass()
    api.deliver_until_empty()
    assert check(receiver) == 16
    publish(shelf, "3", sections=3, titles=renamed("unit-0-0"))
    api.retry("crm")
    assert check(receiver) == 16


def test_a_difference_that_waits(shelf, receiver, course, settings):
    settings.COURSE_SYNC_LONG_BACKLOG = 2
    publish(shelf, "2", titles=renamed("unit-0-0", "unit-0-1", "unit-0-2"))
    publish(shelf, "3", sections=3)
    publish(shelf, "4", sections=3, titles=renamed("unit-0-0"))
    receiver.faults.append(Refuse(503, times=None))
    api.deliver_due()
    assert Run.objects.latest("pk").kind == RunKind.DIFFERENCE
    assert check(receiver) == 11
    publish(shelf, "5", sections=4)
    assert check(receiver) == 11


def test_an_excluded_entity(shelf, receiver, course):
    api.exclude("crm", block("vertical", "unit-0-0"))
    publish(shelf, "2", titles=renamed("unit-0-0", "unit-0-1"))
    api.deliver_until_empty()
    assert check(receiver) == 11


def test_a_deleted_course(shelf, receiver, course):
    shelf.delete()
    api.sync_course(COURSE)
    approve()
    assert check(receiver) == 11
    api.deliver_until_empty()
    assert check(receiver) == 0
