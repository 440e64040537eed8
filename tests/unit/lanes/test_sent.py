"""The class and the status of a request, as an attempt and a problem keep them."""

from __future__ import annotations

import pytest

from course_sync_plugin.data import Answer, Exchange, FailedOperation
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, TransientError
from course_sync_plugin.lanes.attempts import Sent

MIXED = Answer(failed=(FailedOperation("final", "no"), FailedOperation("again", "later", retry=True)))


@pytest.mark.parametrize(
    ("operation_id", "name"),
    [("final", "PermanentError"), ("again", "TransientError"), ("neither", "PermanentError")],
)
def test_each_operation_of_an_answer_has_the_class_of_its_own_failure(operation_id: str, name: str):
    assert Sent(MIXED, 0, 1).class_of(operation_id) == name


@pytest.mark.parametrize("error", [TransientError("no"), ConfigurationError("no")], ids=lambda one: type(one).__name__)
def test_an_error_is_that_of_all_operations(error: Exception):
    assert Sent(error, 0, 1).class_of("any") == type(error).__name__


@pytest.mark.parametrize(
    ("in_answer", "in_error", "status"),
    [(422, None, 422), (None, 422, 422), (422, 500, 422), (None, None, None), (99, None, None), (1000, None, None),
     (100, None, 100), (999, None, 999)],
)  # fmt: skip
def test_the_status_is_that_of_the_answer(in_answer: int | None, in_error: int | None, status: int | None):
    error = PermanentError("no", **({} if in_error is None else {"status": in_error}))
    error.exchange = Exchange(status=in_answer)
    assert Sent(error, 0, 1).status == status


def test_a_target_that_keeps_nothing_has_an_empty_exchange():
    assert (Sent(Answer(), 0, 1).exchange, Sent(Answer(), 0, 1).status) == (Exchange(), None)
