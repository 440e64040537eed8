"""Stores the summary of each day once, when the day is over, and reads summaries back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import attrs
from django.db import transaction
from django.db.models import Min, Q

from course_sync_plugin.models import Activity, Attempt, DailySummary, Problem, Run, bulk
from course_sync_plugin.upkeep.summaries.count import summaries_of
from course_sync_plugin.upkeep.summaries.durations import Durations

_DAY, _EVER = timedelta(days=1), date(2000, 1, 1)

#: A day counts as over after this time: a request of the last minute may still be written down.
_MARGIN = timedelta(hours=1)


@attrs.frozen
class Summary:
    """The numbers of one target on one day. The columns are those of the table (``models/summaries.py``).

    ``entity_type``: empty for the requests of the target. ``kinds``: for each kind of operation how many were recorded
    and how many were refused. ``final``: the day is over, and the numbers are stored.
    """

    day: date
    target: str
    entity_type: str
    attempts: int
    answered: int
    refused: int
    unanswered: int
    operations: int
    failed: int
    kinds: dict[str, list[int]]
    durations: Durations
    final: bool

    @classmethod
    def of(cls, row: DailySummary) -> Summary:
        """Return the summary in a row. A row that is not saved is not final."""
        names = ("day", "entity_type", "attempts", "answered", "refused", "unanswered", "operations", "failed", "kinds")
        values = {name: getattr(row, name) for name in names}
        durations = Durations.from_json(row.durations)
        return cls(**values, target=row.target_name, durations=durations, final=row.pk is not None)

    @property
    def success_rate(self) -> float | None:
        """Return the share of the attempts that were answered, or of the operations that were not refused, 0 to 1.

        None if there were none. Of operations that were recorded on an earlier day more may be refused than recorded.
        """
        if self.entity_type:
            return max(0.0, 1 - self.failed / self.operations) if self.operations else None
        return self.answered / self.attempts if self.attempts else None


def summaries(target: str = "", days: int = 30) -> list[Summary]:
    """Return the summaries of the last ``days`` days (UTC), today included, of one target or of all, the oldest first.

    Days that are not stored yet are counted from the rows that are there. A target without an attempt and without an
    operation on a day has no summary of this day. An unknown name has none at all.
    """
    activity, now = Activity.read()
    first = now.date() - (days - 1) * _DAY
    stored = DailySummary.objects.filter(day__gte=first).order_by("day", "target_name", "entity_type")
    begin = max(first, activity.summarised_until + _DAY) if activity.summarised_until else first
    rows = [*stored, *(row for day in _days(begin, now.date()) for row in summaries_of(day))]
    return [Summary.of(row) for row in rows if not target or row.target_name == target]


def store_finished_days(is_over: Callable[[], bool] = lambda: False) -> int:
    """Store the summaries of all days that are over and not stored yet, the oldest first.

    Return the number of days that had rows. It ends early when ``is_over()`` says so. Several processes may do this at
    once: each day is stored once.
    """
    activity, now = Activity.read()
    last, previous = (now - _MARGIN).date() - _DAY, activity.summarised_until
    day = previous + _DAY if previous else _next_day(_EVER, last)
    stored = 0
    while day <= last and not is_over():
        rows = summaries_of(day)
        until = day if rows else _next_day(day + _DAY, last + _DAY) - _DAY
        if not _store(rows, until, previous):
            break
        stored, previous, day = stored + bool(rows), until, until + _DAY
    return stored


def summarised_before() -> datetime:
    """Return the moment before which every day is summarised. Rows from before it may be pruned."""
    until = Activity.read()[0].summarised_until
    return datetime.combine(until + _DAY, time(), UTC) if until else datetime.min.replace(tzinfo=UTC)


def _store(rows: Sequence[DailySummary], until: date, previous: date | None) -> bool:
    """Store the summaries of the days after ``previous``, unless another process has stored them."""
    with transaction.atomic():
        is_ours = Activity.claim_summary(until, previous)
        if is_ours:
            bulk.insert(rows)
    return is_ours


def _days(first: date, last: date) -> Iterator[date]:
    return (first + at * _DAY for at in range((last - first).days + 1))


def _next_day(first: date, last: date) -> date:
    """Return the first day from ``first`` on of which there are rows, but ``last`` if it comes before that."""
    begin = datetime.combine(first, time(), UTC)
    moments = (
        model.objects.filter(Q((f"{column}__gte", begin))).aggregate(first=Min(column))["first"]
        for model, column in ((Attempt, "began_at"), (Run, "ended_at"), (Problem, "since"))
    )
    days: list[date] = [moment.date() for moment in moments if moment]
    return min([last, *days])
