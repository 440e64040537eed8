"""Tells whether the site keeps its objective, for load balancers and uptime checks: with few and cheap queries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
from django.conf import settings
from django.db import Error
from django.db.models import Min

from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Marker, NotificationEvent
from course_sync_plugin.upkeep.notifications.findings import find
from course_sync_plugin.upkeep.status.activity import activity

log = get_logger(__name__)

#: What may be wrong. None of these texts names a course or a target, because anybody may read them.
DATABASE = "The database does not answer."
UNKNOWN = "The health cannot be determined; the log says why."
NOT_RUNNING = "No process has swept or run for too long, or a publish has waited for too long."
OBJECTIVE = "An operation has waited for longer than the objective of the site."


@attrs.frozen
class Health:
    """Whether the site keeps its objective. ``reasons``: what is wrong, without names; empty if it is healthy.

    ``details``: for operators; it has names of targets.
    """

    reasons: tuple[str, ...] = ()
    details: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def is_healthy(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.reasons

    def as_dict(self, *, with_details: bool) -> dict[str, Any]:
        """Return the health as a JSON object."""
        values = {"status": "ok" if self.is_healthy else "unhealthy", "reasons": list(self.reasons)}
        return {**values, **self.details} if with_details else values


def health() -> Health:
    """Return the health of the site. Three queries, and one of the switch. If the database is down, that is the health.

    While the switch ``course_sync.stopped`` is on, the site is healthy: an operator wants it so. The objective is
    missed if an operation that may be delivered now has waited for longer than COURSE_SYNC_OBJECTIVE_SECONDS. What an
    operator has paused, a target that is gone (410), and an operation that has become a problem do not count.
    """
    try:
        return _health()
    except Error as error:
        log.warning("course_sync: health: the database does not answer (%s)", type(error).__name__)
        return Health((DATABASE,))
    except Exception:  # the cache of the host may be down too
        log.exception("course_sync: health: it cannot be determined")
        return Health((UNKNOWN,))


def _health() -> Health:
    work = activity(Marker.objects.aggregate(oldest=Min("seen_at"))["oldest"])
    waiting = {} if work["stopped"] else _undelivered()
    objective = settings.COURSE_SYNC_OBJECTIVE_SECONDS
    late = [name for name, seconds in waiting.items() if seconds > objective]
    reasons = ((NOT_RUNNING, work["not_running"]), (OBJECTIVE, late))
    details = {"objective_seconds": objective, "late_targets": late, "oldest_undelivered_seconds": waiting, **work}
    return Health(tuple(text for text, holds in reasons if holds), details)


def _undelivered() -> dict[str, float]:
    """Return the seconds that the oldest operation of each target has waited; targets without one are left out."""
    now = datetime.now(UTC)
    findings = find(NotificationEvent.UNDELIVERED)
    return {one.target: round(max(0.0, (now - one.since).total_seconds()), 1) for one in findings if one.since}
