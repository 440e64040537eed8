"""Reads the state of courses, and orders those that are not in step: the worst first, and of these the oldest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import attrs
from django.db.models import Exists, Min, OuterRef, QuerySet

from course_sync_plugin.models import LINK, Course, HeldRun, Marker
from course_sync_plugin.upkeep.status.lanes import STATES, CountedLane
from course_sync_plugin.upkeep.status.selection import Selection

#: What a course may suffer from, the worst first. The troubles of the course itself come before those of its lanes: a
#: target that fails affects every course, and the table of targets shows it already.
TROUBLES = (
    *("unreadable", "held", "not recorded"),
    *STATES,
)
_NEVER = datetime.max.replace(tzinfo=UTC)


class RecordedCourse(NamedTuple):
    """The columns of a course that a status needs. A site may have thousands of courses, and models are slow.

    ``waits_for_link``: one of the selected lanes has no counterpart yet.
    """

    pk: int
    key: str
    key_digest: str
    published_version: str
    attempts: int
    last_error: str
    waits_for_link: bool


@attrs.frozen
class CourseState:
    """A course with the version that is published now, its lanes and its held run.

    ``lanes``: all of them, or those that are not at rest.
    """

    course: RecordedCourse
    published_version: str
    lanes: Sequence[CountedLane] = ()
    held: HeldRun | None = None

    @property
    def is_at_rest(self) -> bool:
        """Tell whether the published version is recorded, no run is held, and all the lanes are at rest."""
        if self._is_behind or self.held:
            return False
        return not self.lanes or all(lane.is_at_rest for lane in self.lanes)

    @property
    def is_in_step(self) -> bool:
        """Tell whether the course is at rest and has no lane that waits for a link."""
        return self.is_at_rest and not self.course.waits_for_link

    @property
    def own_trouble(self) -> str:
        """Return what keeps the course from being recorded, one of ``TROUBLES``."""
        if self.held:
            return "held"
        if self._is_behind:
            return "unreadable" if self.course.last_error else "not recorded"
        return "in step"

    @property
    def trouble(self) -> str:
        """Return the worst that the course suffers from, one of ``TROUBLES``."""
        return min([self.own_trouble, *(lane.state for lane in self.lanes)], key=TROUBLES.index)

    def order(self, marked: Mapping[str, datetime]) -> tuple[Any, ...]:
        """Return the key that sorts courses: the worst first, and of these the oldest.

        ``marked``: the time of the first marker by the digest of the course's key. The marker of a course that cannot
        be read has the time of the next attempt; the one with the most attempts is the oldest.
        """
        times = [marked.get(self.course.key_digest), self.held.since if self.held else None]
        times += [moment for lane in self.lanes for moment in (lane.waiting_since, lane.problem_since)]
        oldest = min((moment for moment in times if moment), default=_NEVER)
        return TROUBLES.index(self.trouble), -self.course.attempts, oldest, self.course.key

    @property
    def _is_behind(self) -> bool:
        return bool(self.course.last_error) or self.course.published_version != self.published_version


def recorded(rows: QuerySet[Course], selection: Selection) -> Iterator[RecordedCourse]:
    """Yield the columns of these courses that a status needs. One query. ``selection``: the lanes that count."""
    waiting = selection.lanes().filter(course=OuterRef("pk"), waiting_for=LINK)
    rows = rows.annotate(waits_for_link=Exists(waiting))
    return map(RecordedCourse._make, rows.values_list(*RecordedCourse._fields))


def read_states(
    courses: Iterable[RecordedCourse],
    published: Mapping[str, str],
    lanes: Iterable[CountedLane],
    held: Iterable[HeldRun],
) -> Iterator[CourseState]:
    """Yield the states of these courses, with those lanes and held runs that are given."""
    lanes_of = defaultdict(list)
    for lane in lanes:
        lanes_of[lane.lane.course_id].append(lane)
    held_of = {run.course_id: run for run in held}
    for course in courses:
        version = published.get(course.key, "")
        yield CourseState(course, version, lanes_of.get(course.pk, ()), held_of.get(course.pk))


def marked_since() -> dict[str, datetime]:
    """Return the time of the first marker of each marked course, by the digest of its key. One query."""
    return dict(Marker.objects.order_by().values_list("course_id").annotate(Min("seen_at")))
