"""What would be sent to whom if a course were synced now; nothing is done."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from course_sync_plugin import toggles
from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Course, Target
from course_sync_plugin.sources import get_source
from course_sync_plugin.sync import CourseSync, Outcome, SyncResult


@attrs.frozen
class SyncPlan:
    """What a sync of a course would come to, and how many operations each target that wants it would be sent."""

    result: SyncResult
    targets: dict[str, int]


def plan_sync(course_key: str) -> SyncPlan:
    """Return the plan for one course."""
    if toggles.is_excluded(course_key):
        return SyncPlan(SyncResult(course_key, Outcome.EXCLUDED), {})
    sync = CourseSync(course_key, get_source())
    try:
        result = sync.plan()
    except CourseSyncError as error:
        return SyncPlan(SyncResult(course_key, Outcome.UNREADABLE, error=error.message), {})
    return SyncPlan(result, {target.name: _count(target, result.operations) for target in _wanting(sync.course)})


def _wanting(course: Course) -> list[Target]:
    targets = Target.objects.filter(disabled_reason="").prefetch_related("subscriptions").order_by("name")
    return [target for target in targets if target.wants(course)]


def _count(target: Target, operations: Sequence[Operation]) -> int:
    return sum(not target.entity_types or one.entity_type in target.entity_types for one in operations)
