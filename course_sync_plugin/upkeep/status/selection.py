"""Selects the course and the target that a status is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

import attrs
from django.db.models import QuerySet

from course_sync_plugin.models import (
    OPEN_STATES,
    UNDONE_STATES,
    Course,
    HeldRun,
    Lane,
    Problem,
    Target,
    digest_of,
)
from course_sync_plugin.upkeep.courses import among
from course_sync_plugin.upkeep.targets.change import get_lane, get_target


@attrs.frozen
class Selection:
    """The course and the target that a status is about. Without them it is about everything.

    The courses of a target are those that it has a lane for, and the targets of a course likewise. ``course_ids``: the
    keys of the rows of the only courses whose lanes and problems are selected.
    """

    course_key: str = ""
    target: Target | None = None
    course_ids: Collection[int] | None = None

    @classmethod
    def named(cls, course: str, target: str, published: Mapping[str, str]) -> Selection:
        """Return the selection for what an operator has typed.

        ``published``: all published versions by course id. Raises ConfigurationError for a wrong course key,
        UnknownName for an unknown course or target, or if the target has no lane of the course.
        """
        row = get_target(target) if target else None
        if not course:
            return cls(target=row)
        key = among(published.keys() | set(Course.objects.values_list("key", flat=True)), course)
        if row:
            get_lane(row, key)
        return cls(key, row)

    def lanes(self) -> QuerySet[Lane]:
        """Return the selected lanes."""
        lanes = Lane.objects.all()
        if self.target:
            lanes = lanes.filter(target=self.target)
        if self.course_ids is not None:
            lanes = lanes.filter(course__in=self.course_ids)
        return lanes.filter(course__key_digest=digest_of(self.course_key)) if self.course_key else lanes

    def targets(self) -> QuerySet[Target]:
        """Return the selected targets."""
        targets = Target.objects.all()
        if self.target:
            targets = targets.filter(pk=self.target.pk)
        return targets.filter(lanes__course__key_digest=digest_of(self.course_key)) if self.course_key else targets

    def courses(self) -> QuerySet[Course]:
        """Return the selected courses that were recorded, or that could not be read when they were to be recorded."""
        courses = Course.objects.exclude(last_position=0, last_error="")
        if self.course_key:
            courses = courses.filter(key_digest=digest_of(self.course_key))
        return courses.filter(lanes__target=self.target) if self.target else courses

    def held(self) -> QuerySet[HeldRun]:
        """Return the held runs of the selected courses."""
        held = HeldRun.objects.select_related("course").order_by("since")
        return held.filter(course__in=self.courses()) if self._is_limited else held

    def open_problems(self) -> QuerySet[Problem]:
        """Return the open problems of the selected lanes."""
        problems = Problem.objects.filter(state__in=OPEN_STATES)
        return problems.filter(lane__in=self.lanes()) if self._is_limited else problems

    def undone(self) -> QuerySet[Problem]:
        """Return the open problems of the selected lanes, and what is held back there because of an exclusion."""
        problems = Problem.objects.filter(state__in=UNDONE_STATES)
        return problems.filter(lane__in=self.lanes()) if self._is_limited else problems

    def unrecorded(self, marked: Set[str]) -> int:
        """Return how many of the marked courses that were never recorded are selected. ``marked``: their digests."""
        if self.target:
            return 0
        return int(digest_of(self.course_key) in marked) if self.course_key else len(marked)

    @property
    def _is_limited(self) -> bool:
        return bool(self.course_key or self.target or self.course_ids is not None)
