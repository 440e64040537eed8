"""Failures of others at the delivery: what receivers answered, lost or could not take."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.handlers import EntityHandler, chain
from course_sync_plugin.models import Attempt, Course, Lane, digest_of
from course_sync_plugin.structure.builder import RawBlock, StructureBuilder
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, Shelf, a_course, block
from tests.integration.one_lane import let_time_pass, probe_time_comes, publish, renamed, states, the_lane
from tests.integration.targets.local_state import differences

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivered(shelf, receiver, settings) -> Shelf:
    """Publish, record and deliver a course."""
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600, 600]
    publish(shelf, "v1")
    api.deliver_until_empty()
    Attempt.objects.all().delete()
    receiver.requests.clear()
    return shelf


def delete_there(receiver: Receiver, entity_type: str, key: str) -> None:
    """Delete an entity at the receiver, with all that is below it, as an administrator there may do."""
    receiver.replica(COURSE).apply(Operation("delete", entity_type, key, ""))


def state() -> str:
    return api.status()["targets"][0]["state"]


@pytest.mark.story(16)
def test_story_16_deleting_what_the_remote_admin_had_deleted(delivered, receiver):
    delete_there(receiver, "unit", block("vertical", "unit-1-2"))
    delete_there(receiver, "section", block("chapter", "section-0"))
    new = delivered.publish(without(a_course("v2"), "section-0", "unit-1-2"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert (states(), state(), len(receiver.requests)) == ([], "in step", 1)


def without(structure: Structure, *names: str) -> Structure:
    """Return a course without these blocks and all that is below them."""
    gone = {key for key in structure.entities if key.rpartition("@")[2] in names}
    for key, entity in structure.entities.items():  # in document order: a parent before its children
        if entity.parent_id in gone:
            gone.add(key)
    entities = {key: entity for key, entity in structure.entities.items() if key not in gone}
    children = {
        parent: tuple(kid for kid in kids if kid not in gone)
        for parent, kids in structure.children.items()
        if parent not in gone
    }
    return attrs.evolve(structure, entities=entities, children=children)


@pytest.mark.story(16)
def test_story_16_a_receiver_that_fails_such_a_deletion_is_not_asked_for_ever(delivered, receiver):
    """It answers as Moodle and Blackboard did. The operation is a problem, and the lane goes on."""
    gone = block("vertical", "unit-1-2")
    receiver.faults.append(Fail(entity_id=gone, reason="404 course not found", times=None))
    delivered.publish(without(a_course("v2"), "unit-1-2"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    delivered.publish(without(a_course("v3", titles=renamed("unit-0-0")), "unit-1-2"))
    api.sync_course(COURSE)
    for _ in range(3):
        api.deliver_until_empty()
        let_time_pass()
    assert states() == [("failed", "unit-1-2")]
    sent = [one["entity_id"] for message in receiver.messages for one in message["data"]["operations"]]
    assert sent == [gone, block("vertical", "unit-0-0")]
    api.skip("crm", api.problems()[0].operation_id)
    api.deliver_until_empty()
    assert state() == "in step"


@pytest.mark.story(17)
def test_story_17_an_update_of_what_vanished_at_the_receiver(delivered, receiver):
    """The update is a problem, everything else is delivered. ``reset`` creates the entity there again, as it says."""
    delete_there(receiver, "section", block("chapter", "section-0"))
    new = publish(delivered, "v2", titles=renamed("unit-0-1", "unit-1-1"))
    api.deliver_until_empty()
    assert states() == [("failed", "unit-0-1")]
    titles = receiver.replica(COURSE).structure().entities[block("vertical", "unit-1-1")].fields
    assert titles["display_name"] == "unit-1-1, renamed"
    (problem,) = api.show_problems(api.Filters(id=api.problems()[0].operation_id))
    assert "If the receiver has lost the entity, use 'reset' for its course" in problem["action"]
    api.reset_shown("crm", api.reset_plan("crm").token)
    api.deliver_until_empty()
    assert (receiver.difference(new), states(), state()) == ([], [], "in step")


@pytest.mark.story(17)
def test_story_17_rows_without_their_counterpart_do_not_stop_a_backfill(delivered, receiver):
    """A row is left of a course that does not exist any more, and a recorded course has lost its lane."""
    Lane.objects.all().delete()
    orphan = "course-v1:Org+Orphan+Run"
    Course.objects.create(key=orphan, key_digest=digest_of(orphan), org="Org")
    other = delivered.put(a_course("v1", course="course-v1:Org+Other+Run"))
    filled = list(api.backfill([orphan, COURSE, other.course_id]))
    assert {one.course_key for one in filled if one.done} == {COURSE, other.course_id}
    api.deliver_until_empty()
    assert receiver.difference(other) == receiver.difference(a_course("v1")) == []


@pytest.mark.story(21)
def test_story_21_one_429_aborts_nothing_else(delivered, receiver):
    """Discourse says in the body how long to wait, and in a header."""
    body = b'{"errors": ["Slow down"], "error_type": "rate_limit", "extras": {"wait_seconds": 41}}'
    headers = {"Content-Type": "application/json", "Retry-After": "41"}
    first = publish(delivered, "v2", titles=renamed("unit-0-1"))
    others = [delivered.publish(a_course("v1", course=f"course-v1:Org+Other+Run{at}")) for at in range(3)]
    api.sync_marked()
    for other in others:
        api.sync_course(other.course_id)
    receiver.faults.append(Refuse(429, headers=headers, body=body))
    api.deliver_until_empty()
    behind = [course for course in (first, *others) if receiver.difference(course)]
    assert len(behind) == 1
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(behind[0]) == []


@pytest.mark.story(21)
def test_story_21_a_week_of_429_stops_no_lane(delivered, receiver):
    receiver.faults.append(Refuse(429, headers={"Retry-After": "60"}, times=50))
    new = publish(delivered, "v2", titles=renamed("unit-0-1"))
    for _ in range(50):
        api.deliver_until_empty()
        let_time_pass()
        probe_time_comes()
    assert (len(receiver.requests), the_lane().attempts, the_lane().failing) == (50, 0, False)
    api.deliver_until_empty()
    assert receiver.difference(new) == []


@pytest.mark.story(22)
@pytest.mark.parametrize("status", [429, 503, 502])
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json", None])
def test_story_22_an_error_page_where_json_was_expected(delivered, receiver, status, content_type):
    """Also where the header says that it is JSON, and where there is no such header."""
    page = "<html><body>Too many requests – slow down</body></html>"
    headers = {"Content-Type": content_type} if content_type else {}
    receiver.faults.append(Refuse(status, headers=headers, body=page.encode()))
    new = publish(delivered, "v2", titles=renamed("unit-0-1"))
    api.deliver_until_empty()
    attempt = Attempt.objects.get()
    error_class, attempts = ("RateLimited", 0) if status == 429 else ("TransientError", 1)
    assert (attempt.status, attempt.error_class, attempt.body) == (status, error_class, page)
    assert (the_lane().attempts, states()) == (attempts, [])
    let_time_pass()
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert receiver.requests[0].body == receiver.requests[1].body


@pytest.mark.story(24)
def test_story_24_unknown_course(shelf, receiver):
    """Nothing is sent below a course that a person must first create there. One retry, of the course, brings it all."""
    receiver.faults.append(Fail(entity_id=COURSE, reason="Unknown course", times=None))
    publish(shelf, "v1")
    for _ in range(3):
        api.deliver_until_empty()
        let_time_pass()
    assert states() == [("failed", COURSE), *(("parked", name) for name in parked_names())]
    new = publish(shelf, "v2", titles=renamed("unit-0-1"))
    api.deliver_until_empty()
    assert [one.state for one in api.problems()].count("failed") == 1
    receiver.faults.clear()  # a person has created it
    assert receiver.replica(COURSE).structure().entities == {}
    (failed,) = [one for one in api.problems() if one.state == "failed"]
    api.retry("crm", operation=failed.operation_id)
    api.deliver_until_empty()
    assert (receiver.difference(new), states(), state()) == ([], [], "in step")


def parked_names() -> list[str]:
    return [key.rpartition("@")[2] for key in a_course("v1").entities if key != COURSE]


@pytest.mark.story(26)
def test_story_26_one_change_of_a_hundred_units_is_one_request_for_each_target(shelf, receiver):
    publish(shelf, "v1", units=50)
    with Receiver() as second:
        api.add_target("lms", url=second.url, secret=second.secret)
        api.deliver_until_empty()
        receiver.requests.clear()
        second.requests.clear()
        names = [f"unit-{section}-{number}" for section in range(2) for number in range(50)]
        new = publish(shelf, "v2", units=50, titles=renamed(*names))
        api.deliver_until_empty()
        assert (len(receiver.requests), len(second.requests)) == (1, 1)
        assert receiver.difference(new) == second.difference(new) == []


#: A value for each kind of field, as a source may hold it.
VALUES: dict[str, Any] = {
    "text": "A text",
    "boolean": True,
    "integer": 3,
    "number": 1.5,
    "date": "2026-05-01T10:00:00Z",
    "duration": "2 days",
    "object": {"1": [2]},
}

_BLOCKS = {"section": "chapter", "subsection": "sequential", "unit": "vertical", "component": "problem"}


def course_with(version: str, handler: EntityHandler, fields: dict[str, Any]) -> Structure:
    """Return a course of one entity of each type, in which the entity of one type has these fields."""
    keys = [COURSE, *(block(block_type, "only") for block_type in _BLOCKS.values())]
    types = ["course", *_BLOCKS.values()]
    own = {"course": "course", **_BLOCKS}[handler.entity_type]
    blocks = {
        key: RawBlock(key, kind, fields if kind == own else {}, tuple(keys[at + 1 : at + 2]))
        for at, (key, kind) in enumerate(zip(keys, types))
    }
    return StructureBuilder(COURSE, version, blocks).build()


def built_in() -> list[EntityHandler]:
    return [handler for handler in chain() if handler.entity_type in ("course", *_BLOCKS)]


@pytest.mark.story(20)
@pytest.mark.story(25)
@pytest.mark.parametrize("handler", built_in(), ids=lambda handler: handler.entity_type)
def test_story_25_each_field_not_set_set_alone_and_cleared_again(shelf, receiver, handler):
    """For each field: it alone is not set, it alone is set, it is None. Each state reaches both kinds of targets."""
    api.add_target("here", backend="local")
    whole = {name: VALUES[field.kind] for name, field in handler.fields.items()}
    variants: list[dict[str, Any]] = [whole, {}]
    for name in handler.fields:
        variants += [{**whole, name: None}, {name: whole[name]}]
    for at, fields in enumerate([*variants, dict.fromkeys(whole), whole, {}]):
        published = shelf.publish(course_with(f"v{at}", handler, fields))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        assert (receiver.difference(published), differences(published), states()) == ([], [], []), fields


@pytest.mark.story(20)
@pytest.mark.parametrize("name", ["start", "due"])
def test_story_20_a_cleared_date_is_sent_as_null(shelf, receiver, name):
    """A subsection that has an end and no beginning is delivered. When its date is cleared, the receiver is told."""
    handler = next(one for one in built_in() if one.entity_type == "subsection")
    for version, fields in (("v1", {name: VALUES["date"]}), ("v2", {name: None})):
        published = shelf.publish(course_with(version, handler, fields))
        api.sync_course(COURSE)
        api.deliver_until_empty()
    (operation,) = receiver.messages[-1]["data"]["operations"]
    assert (operation["fields"], operation["previous"]) == ({name: None}, {name: VALUES["date"]})
    assert receiver.difference(published) == []
