"""Reads how the last requests to each target went: success rate, throughput and durations, from its newest attempts.

The reads are bounded, and an index leads to them. So a status takes as long with a million attempts as with thousands.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import attrs
from django.db.models import OuterRef, Q, QuerySet, Subquery

from course_sync_plugin.models import Attempt, DatabaseNow, Target, bulk
from course_sync_plugin.upkeep.status.last_day import DAY_SECONDS, last_day
from course_sync_plugin.upkeep.summaries.count import UNANSWERED

#: Attempts older than this many seconds are left out, and so are all but this many of the newest of a target. Those of
#: the last day are read too, for :func:`last_day`, but no more than this many in all.
WINDOW_SECONDS, MOST_ATTEMPTS = 3600, 250

#: What may become of an attempt. ``refused``: an answer that refuses the whole envelope, or an error of ours.
OUTCOMES = ("answered", "refused", "unanswered")


class Sample(NamedTuple):
    """What is read of one attempt."""

    target_id: int
    began_at: datetime
    seconds: float
    operations: int
    failed: int
    error_class: str

    @property
    def outcome(self) -> str:
        """Return one of ``OUTCOMES``, as the daily summaries count them."""
        if not self.error_class:
            return "answered"
        return "unanswered" if self.error_class in UNANSWERED else "refused"


@attrs.frozen
class Traffic:
    """The newest attempts of one target. ``window_seconds``: the time in which they began.

    ``last_day``: see :func:`course_sync_plugin.upkeep.status.last_day.last_day`.
    """

    samples: Sequence[Sample] = ()
    window_seconds: float = WINDOW_SECONDS
    last_day: Mapping[str, Any] = attrs.field(factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers, with the keys that ``status --json`` has. Those that need an attempt are else None."""
        outcomes = Counter(sample.outcome for sample in self.samples)
        attempts = len(self.samples)
        return {
            "window_seconds": round(self.window_seconds, 1),
            "attempts": attempts,
            **{outcome: outcomes[outcome] for outcome in OUTCOMES},
            "success_rate": round(outcomes["answered"] / attempts, 4) if attempts else None,
            "operations_per_minute": round(self._operations * 60 / self.window_seconds, 2),
            "p50_seconds": self._quantile(0.5),
            "p95_seconds": self._quantile(0.95),
        }

    @property
    def _operations(self) -> int:
        """Return the number of operations that the target carried out."""
        answered = (sample for sample in self.samples if sample.outcome == "answered")
        return sum(max(0, sample.operations - sample.failed) for sample in answered)

    def _quantile(self, share: float) -> float | None:
        """Return the seconds that ``share`` (0 to 1) of the attempts did not exceed; None if there are none."""
        seconds = sorted(sample.seconds for sample in self.samples)
        return round(seconds[max(1, math.ceil(share * len(seconds))) - 1], 4) if seconds else None


def with_window(targets: QuerySet[Target]) -> QuerySet[Any]:
    """Annotate targets with ``now``, the database's time, and with the begin of their windows.

    ``crowded_since``: when the newest attempt of the last day began that is one too many; NULL if there are
    ``MOST_ATTEMPTS`` at most.
    """
    recent = Attempt.objects.filter(target=OuterRef("pk"), began_at__gt=DatabaseNow(-DAY_SECONDS))
    newest = recent.order_by("-began_at").values("began_at")
    crowded_since = Subquery(newest[MOST_ATTEMPTS : MOST_ATTEMPTS + 1])
    return targets.annotate(now=DatabaseNow(), crowded_since=crowded_since)


def read_traffic(targets: Sequence[Any]) -> Mapping[int, Traffic]:
    """Return the traffic of targets that were read :func:`with_window`, by their ids. One query for 500 targets.

    Each target has its own range in the index, so the database reads no other attempt. If more than ``MOST_ATTEMPTS``
    are there, those that began at the same moment as the first that is one too many are left out too.
    """
    samples = defaultdict(list)
    for rows in bulk.chunks(targets):
        ranges = (Q(target=row.pk, began_at__gt=_begin(row, DAY_SECONDS)) for row in rows)
        found = Attempt.objects.filter(reduce(or_, ranges)).order_by().values_list(*Sample._fields)
        for sample in map(Sample._make, found):
            samples[sample.target_id].append(sample)
    return {row.pk: _traffic(row, samples[row.pk]) for row in targets}


def _traffic(row: Any, samples: Sequence[Sample]) -> Traffic:
    begin = _begin(row, WINDOW_SECONDS)
    requests = ((one.began_at, one.outcome == "answered") for one in samples)
    day = last_day(requests, row.now, _window(row, DAY_SECONDS))
    return Traffic([one for one in samples if one.began_at > begin], _window(row, WINDOW_SECONDS), day)


def _begin(row: Any, most: float) -> datetime:
    begin: datetime = row.now - timedelta(seconds=most)
    return max(begin, row.crowded_since) if row.crowded_since else begin


def _window(row: Any, most: float) -> float:
    """Return the seconds of the window of a target: less than ``most`` if it has very many attempts."""
    window: timedelta = row.now - _begin(row, most)
    return max(1.0, window.total_seconds())
