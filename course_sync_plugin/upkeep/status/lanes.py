"""Reads lanes with their counts, works out their states, and finds in SQL those that are not in step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from django.db.models import Count, F, Min, Q, QuerySet
from django.utils.translation import gettext as _

from course_sync_plugin.data import utc_text
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.site import is_elsewhere, made_here, this_site
from course_sync_plugin.models import EXCLUDED_STATES, LINK, UNDONE_STATES, Lane, Problem, Target
from course_sync_plugin.upkeep.pending import with_pending
from course_sync_plugin.upkeep.status.selection import Selection

#: The states of a lane, the worst first. A state up to ``paused`` lasts until the operator acts.
STATES = (
    *("other site", "disabled", "failing", "problems", "waiting for context", "paused"),
    *("unreachable", "retrying", "pending", "in step", "waiting for link"),
)

#: The states of a lane with which it is not listed. Not every course has a counterpart at a two-way target, so lanes
#: that wait for a link are only counted.
_AT_REST = ("in step", "waiting for link")

#: The columns that a status needs. A site may have 15,000 lanes, and the options of a target are slow to decode.
_COLUMNS = (
    *("target__name", "target__paused", "target__disabled_reason", "target__site", "target__breaker_opened_at"),
    *("course_id", "cursor", "closing", "due_at", "attempts", "delivered_version", "paused", "failing"),
    *("waiting_for", "last_error", "error_class", "last_warning"),
)


@attrs.frozen
class CountedLane:
    """A lane with its open problems and its ``pending`` operations.

    ``waiting_since``: the time since which the first of the operations waits; ``problem_since``: that of the oldest
    open problem.
    """

    lane: Lane
    open_problems: int
    problem_since: datetime | None
    pending: int
    waiting_since: datetime | None

    @property
    def state(self) -> str:
        """Return the state of the lane, one of ``STATES``."""
        lane = self.lane
        has_work = lane.cursor is None or self.pending or lane.closing or lane.attempts
        states = (
            ("other site", is_elsewhere(lane.target)),
            ("disabled", lane.target.disabled_reason),
            ("paused", lane.target.paused or lane.paused),
            # A probe that needs an operator does not stop its lane, but it does not heal by itself either.
            ("failing", lane.failing or lane.error_class == ConfigurationError.__name__),
            ("waiting for link", lane.waiting_for == LINK),
            ("waiting for context", lane.waiting_for),
            ("unreachable", lane.target.breaker_opened_at and has_work),
            ("retrying", lane.attempts),
            ("problems", self.open_problems),
            ("pending", has_work),
        )
        return next((state for state, holds in states if holds), "in step")

    @property
    def error(self) -> str:
        """Return what is wrong: the last error or the missing context, and the warning of the last answer."""
        lane = self.lane
        waits = "" if lane.waiting_for == LINK else lane.waiting_for
        return "; ".join(filter(None, (lane.last_error or waits or lane.target.disabled_reason, lane.last_warning)))

    def delivered_version(self, recorded: str) -> str:
        """Return the version that the target has. ``recorded``: that of the course.

        A publish without changes raises the recorded version, but gives the lane nothing to deliver.
        """
        return recorded if self.state == "in step" else self.lane.delivered_version

    @property
    def next_attempt(self) -> datetime | None:
        """Return the time at which the lane sends again after an attempt without an answer."""
        return self.lane.due_at if self.lane.last_error and self.state in ("retrying", "pending") else None

    @property
    def is_at_rest(self) -> bool:
        """Tell whether the lane is not listed: it is in step or waits for a link, without error and warning."""
        return self.state in _AT_REST and not self.error


@attrs.frozen
class Undone:
    """How many operations are not carried out, or not in their place, because of a problem or an exclusion.

    ``open``: the number of open problems and the time of the oldest, by the id of the lane. ``excluded``: the number of
    operations that are held back, by the id of the target.
    """

    open: Mapping[int, tuple[int, datetime | None]]
    excluded: Mapping[int, int]

    @classmethod
    def read(cls, selection: Selection) -> Undone:
        """Count those of the selected lanes. One query."""
        return cls.among(selection.undone())

    @classmethod
    def among(cls, problems: QuerySet[Problem]) -> Undone:
        """Count these problems, which are in ``UNDONE_STATES``. One query."""
        found: dict[int, tuple[int, datetime | None]] = {}
        excluded = Counter[int]()
        rows = problems.order_by().values_list("lane_id", "lane__target_id", "state")
        for lane_id, target_id, state, count, since in rows.annotate(Count("pk"), Min("since")):
            if state in EXCLUDED_STATES:
                excluded[target_id] += count
            else:
                before, oldest = found.get(lane_id, (0, since))
                found[lane_id] = before + count, min(oldest, since)
        return cls(found, excluded)


def read_lanes(selection: Selection, undone: Undone, *, all_of_them: bool) -> list[CountedLane]:
    """Return the selected lanes with their counts, in the order of the targets' names. One query.

    With ``all_of_them`` False, lanes that are at rest are left out. The database finds the others.
    """
    problems = selection.open_problems()
    rows = selection.lanes() if all_of_them else selection.lanes().filter(_may_be_out_of_step(problems))
    lanes = _counted(rows.only(*_COLUMNS), undone)
    return lanes if all_of_them else [lane for lane in lanes if not lane.is_at_rest]


def lane_state(counted: CountedLane, recorded_version: str) -> dict[str, Any]:
    """Return what is shown of a lane. ``recorded_version``: that of its course."""
    return {
        "target": counted.lane.target.name,
        "delivered_version": counted.delivered_version(recorded_version),
        "state": counted.state,
        "error": counted.error,
        "next_attempt": counted.next_attempt and utc_text(counted.next_attempt),
    }


def count_lanes(rows: QuerySet[Lane]) -> list[CountedLane]:
    """Return these lanes with their counts and their courses, in the order of the targets' names. Two queries."""
    undone = Undone.among(Problem.objects.filter(state__in=UNDONE_STATES, lane__in=rows))
    return _counted(rows.select_related("course").only(*_COLUMNS, "course__key", "course__published_version"), undone)


def _counted(rows: QuerySet[Lane], undone: Undone) -> list[CountedLane]:
    return [
        CountedLane(lane, *undone.open.get(lane.pk, (0, None)), pending=lane.pending, waiting_since=lane.waiting_since)
        for lane in with_pending(rows).select_related("target").order_by("target__name", "pk")
    ]


def other_site(target: Target) -> str:
    """Return what to do about a target that was made for another site; an empty text for the others."""
    if not is_elsewhere(target):
        return ""
    text = _("made for {there}, and this is {here}: 'confirm-site {name}' lets it send from here")
    return text.format(there=target.site, here=this_site(), name=target.name)


def _may_be_out_of_step(problems: QuerySet[Any]) -> Q:
    """Return the condition for each lane that :attr:`CountedLane.is_at_rest` may refuse.

    ``end`` is not behind the operations that concern a lane. So a lane whose cursor is there has nothing to deliver,
    and the journal behind it need not be looked at.
    """
    held_back = Q(target__paused=True) | ~Q(target__disabled_reason="") | Q(paused=True) | Q(failing=True)
    if this_site():
        held_back |= Q(target__in=Target.objects.exclude(made_here()))
    in_trouble = Q(attempts__gt=0) | ~Q(waiting_for__in=("", LINK)) | ~Q(last_error="") | Q(last_warning__gt="")
    behind = ~Q(waiting_for=LINK) & (Q(cursor=None) | Q(cursor__lt=F("end")) | Q(closing=True))
    return held_back | in_trouble | behind | Q(pk__in=problems.values("lane_id"))
