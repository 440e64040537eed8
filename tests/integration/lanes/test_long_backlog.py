"""A long backlog arrives as the difference between what the receiver holds and the course, or as it is."""

from __future__ import annotations

import json
import logging
from unittest import mock

import pytest
from django.db.models import F

from course_sync_plugin import api
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.lanes import long_backlog
from course_sync_plugin.models import JournalOperation, Lane, Run, RunKind, Target
from course_sync_plugin.targets.local.target import LocalTarget
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, approve, block
from tests.integration.one_lane import let_time_pass, publish, renamed, the_lane
from tests.integration.targets.local_state import differences as local_differences

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Other+Run"


@pytest.fixture(autouse=True)
def _rather_short(settings):
    settings.COURSE_SYNC_LONG_BACKLOG = 5
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600] * 9


@pytest.fixture
def course(shelf, receiver):
    """Publish and deliver a course."""
    structure = publish(shelf, "1")
    api.deliver_until_empty()
    assert receiver.difference(structure) == []
    receiver.requests.clear()
    yield structure
    assert receiver.violations == []


def sent(receiver) -> list[tuple[str, str]]:
    bodies = [json.loads(request.body)["data"] for request in receiver.requests]
    return [(one["operation"], one["entity_id"].rpartition("@")[2]) for data in bodies for one in data["operations"]]


def titles(version: int) -> dict[str, str]:
    return {"unit-0-1": f"title {version}"}


def a_backlog(shelf, first: int = 2, last: int = 9):
    """Publish versions; each changes the same title. Return the last one."""
    for version in range(first, last + 1):
        structure = publish(shelf, str(version), titles=titles(version))
    return structure


def kinds() -> set[str]:
    return set(Run.objects.exclude(lane=None).values_list("kind", flat=True))


def test_one_operation_for_eight(shelf, receiver, course, caplog):
    new = a_backlog(shelf)
    assert api.status()["targets"][0]["pending"] == 8
    with caplog.at_level(logging.INFO, "course_sync_plugin"):
        api.deliver_until_empty()
    assert sent(receiver) == [("update", "unit-0-1")]
    data = json.loads(receiver.requests[0].body)["data"]
    assert (data["mode"], data["end_of_run"], data["published_version"]) == ("changes", True, "9")
    assert data["operations"][0]["previous"] == {"display_name": "unit-0-1"}
    assert receiver.difference(new) == []
    assert api.status()["targets"][0] | {"pending": 0, "state": "in step"} == api.status()["targets"][0]
    assert (the_lane().delivered_version, kinds()) == ("9", {RunKind.DIFFERENCE})
    assert "skipped=8 operations of a long backlog, sent=1" in caplog.text


def test_it_is_off_by_default_and_below_the_limit(shelf, receiver, course, settings):
    a_backlog(shelf, last=6)
    api.deliver_until_empty()
    assert len(sent(receiver)) == 5
    settings.COURSE_SYNC_LONG_BACKLOG = 0
    a_backlog(shelf, first=7, last=16)
    api.deliver_until_empty()
    assert (len(sent(receiver)), kinds()) == (15, set())


def test_the_envelope_that_was_not_answered_goes_first(shelf, receiver, course):
    """The receiver was away: its open envelope comes again unchanged, and then the difference, in the same turn."""
    receiver.faults.append(Refuse(503))
    a_backlog(shelf, last=2)
    api.deliver_until_empty()
    new = a_backlog(shelf, first=3)
    let_time_pass()
    api.deliver_lane(the_lane().pk)
    assert [request.body for request in receiver.requests[:1]] == [receiver.requests[1].body]
    assert sent(receiver)[1:] == [("update", "unit-0-1"), ("update", "unit-0-1")]
    assert (receiver.difference(new), the_lane().due_at) == ([], None)


def test_what_came_and_went_is_not_sent_at_all(shelf, receiver, course):
    publish(shelf, "2", units=5)
    new = publish(shelf, "3")
    api.deliver_until_empty()
    assert (sent(receiver), receiver.requests) == ([], [])
    assert (the_lane().delivered_version, the_lane().due_at, receiver.difference(new)) == ("3", None, [])
    changed = publish(shelf, "4", titles=titles(4))
    api.deliver_until_empty()
    assert (sent(receiver), receiver.difference(changed)) == ([("update", "unit-0-1")], [])


def test_a_course_that_is_deleted_and_comes_back(shelf, receiver, course):
    shelf.delete()
    api.sync_course(COURSE)
    approve()
    new = publish(shelf, "3", titles=titles(3))
    api.deliver_until_empty()
    assert (sent(receiver), receiver.difference(new)) == ([("update", "unit-0-1")], [])


@pytest.mark.parametrize("choice", ["delete", "keep"])
def test_a_course_that_is_deleted(shelf, receiver, course, choice):
    """A receiver that deletes it gets only deletions. One that keeps it gets what was published before, as always."""
    Target.objects.update(options={"on_course_deleted": choice})
    before = a_backlog(shelf)
    shelf.delete()
    api.sync_course(COURSE)
    approve()
    api.deliver_until_empty()
    if choice == "keep":
        assert (len(sent(receiver)), receiver.difference(before)) == (8, [])
    else:
        assert {kind for kind, _name in sent(receiver)} == {"delete"}
        assert len(sent(receiver)) == len(course.entities)
        assert receiver.replica(COURSE).structure().entities == {}
        assert kinds() == {RunKind.DELETION}
    back = publish(shelf, "20")
    api.deliver_until_empty()
    assert receiver.difference(back) == []


def test_a_mass_deletion(shelf, receiver, course):
    a_backlog(shelf, last=4)
    publish(shelf, "5", sections=1, units=1)
    new = publish(shelf, "6", sections=1, units=2, titles=titles(6))
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert {kind for kind, _name in sent(receiver)} == {"update", "delete"}
    assert len(sent(receiver)) == 7


def test_a_target_that_wants_some_types_only(shelf, settings, db):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver(entity_types=["section", "unit"]) as receiver:
        api.add_target("crm", url=receiver.url, secret=receiver.secret, entity_types=["section", "unit"])
        publish(shelf, "1")
        api.deliver_until_empty()
        for version in range(2, 9):
            titles = {"unit-0-1": str(version), "subsection-1": str(version)}
            new = publish(shelf, str(version), titles=titles, units=2 + version % 3)
        receiver.requests.clear()
        api.deliver_until_empty()
        assert (receiver.difference(new), receiver.violations) == ([], [])
        assert kinds() == {RunKind.DIFFERENCE}
        assert set(sent(receiver)) <= {("update", "unit-0-1"), ("create", "unit-0-3"), ("create", "unit-1-3"),
                                       ("delete", "unit-0-2"), ("delete", "unit-1-2")}  # fmt: skip


def test_the_rest_of_a_run_that_the_target_does_not_want_counts_as_sent(shelf, receiver, course):
    """The cursor stands after the last operation of the run that it wants. It gets nothing of what comes after."""
    Target.objects.update(entity_types=["section"])
    publish(shelf, "2", titles=renamed("section-1", "unit-1-2"))
    api.deliver_lane(the_lane().pk, seconds=0)
    assert the_lane().cursor == the_lane().end - 1
    for version in range(3, 9):
        publish(shelf, str(version), titles={**renamed("section-1", "unit-1-2"), "section-0": str(version)})
    receiver.requests.clear()
    api.deliver_until_empty()
    assert sent(receiver) == [("update", "section-0")]
    assert Run.objects.get(kind=RunKind.DIFFERENCE).operations_count == 1


def test_a_target_that_is_this_database(shelf, db, monkeypatch):
    """The envelope that failed goes first; then the difference is planned outside its transaction."""
    api.add_target("here", backend="local")
    publish(shelf, "1")
    api.deliver_until_empty()
    a_backlog(shelf, last=2)
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "send", _is_locked)
        api.deliver_until_empty()
    new = a_backlog(shelf, first=3)
    let_time_pass()
    api.deliver_until_empty()
    assert (local_differences(new), kinds()) == ([], {RunKind.DIFFERENCE})


def _is_locked(target: object, message: object) -> None:
    raise TransientError("a table is locked")


def test_a_difference_that_was_not_sent_yet_is_in_the_next_one(shelf, receiver, course):
    """A worker dies after it has planned one. The course then gets its old title back, and another one changes."""
    receiver.faults.append(Refuse(503))
    a_backlog(shelf)
    api.deliver_until_empty()
    withdraw_the_envelope()
    receiver.requests.clear()
    for version in range(10, 17):
        new = publish(shelf, str(version), titles={"unit-0-2": str(version)})
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert sorted(sent(receiver)) == [("update", "unit-0-1"), ("update", "unit-0-2")]
    assert Run.objects.filter(kind=RunKind.DIFFERENCE).count() == 2


def withdraw_the_envelope() -> None:
    """Leave the lane as a worker leaves it that was killed after it had planned the difference."""
    lane = the_lane()
    lane.envelope.delete()
    Lane.objects.filter(pk=lane.pk).update(attempts=0, failing=False)
    let_time_pass()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (
            lambda: JournalOperation.objects.order_by("-position").first().delete(),
            "the journal holds no operation of 1 runs",
        ),
        (lambda: Run.objects.order_by("-pk").update(operations_count=3), "the journal holds 1 of 3"),
        (lambda: spoil_title(), "has other values than it was updated to"),
    ],
    ids=["an operation is missing", "a part of a run is missing", "a silent change"],
)
def test_where_it_could_be_wrong_the_backlog_is_sent_as_it_is(shelf, receiver, course, caplog, spoil, reason):
    a_backlog(shelf)
    publish(shelf, "10", titles={**titles(9), **renamed("unit-1-2")})
    spoil()
    with caplog.at_level(logging.INFO, "course_sync_plugin"):
        api.deliver_until_empty()
    assert len(sent(receiver)) >= 7
    assert kinds() == set()
    assert reason in caplog.text


def test_after_a_message_was_withdrawn_a_whole_run_comes_first(shelf, receiver, course):
    """The receiver may have carried out the withdrawn message. After its run it is known what is there."""
    a_backlog(shelf)
    Lane.objects.update(sequence=F("sequence") + 1)
    api.deliver_until_empty()
    first, second = (json.loads(request.body)["data"] for request in receiver.requests)
    assert (first["published_version"], second["published_version"]) == ("2", "9")


def spoil_title() -> None:
    """Change a recorded value without an operation, as a field does that is allow-listed anew."""
    for entity in the_lane().course.entities.filter(entity_type="unit"):
        entity.fields = {"display_name": "silent"}
        entity.save()


def test_a_lane_with_a_problem_gets_everything(shelf, receiver, course):
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-1-1"), times=None))
    publish(shelf, "2", titles=renamed("unit-1-1"))
    api.deliver_until_empty()
    receiver.requests.clear()
    for version in range(3, 10):
        publish(shelf, str(version), titles={**renamed("unit-1-1"), **titles(version)})
    api.deliver_until_empty()
    assert (len(sent(receiver)), kinds()) == (7, set())


def test_a_difference_that_saves_nothing_is_not_made(shelf, receiver, course):
    publish(shelf, "2", sections=4)
    api.deliver_until_empty()
    assert (len(sent(receiver)), kinds()) == (10, set())


def test_it_looks_once_in_a_turn(shelf, receiver, course, settings):
    """The difference saves nothing, however often it is worked out."""
    settings.COURSE_SYNC_LONG_BACKLOG = 3
    units = [f"unit-{at}-{number}" for at in range(2) for number in range(3)]
    for version in range(1, 7):
        new = publish(shelf, str(version + 1), titles=renamed(*units[:version]))
    with mock.patch.object(long_backlog, "_shorten", wraps=long_backlog._shorten) as look:
        api.deliver_lane(the_lane().pk, seconds=600)
    assert (look.call_count, len(sent(receiver)), receiver.difference(new)) == (1, 6, [])


def test_runs_of_another_course_do_not_count(shelf, receiver, course):
    a_backlog(shelf)
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_lane(the_lane().pk, seconds=600)
    assert (sent(receiver), kinds()) == ([("update", "unit-0-1")], {RunKind.DIFFERENCE})


def test_other_lanes_are_not_concerned(shelf, receiver, course):
    with Receiver() as other:
        api.add_target("other", url=other.url, secret=other.secret)
        api.deliver_until_empty()
        a_backlog(shelf)
        api.pause("crm")
        api.deliver_until_empty()
        api.resume("crm")
        new = a_backlog(shelf, first=10, last=12)
        other.requests.clear()
        api.deliver_until_empty()
        assert (len(sent(other)), other.difference(new)) == (3, [])
        assert (sent(receiver), receiver.difference(new)) == ([("update", "unit-0-1")], [])


def test_the_run_is_pruned_as_any_other(shelf, receiver, course):
    """Behind the cursor are the operations that were skipped, and later the difference: no lane needs them."""
    a_backlog(shelf)
    api.deliver_until_empty()
    new = publish(shelf, "10", titles=titles(10))
    api.deliver_until_empty()
    Run.objects.update(ended_at="2020-01-01T00:00:00Z")
    api.prune()
    left = list(JournalOperation.objects.order_by("position").values_list("position", flat=True))
    assert left == [the_lane().cursor]
    newest = a_backlog(shelf, first=11, last=20)
    api.deliver_until_empty()
    assert receiver.difference(newest) == []
    assert new.published_version == "10"


def test_an_excluded_entity_stays_excluded(shelf, receiver, course, caplog):
    """Once something of it is held back, it is not known what the receiver holds, so a backlog is sent as it is."""
    api.exclude("crm", block("vertical", "unit-1-1"))
    for version in range(2, 10):
        new = publish(shelf, str(version), titles={**renamed("unit-1-1"), **titles(version)})
    api.deliver_until_empty()
    assert sent(receiver) == [("update", "unit-0-1")]
    a_backlog(shelf, first=10, last=16)
    with caplog.at_level(logging.INFO, "course_sync_plugin"):
        api.deliver_until_empty()
    assert "is sent as it is: the lane has problems" in caplog.text
    new = publish(shelf, "17", titles={**renamed("unit-1-1"), **titles(17)})
    api.deliver_until_empty()
    api.include("crm", block("vertical", "unit-1-1"))
    api.deliver_until_empty()
    assert receiver.difference(new) == []
