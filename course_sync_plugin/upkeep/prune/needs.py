"""Tells which rows of a journal a lane still needs, and which rows stay for another reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from django.db.models import Max, OuterRef, Q, Subquery

from course_sync_plugin.lanes.site import is_elsewhere
from course_sync_plugin.models import LINK, Course, JournalOperation, Lane, Run, RunKind

#: The columns that are read of a lane, of its target and of its course.
_COLUMNS = (
    *("target__name", "target__paused", "target__disabled_reason", "target__site", "target__breaker_opened_at"),
    *("course__key",),
    *("cursor", "paused", "failing", "waiting_for"),
)


@attrs.frozen(slots=True)
class Row:
    """The columns of an operation that decide whether it may be pruned."""

    pk: int
    course_id: int
    run_id: int
    lane_id: int | None
    position: int
    entity_type: str


@attrs.frozen
class Holder:
    """A lane as operators see it: its target and course, and why it may stand still."""

    target: str
    course_key: str
    why: str

    @classmethod
    def of(cls, lane: Lane) -> Holder:
        """Return what an operator should know of a lane."""
        reasons = (
            ("other site", is_elsewhere(lane.target)),
            ("disabled", lane.target.disabled_reason),
            ("paused", lane.target.paused or lane.paused),
            ("failing", lane.failing),
            ("waiting for link", lane.waiting_for == LINK),
            ("waiting for context", lane.waiting_for),
            ("unreachable", lane.target.breaker_opened_at),
            ("not begun", lane.cursor is None),
        )
        why = next((reason for reason, holds in reasons if holds), "pending")
        return cls(lane.target.name, lane.course.key, why)


@attrs.frozen
class LaneState:
    """The columns of a lane that decide what it needs.

    ``at_cursor``: the key of the last operation at or before the cursor that concerns the lane. The end of its run may
    still have to be told to the target.
    """

    pk: int
    holder: Holder
    cursor: int | None
    at_cursor: int | None


@attrs.frozen
class Needs:
    """What the lanes of some courses need, as it is now.

    A lane only ever needs less of the rows that are there: its cursor grows. The one exception is a lane without a
    baseline, which may begin with the initial run (``lanes/snapshot.py``). So that run has a mark of its own,
    ``Run.pruned_at``. ``ends``: the last position of each course. ``last_runs``: the last run for all lanes of each
    course, with its kind.
    """

    lanes: Mapping[int, Sequence[LaneState]]
    ends: Mapping[int, int]
    last_runs: Mapping[int, tuple[int, str]]

    @classmethod
    def of(cls, courses: Sequence[int]) -> Needs:
        """Read what the lanes of these courses need. Four queries."""
        lanes = defaultdict(list)
        for lane in _lanes(courses):
            state = LaneState(lane.pk, Holder.of(lane), lane.cursor, lane.at_cursor)
            lanes[lane.course_id].append(state)
        newest = Run.objects.filter(course__in=courses, lane=None).order_by().values("course").annotate(last=Max("pk"))
        last_runs = Run.objects.filter(pk__in=[row["last"] for row in newest]).values_list("course_id", "pk", "kind")
        ends = dict(Course.objects.filter(pk__in=courses).values_list("pk", "last_position"))
        return cls(lanes, ends, {course: (pk, kind) for course, pk, kind in last_runs})

    def holders(self, row: Row) -> list[Holder]:
        """Return the lanes that have not passed a row."""
        return [
            lane.holder
            for lane in self.lanes.get(row.course_id, ())
            if row.lane_id in (None, lane.pk)
            and (self._may_begin_with(row) if lane.cursor is None else row.position > lane.cursor)
        ]

    def is_end(self, row: Row) -> bool:
        """Tell whether a row is the last one of its course, or the last one that a lane has passed.

        The last one of a course also keeps the end of the table's indexes free of gap locks: a recording that appends
        to the journal on MariaDB never waits for the deletion of older rows.
        """
        lanes = self.lanes.get(row.course_id, ())
        return row.position == self.ends[row.course_id] or any(row.pk == lane.at_cursor for lane in lanes)

    def is_first_and_last(self, run: Run) -> bool:
        """Tell whether a lane without a baseline could begin with this run: the initial one without a later one."""
        return self.last_runs.get(run.course_id) == (run.pk, RunKind.INITIAL)

    def _may_begin_with(self, row: Row) -> bool:
        run, kind = self.last_runs.get(row.course_id, (0, ""))
        return kind == RunKind.INITIAL and row.run_id >= run


def any_lane_needs(run: Run) -> bool:
    """Tell whether a lane of the course has not passed this run yet, or has no baseline. Read anew."""
    end = run.operations.order_by("-position").values_list("position", flat=True).first() or 0
    return Lane.objects.filter(Q(cursor=None) | Q(cursor__lt=end), course=run.course_id).exists()


def _lanes(courses: Sequence[int]) -> Sequence[Any]:
    visible = Q(lane=None) | Q(lane=OuterRef("pk"))
    passed = JournalOperation.objects.filter(visible, course=OuterRef("course"), position__lte=OuterRef("cursor"))
    at_cursor = Subquery(passed.order_by("-position").values("pk")[:1])
    lanes = Lane.objects.filter(course__in=courses).annotate(at_cursor=at_cursor)
    return list(lanes.select_related("target", "course").only(*_COLUMNS))
