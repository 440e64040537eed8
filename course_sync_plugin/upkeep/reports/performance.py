"""Reports how fast courses are synced and delivered, over some days: with a bounded number of rows and of queries."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import attrs
from django.db.models import Q

from course_sync_plugin.models import Activity, Attempt, CatalogRun, DailySummary, SyncLog, Target
from course_sync_plugin.upkeep.reports.totals import Totals, totals_by
from course_sync_plugin.upkeep.status.lanes import Undone, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.summaries.count import add_requests
from course_sync_plugin.upkeep.summaries.durations import Durations
from course_sync_plugin.upkeep.summaries.store import Summary

#: The most days, rows of attempts or of syncs, and catalog runs that a report reads.
MOST_DAYS, MOST_ROWS, MOST_RUNS = 92, 10_000, 20

_DAY, _EVER = timedelta(days=1), date(2001, 1, 1)


class _Sample(NamedTuple):
    """What is read of one attempt."""

    target_id: int
    began_at: datetime
    seconds: float
    operations: int
    failed: int
    error_class: str
    status: int | None


@attrs.frozen
class DayReport:
    """One day (UTC). ``syncs``: the durations of the syncs of all courses that found something, or that failed.

    ``recorded``: the operations that were recorded for targets; None while the summary of the day is not stored.
    """

    day: date
    recorded: int | None
    deliveries: Totals
    syncs: Durations


@attrs.frozen
class TargetPerformance:
    """One target. ``pending``: the operations that are not delivered now.

    ``throttled``: attempts that were answered with status 429. ``errors``: attempts by the class of their error. Both
    are counted in the newest attempts only, see :class:`Performance`.
    """

    name: str
    pending: int
    total: Totals
    throttled: int
    errors: Mapping[str, int]


@attrs.frozen
class Performance:
    """The report. ``days``: each day from ``since`` to ``until``. ``targets``: those that were chosen, sorted by name.

    ``names``: those of all targets that are there now.

    ``attempts_since``: the begin of the oldest attempt that was read, if not all were read. Days whose summary is not
    stored yet (after ``summarised_until``), throttling and errors are counted from the attempts that were read.
    ``syncs_since``: the same of syncs.
    """

    since: date
    until: date
    names: Sequence[str]
    days: Sequence[DayReport]
    targets: Sequence[TargetPerformance]
    catalog_runs: Sequence[CatalogRun]
    summarised_until: date | None
    attempts_since: datetime | None
    syncs_since: datetime | None

    @property
    def is_summarised(self) -> bool:
        """Tell whether the summaries of all these days are stored."""
        return self.summarised_until is not None and self.summarised_until >= self.until


def performance(since: date, until: date, target: str = "") -> Performance:
    """Return the report of these days (UTC), both included, of one target or of all. Eight queries.

    It has at most ``MOST_DAYS`` days up to ``until``, and no day after today. Syncs and catalog runs are those of the
    whole site. A name that no target has and no summary knows has no numbers.
    """
    activity = Activity.objects.filter(pk=Activity.ONLY).first()
    stored_until = activity.summarised_until if activity else None
    until = max(_EVER, min(until, datetime.now(UTC).date()))
    since = min(until, max(since, until - (MOST_DAYS - 1) * _DAY))
    known = dict(Target.objects.order_by("name").values_list("pk", "name"))
    names = {pk: name for pk, name in known.items() if target in ("", name)}
    samples, attempts_since = _samples(since, until, names)
    stored = DailySummary.objects.filter(day__gte=since, day__lte=until)
    rows = [*stored, *_not_stored(samples, names, stored_until)]
    summaries = [Summary.of(row) for row in rows if target in ("", row.target_name)]
    syncs, syncs_since = _syncs(since, until)
    return Performance(
        since=since,
        until=until,
        names=tuple(known.values()),
        days=list(_days(since, until, stored_until, summaries, syncs)),
        targets=_targets(summaries, samples, names),
        catalog_runs=list(CatalogRun.objects.filter(_during(since, until)).order_by("-pk")[:MOST_RUNS]),
        summarised_until=stored_until,
        attempts_since=attempts_since,
        syncs_since=syncs_since,
    )


def _days(
    since: date,
    until: date,
    stored_until: date | None,
    summaries: Sequence[Summary],
    syncs: Mapping[date, Sequence[float]],
) -> Iterator[DayReport]:
    totals = totals_by(lambda one: one.day, summaries)
    for at in range((until - since).days + 1):
        day = since + at * _DAY
        total, is_stored = totals.get(day, Totals()), stored_until is not None and day <= stored_until
        yield DayReport(day, total.recorded if is_stored else None, total, Durations.of(syncs.get(day, ())))


def _samples(since: date, until: date, names: Mapping[int, str]) -> tuple[list[_Sample], datetime | None]:
    """Return the newest attempts of these targets, and the begin of the oldest one if there may be more."""
    rows = Attempt.objects.filter(_during(since, until), target__in=names).order_by("-began_at")
    samples = list(map(_Sample._make, rows.values_list(*_Sample._fields)[:MOST_ROWS]))
    return samples, samples[-1].began_at if len(samples) == MOST_ROWS else None


def _not_stored(samples: Sequence[_Sample], names: Mapping[int, str], until: date | None) -> Iterator[DailySummary]:
    """Yield the summary of each target and day after ``until`` that has an attempt, as it would be stored."""
    found = defaultdict(list)
    for one in samples:
        day = one.began_at.astimezone(UTC).date()
        if until is None or day > until:
            found[day, one.target_id].append((one.seconds, one.operations, one.failed, one.error_class))
    for (day, target_id), attempts in found.items():
        row = DailySummary(day=day, target_name=names[target_id])
        add_requests(row, attempts)
        yield row


def _syncs(since: date, until: date) -> tuple[Mapping[date, Sequence[float]], datetime | None]:
    """Return the durations of the newest syncs by day, and the begin of the oldest one if there are more."""
    logs = SyncLog.objects.filter(_during(since, until)).order_by("-began_at")
    rows = list(logs.values_list("began_at", "seconds")[:MOST_ROWS])
    found = defaultdict(list)
    for began_at, seconds in rows:
        found[began_at.astimezone(UTC).date()].append(seconds)
    return found, rows[-1][0] if len(rows) == MOST_ROWS else None


def _targets(
    summaries: Sequence[Summary], samples: Sequence[_Sample], names: Mapping[int, str]
) -> list[TargetPerformance]:
    """Return the targets that are there now, and those that were removed since and have a summary."""
    pending, throttled, errors = Counter[str](), Counter[str](), defaultdict[str, Counter[str]](Counter)
    for lane in read_lanes(Selection(), Undone.read(Selection()), all_of_them=False):
        pending[lane.lane.target.name] += lane.pending
    for one in samples:
        throttled[names[one.target_id]] += one.status == 429
        errors[names[one.target_id]].update(filter(None, [one.error_class]))
    totals = totals_by(lambda one: one.target, summaries)
    return [
        TargetPerformance(
            name, pending[name], totals.get(name, Totals()), throttled[name], dict(errors[name].most_common())
        )
        for name in sorted({*names.values(), *totals})
    ]


def _during(since: date, until: date) -> Q:
    """Return the condition for what began on these days."""
    begin, end = (datetime.combine(day, time(), UTC) for day in (since, until + _DAY))
    return Q(began_at__gte=begin, began_at__lt=end)
