"""When a worker looks whether a backlog is long: by the numbers in the row of the lane, without a query."""

from __future__ import annotations

from typing import Any

import pytest

from course_sync_plugin.lanes.long_backlog import LongBacklog
from course_sync_plugin.models import Lane

#: Six positions behind the end, in step up to the cursor, and not inside of a run.
BEHIND = {"cursor": 10, "end": 16, "sequence": 8, "answered_sequence": 7, "closing": False}


@pytest.fixture(autouse=True)
def _five_operations(settings):
    settings.COURSE_SYNC_LONG_BACKLOG = 5


@pytest.mark.parametrize(
    ("columns", "is_due"),
    [
        ({}, True),
        ({"end": 15}, False),
        ({"cursor": 11}, False),
        ({"cursor": None}, False),
        ({"cursor": 0, "end": 6}, True),
        ({"closing": True}, False),
        ({"answered_sequence": 6}, False),
        ({"answered_sequence": 8}, False),
        ({"sequence": 2, "answered_sequence": 1}, True),
        ({"sequence": 1, "answered_sequence": 0}, False),
    ],
    ids=str,
)
def test_only_where_the_target_holds_the_course_as_of_the_cursor(columns: dict[str, Any], is_due: bool):
    assert LongBacklog(Lane(**BEHIND | columns)).is_due() is is_due


def test_never_where_it_is_switched_off(settings):
    settings.COURSE_SYNC_LONG_BACKLOG = 0
    assert not LongBacklog(Lane(**BEHIND)).is_due()
