"""Helpers of the tests of pruning: they make every row older, and add rows that deliveries would have written."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db.models import F

from course_sync_plugin.models import Attempt, DatabaseNow, InboundEvent, Lane, Problem, Run, SyncLog

#: Columns with the time of something that happened.
TIMES = {
    Run: ("began_at", "ended_at"),
    Attempt: ("began_at",),
    SyncLog: ("began_at",),
    Problem: ("since", "closed_at"),
    Lane: ("created_at",),
    InboundEvent: ("received_at",),
}


def age(days: float) -> None:
    """Make all rows ``days`` days older."""
    for model, columns in TIMES.items():
        model.objects.update(**{column: F(column) - timedelta(days=days) for column in columns})


def an_attempt(lane: Lane, seconds: float = 0.2, **values) -> Attempt:
    """Write down an attempt that has just begun."""
    numbers = {"message_id": "msg_1", "sequence": 1, "operations": 3, "status": 200, **values}
    return Attempt.objects.create(target=lane.target, lane=lane, began_at=DatabaseNow(), seconds=seconds, **numbers)


def a_notice(lane: Lane, **values) -> InboundEvent:
    """Write down a notice that has just come."""
    numbers = {"digest": uuid.uuid4().hex, **values}
    return InboundEvent.objects.create(target=lane.target, received_at=DatabaseNow(), body=b"{}", **numbers)


def a_sync(lane: Lane) -> SyncLog:
    """Write down a sync that has just begun."""
    return SyncLog.objects.create(
        course=lane.course, course_key=lane.course.key, began_at=DatabaseNow(), seconds=1, outcome="recorded"
    )
