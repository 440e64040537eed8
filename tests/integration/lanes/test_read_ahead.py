"""While the target works, the lane reads what it sends next: once for each request, in the same thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection

from course_sync_plugin import api
from course_sync_plugin.lanes.batches import Reader
from course_sync_plugin.models import JournalOperation, Lane
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.faults import Drop, Fault, Response, poison
from tests.integration.courses import block, own_queries
from tests.integration.one_lane import let_time_pass, publish, states, the_lane

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def small(settings):
    """Three operations in an envelope, so that the course has several."""
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 3
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600] * 5


@pytest.fixture
def lane(shelf, receiver, small) -> Lane:
    """A lane of eleven operations whose cursor is before the first."""
    publish(shelf, "1")
    Lane.objects.update(cursor=0)
    return the_lane()


def test_the_rows_that_were_read_ahead_need_no_query(lane):
    reader = Reader(lane)
    assert [row.position for row in reader.rows()] == [1, 2, 3, 4]
    reader._rows.clear()
    reader.read_ahead(6)
    with own_queries() as queries:
        lane.cursor = 6
        rows = [row.position for row in reader.rows()]
    assert (rows, queries) == ([7, 8, 9, 10], [])


def test_near_the_end_of_the_journal_nothing_is_read_ahead(lane):
    reader = Reader(lane)
    assert lane.target.options == {}  # a claimed lane has its target
    with own_queries() as queries:
        reader.read_ahead(8)
        reader.read_ahead(11)
    assert queries == []


def test_an_envelope_that_is_sent_in_parts_is_read_again(lane):
    reader = Reader(lane)
    reader.rows()
    reader.read_ahead(6)
    assert [row.position for row in reader.rows()] == [1, 2, 3, 4]


def test_operations_that_came_meanwhile_are_read(shelf, lane):
    reader = Reader(lane)
    lane.cursor = 11
    assert reader.rows() == []
    publish(shelf, "2", titles={"unit-0-0": "new"})
    assert [row.position for row in reader.rows()] == [12]


class Gate(Fault):
    """The receiver has the message, and answers when the lane has read ahead."""

    answers = True

    def __init__(self) -> None:
        super().__init__(times=None)
        self.passed = 0
        self.read_ahead = threading.Event()

    def respond(self, response: Response) -> Response:
        assert self.read_ahead.wait(30)
        self.read_ahead.clear()
        self.passed += 1
        return response


def test_it_is_done_between_the_request_and_its_answer(shelf, receiver, small, monkeypatch):
    gate, threads = Gate(), set()
    original = Reader.read_ahead

    def read_ahead(reader: Reader, position: int) -> None:
        threads.add(threading.get_ident())
        original(reader, position)
        gate.read_ahead.set()

    monkeypatch.setattr(Reader, "read_ahead", read_ahead)
    receiver.faults.append(gate)
    new = publish(shelf, "1")
    assert api.deliver_until_empty().operations == 11
    assert receiver.difference(new) == []
    assert (gate.passed, threads) == (len(receiver.requests), {threading.get_ident()})


@contextmanager
def no_reading_while_sending(monkeypatch) -> Iterator[list[str]]:
    """Let the database fail each query while a request is under way."""
    failed: list[str] = []

    def fails(execute, sql, params, many, context):
        failed.append(sql)
        raise OperationalError("gone away")

    send = WebhookTarget.send

    def guarded(target: WebhookTarget, message):
        with connection.execute_wrapper(fails):
            return send(target, message)

    with monkeypatch.context() as patches:
        patches.setattr(WebhookTarget, "send", guarded)
        yield failed


def test_an_error_of_the_database_is_none_of_the_request(shelf, receiver, small, settings, monkeypatch):
    """The request has been sent, and its answer counts."""
    settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 1
    new = publish(shelf, "1")
    with no_reading_while_sending(monkeypatch) as failed:
        api.deliver_until_empty()
    assert failed
    assert receiver.difference(new) == []
    assert len(receiver.requests) == JournalOperation.objects.count() + 1  # none came twice; one says that it is over


def test_lost_answers_and_refusals_change_nothing(shelf, receiver, small):
    receiver.faults += [Drop(processed=True), poison(block("vertical", "unit-0-1")), Drop()]
    new = publish(shelf, "1")
    for _ in range(4):
        api.deliver_until_empty()
        let_time_pass()
    api.deliver_until_empty()
    assert states() == [("failed", "unit-0-1"), ("misplaced", "unit-0-2")]
    receiver.faults.clear()
    api.retry("crm")
    api.deliver_until_empty()
    assert (receiver.difference(new), states()) == ([], [])
