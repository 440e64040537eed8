"""Plans a sync without doing it: which operations it would record, and how many each target would get."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from course_sync_plugin import toggles
from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import Course, Target
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.sync.course import CourseSync, Outcome, SyncResult


@attrs.frozen
class SyncPlan:
    """The result that a sync of a course would have. ``targets``: number of operations by the target's name."""

    result: SyncResult
    targets: dict[str, int]


def plan_sync(course_key: str) -> SyncPlan:
    """Return the plan for one course. An error of the source is part of its result."""
    if toggles.is_excluded(course_key):
        return SyncPlan(SyncResult(course_key, Outcome.EXCLUDED), {})
    sync = CourseSync(course_key, get_source())
    try:
        result = sync.plan()
    except CourseSyncError as error:
        return SyncPlan(SyncResult(course_key, Outcome.UNREADABLE, error=error.message), {})
    return SyncPlan(result, {target.name: _count(target, result.operations) for target in _subscribed(sync.course)})


def _subscribed(course: Course) -> list[Target]:
    targets = Target.objects.filter(disabled_reason="").prefetch_related("subscriptions").order_by("name")
    return [target for target in targets if target.wants(course)]


def _count(target: Target, operations: Sequence[Operation]) -> int:
    return sum(not target.entity_types or one.entity_type in target.entity_types for one in operations)
