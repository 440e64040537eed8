"""Finds what is wrong now, for each event with one query, however many courses and targets there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import attrs
from django.db.models import Count, F, Min, Q, QuerySet

from course_sync_plugin.lanes.site import made_here
from course_sync_plugin.models import (
    Activity,
    CatalogRun,
    HeldRun,
    Lane,
    Problem,
    ProblemState,
    Target,
)
from course_sync_plugin.models import NotificationEvent as Event
from course_sync_plugin.upkeep.pending import waiting_since


@attrs.frozen
class Finding:
    """One trouble that there is now. ``since``: None if the database does not know when it began.

    ``size``: how many courses or operations are affected. Without ``target`` and ``course`` it concerns the site.
    """

    since: datetime | None = None
    target: str = ""
    course: str = ""
    size: int = 1

    @property
    def subject(self) -> str:
        """Return the words that name it in a message."""
        return f"{self.course} → {self.target}" if self.course and self.target else self.course or self.target


def find(event: str) -> list[Finding]:
    """Return the troubles of one event. One query."""
    return _FIND[Event(event)]()


def _active_lanes() -> QuerySet[Lane]:
    """Return the lanes that should deliver. A paused one waits because an operator wants it to.

    So does one of a target that was made for another site.
    """
    return Lane.objects.filter(paused=False, target__in=_targets().filter(paused=False, disabled_reason="")).order_by()


def _targets() -> QuerySet[Target]:
    """Return the targets of this site. Those of another one are its business, as after a restored dump."""
    return Target.objects.filter(made_here())


def _targets_failing() -> list[Finding]:
    lanes = _active_lanes().filter(Q(failing=True) | Q(attempts__gt=0)).values_list("target__name")
    return [Finding(since, name, size=n) for name, n, since in lanes.annotate(Count("pk"), Min("retrying_since"))]


def _courses_with_problems() -> list[Finding]:
    """Return the courses with failed operations. Those that are parked behind them came later."""
    problems = Problem.objects.filter(state=ProblemState.FAILED, lane__target__in=_targets()).order_by()
    rows = problems.values_list("lane_id", "lane__target__name", "lane__course__key")
    return [Finding(since, name, key, n) for _lane, name, key, n, since in rows.annotate(Count("pk"), Min("since"))]


def _breakers_open() -> list[Finding]:
    targets = _targets().filter(breaker_opened_at__isnull=False, paused=False, disabled_reason="")
    return [Finding(since, name) for name, since in targets.values_list("name", "breaker_opened_at")]


def _targets_disabled() -> list[Finding]:
    return [Finding(None, name) for name in _targets().exclude(disabled_reason="").values_list("name", flat=True)]


def _runs_held() -> list[Finding]:
    held = HeldRun.objects.filter(approved=False).values_list("since", "course__key", "deletes")
    return [Finding(since, course=key, size=deletes) for since, key, deletes in held]


def _undelivered() -> list[Finding]:
    """Return each target with the time since which the oldest of its operations waits."""
    behind = _active_lanes().filter(Q(cursor=None) | Q(cursor__lt=F("end"))).annotate(waiting=waiting_since())
    rows = behind.values("target__name").annotate(first=Min("waiting")).values_list("target__name", "first")
    return [Finding(first, name) for name, first in rows if first]


def _no_sweep() -> list[Finding]:
    """Return the site. A site that never swept uses neither ``run`` nor ``sweep``, and is not told."""
    return [Finding(at) for at in Activity.objects.exclude(swept_at=None).values_list("swept_at", flat=True)]


def _catalog_failed() -> list[Finding]:
    """Return the site if the newest run stopped and had failures. One that stopped to go on later has none."""
    newest = CatalogRun.objects.exclude(state=CatalogRun.State.RUNNING).order_by("-pk")[:1]
    rows = newest.values_list("began_at", "state", "failures")
    return [Finding(began_at) for began_at, state, failures in rows if state == CatalogRun.State.STOPPED and failures]


_FIND: Mapping[Event, Callable[[], list[Finding]]] = MappingProxyType(
    {
        Event.TARGET_FAILING: _targets_failing,
        Event.FIRST_PROBLEM: _courses_with_problems,
        Event.BREAKER_OPEN: _breakers_open,
        Event.TARGET_DISABLED: _targets_disabled,
        Event.RUN_HELD: _runs_held,
        Event.UNDELIVERED: _undelivered,
        Event.NO_SWEEP: _no_sweep,
        Event.CATALOG_FAILED: _catalog_failed,
    }
)
