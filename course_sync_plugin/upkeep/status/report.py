"""Reports the state of targets, courses, held runs and problems: all of it, or what an operator should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from course_sync_plugin.data import utc_text
from course_sync_plugin.models import HeldRun
from course_sync_plugin.structure.sources import get_source
from course_sync_plugin.upkeep.problems import SHOWN, OpenProblem, problems
from course_sync_plugin.upkeep.status.activity import activity
from course_sync_plugin.upkeep.status.courses import CourseState, marked_since, read_states, recorded
from course_sync_plugin.upkeep.status.lanes import CountedLane, Undone, lane_state, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.status.targets import read_targets

#: The most lines of courses and their lanes, and the most problems, in an overview.
LINES, PROBLEMS = 20, 5


def status(course: str = "", target: str = "") -> dict[str, Any]:
    """Return the state of targets, courses, held runs and problems. Programs rely on its keys.

    ``course``, ``target``: only their lanes; then every number counts only these lanes, and ``targets``, ``courses``,
    ``held`` and ``problems`` have only what belongs to them. Raises ConfigurationError for a wrong course key,
    UnknownName for an unknown course or target.

    ``stopped``: the switch ``course_sync.stopped`` is on, so nothing is synced or delivered. ``not_running``: no
    process has swept or run for too long. ``problems`` holds the first of the open problems, ``problems_total`` is the
    number of all. ``courses_total`` and ``courses_in_step`` count the courses, ``courses_waiting_for_link`` those that
    would be in step if they were linked at all their targets, ``courses_unreadable`` those with an error, and
    ``courses_not_recorded`` those whose last publish waits to be recorded. ``courses_waiting``: the number of published
    courses that wait for their first sync. ``waiting_since``: the time of the first publish that no sync has taken yet,
    None if there is none. ``error`` of a course says why it
    cannot be read. ``error`` of a lane is the last error or the missing context, and the part of the last answer that
    could not be understood. It is empty if nothing is wrong. ``next_attempt``: the time at which a lane without an
    answer sends again. ``breaker`` of a target: see :func:`course_sync_plugin.upkeep.status.breakers.breaker_state`.
    ``recent`` of a target: how its last requests went, also those of other courses
    (:class:`course_sync_plugin.upkeep.status.traffic.Traffic`). ``last_day``: the same by hour
    (:func:`course_sync_plugin.upkeep.status.last_day.last_day`).
    The number of queries does not grow with the number of courses, targets or operations.
    """
    state = _State.read(course, target, all_of_them=True)
    return state.as_dict(state.courses, SHOWN)


def overview(target: str = "") -> dict[str, Any]:
    """Return the same as :func:`status` for operators, with the same keys, but only what they should look at.

    ``courses`` has the courses that are not in step, the worst and oldest first, each with only those of its lanes that
    are not in step; with their lanes they are at most ``LINES``, or one course. Courses and lanes that only wait for a
    link are not among them. ``problems`` has at most ``PROBLEMS``. Lanes that are in step are neither loaded nor looked
    up in the journal. Raises UnknownName for an unknown target.
    """
    state = _State.read("", target, all_of_them=False)
    return state.as_dict(_first(state.worst_first()), PROBLEMS)


@attrs.frozen
class _State:
    selection: Selection
    courses: Sequence[CourseState]
    counts: Counter[str]
    marked: Mapping[str, datetime]
    waiting: int
    lanes: Sequence[CountedLane]
    undone: Undone
    held: Sequence[HeldRun]

    @classmethod
    def read(cls, course: str, target: str, *, all_of_them: bool) -> _State:
        """Read the selected courses with their lanes: all of them, or those that are not in step."""
        published = dict(get_source().published_versions())
        selection = Selection.named(course, target, published)
        undone = Undone.read(selection)
        lanes = read_lanes(selection, undone, all_of_them=all_of_them)
        held = list(selection.held())
        marked, known = marked_since(), set()
        courses, counts = [], Counter[str]()
        rows = recorded(selection.courses().order_by("key"), selection)
        for state in read_states(rows, published, lanes, held):
            is_at_rest = state.is_at_rest
            counts["total"] += 1
            counts["in_step"] += state.is_in_step
            if is_at_rest:  # such a course has no trouble of its own
                counts["waiting_for_link"] += state.course.waits_for_link
            else:
                counts[state.own_trouble] += 1
            known.add(state.course.key_digest)
            if all_of_them or not is_at_rest:
                courses.append(state)
        waiting = selection.unrecorded(marked.keys() - known)
        return cls(selection, courses, counts, marked, waiting, lanes, undone, held)

    def worst_first(self) -> list[CourseState]:
        """Return the courses, the worst first."""
        return sorted(self.courses, key=lambda course: course.order(self.marked))

    def as_dict(self, courses: Iterable[CourseState], most_problems: int) -> dict[str, Any]:
        return {
            "targets": [state for _row, state in read_targets(self.selection, self.lanes, self.undone)],
            "courses": [_course(course) for course in courses],
            "courses_total": self.counts["total"],
            "courses_in_step": self.counts["in_step"],
            "courses_waiting_for_link": self.counts["waiting_for_link"],
            "courses_unreadable": self.counts["unreadable"],
            "courses_not_recorded": self.counts["not recorded"],
            "courses_waiting": self.waiting,
            "held": [_held(held) for held in self.held],
            "problems": self._problems(most_problems) if self.undone.open else [],
            "problems_total": sum(lane.open_problems for lane in self.lanes),
            **activity(min(self.marked.values(), default=None)),
        }

    def _problems(self, most: int) -> list[dict[str, Any]]:
        return [_problem(one) for one in problems(most, self.selection.open_problems())]


def _first(courses: Iterable[CourseState]) -> list[CourseState]:
    """Return the first courses, as many as have ``LINES`` lines with their lanes, but at least one."""
    first: list[CourseState] = []
    lines = 0
    for course in courses:
        lines += 1 + len(course.lanes)
        if first and lines > LINES:
            break
        first.append(course)
    return first


def _course(state: CourseState) -> dict[str, Any]:
    return {
        "course_id": state.course.key,
        "published_version": state.published_version,
        "recorded_version": state.course.published_version,
        "error": state.course.last_error,
        "lanes": [lane_state(lane, state.course.published_version) for lane in state.lanes],
    }


def _held(held: HeldRun) -> dict[str, Any]:
    return {
        "course_id": held.course.key,
        "published_version": held.published_version,
        "deletes": held.deletes,
        "of": held.of,
        "since": utc_text(held.since),
    }


def _problem(problem: OpenProblem) -> dict[str, Any]:
    values = attrs.asdict(problem)
    return {"id": values.pop("id"), "course_id": values.pop("course_key"), **values}
