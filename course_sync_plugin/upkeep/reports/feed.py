"""Reads the journal of all courses from a position on, so that a reader who goes on from there misses nothing.

The database gives keys when rows are written, and shows rows when their transaction ends. So an operation may appear
before one with a smaller key. Within a course the order is safe, because a lock keeps it. Of several courses, what
follows a gap in the keys waits until the transaction that may fill the gap must have ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from course_sync_plugin.models import DatabaseNow, JournalOperation
from course_sync_plugin.models.first_rows import first_rows

#: Seconds after which a transaction that wrote operations has ended. A gap that is older stays: a transaction was
#: rolled back, or rows were pruned.
SETTLED_SECONDS = 60

#: The most keys among which a gap is looked for: more than the transactions of a minute write.
MOST_KEYS = 50_000


def changes_after(after: int, rows: QuerySet[JournalOperation], limit: int) -> Sequence[JournalOperation]:
    """Return the first of these operations behind the key ``after``, in the order of their keys.

    ``after`` must be 0 or the key of an operation that was returned before. Rows that wait are left out. Three queries.
    """
    found = first_rows(rows.filter(pk__gt=after).order_by("pk"), limit)
    safe = _safe_key(after, found[-1].pk) if found else after
    return [row for row in found if row.pk <= safe]


def _safe_key(after: int, last: int) -> int:
    """Return the largest key from ``after`` to ``last`` that nothing smaller can follow any more."""
    before = max(after, last - MOST_KEYS)
    keys = JournalOperation.objects.filter(pk__gt=before, pk__lte=last).order_by("pk")
    ages = keys.annotate(settled=DatabaseNow(-SETTLED_SECONDS)).values_list("pk", "run__ended_at", "settled")
    for key, ended_at, settled in ages.iterator():
        if key > before + 1 and ended_at > settled:
            return before
        before = key
    return last
