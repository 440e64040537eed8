"""Finds the attempts, log entries of syncs, notices, background jobs and closed problems that may be pruned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from course_sync_plugin.models import (
    UNDONE_STATES,
    Attempt,
    DatabaseNow,
    InboundEvent,
    Job,
    Problem,
    ProblemState,
    SyncLog,
    bulk,
)


def old_attempts(before: datetime) -> Iterator[list[int]]:
    """Yield the keys of the attempts that began before a moment, in batches."""
    return _batches(Attempt.objects.filter(began_at__lt=before))


def old_syncs(before: datetime) -> Iterator[list[int]]:
    """Yield the keys of the log entries of syncs that began before a moment, in batches."""
    return _batches(SyncLog.objects.filter(began_at__lt=before))


def old_inbound(before: datetime) -> Iterator[list[int]]:
    """Yield the keys of the notices that came before a moment, in batches, whether they were acted on or not."""
    return _batches(InboundEvent.objects.filter(received_at__lt=before))


def old_jobs(before: datetime) -> Iterator[list[int]]:
    """Yield the keys of the background jobs that ended before a moment, in batches."""
    return _batches(Job.objects.filter(ended_at__lt=before))


def old_problems(before: datetime, doomed: set[int]) -> Iterator[list[int]]:
    """Yield the keys of the problems that were closed before a moment and that no other problem waits behind.

    Their keys are added to ``doomed``. The newest come first: a problem is always older than those parked behind it, so
    these go before it. Skipped creations and moves stay: a later retry needs them (``lanes/skipped.py``).
    """
    needed = Q(state=ProblemState.SKIPPED, operation__operation__in=("create", "move"))
    closed = Problem.objects.exclude(state__in=UNDONE_STATES).exclude(needed).filter(closed_at__lt=before)
    for keys in _batches(closed, newest_first=True):
        parked = defaultdict(set)
        for pk, behind in Problem.objects.filter(behind__in=keys).values_list("pk", "behind_id"):
            parked[behind].add(pk)
        chosen = []
        for key in keys:
            if parked[key] <= doomed:
                doomed.add(key)
                chosen.append(key)
        yield chosen


def note_closed_problems() -> int:
    """Give each closed problem without a time of closing the present time. Return their number.

    Workers of an older release close problems without the time.
    """
    undated = Problem.objects.exclude(state__in=UNDONE_STATES).filter(closed_at=None)
    keys = list(undated.values_list("pk", flat=True))
    return sum(Problem.objects.filter(pk=key, closed_at=None).update(closed_at=DatabaseNow()) for key in keys)


def _batches(rows: QuerySet[Any], *, newest_first: bool = False) -> Iterator[list[int]]:
    """Yield the keys of rows in batches. Each is read when it is asked for, without a lock."""
    order, beyond = ("-pk", "pk__lt") if newest_first else ("pk", "pk__gt")
    keys = list(rows.order_by(order).values_list("pk", flat=True)[: bulk.ROWS])
    while keys:
        yield keys
        keys = list(rows.filter(Q((beyond, keys[-1]))).order_by(order).values_list("pk", flat=True)[: bulk.ROWS])
