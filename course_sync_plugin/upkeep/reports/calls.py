"""Counts the attempts of a target in each minute of the last hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Count
from django.db.models.functions import TruncMinute

from course_sync_plugin.models import Attempt

#: The number of minutes that are counted.
MINUTES = 60


def calls_per_minute(target_id: int, now: datetime) -> list[int]:
    """Return the number of attempts in each of the last ``MINUTES`` minutes, the present one last. One query.

    The database counts them in an index, and reads no attempt that is older.
    """
    begin = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    rows = Attempt.objects.filter(target=target_id, began_at__gte=begin).order_by()
    counts = dict(rows.values_list(TruncMinute("began_at", tzinfo=UTC)).annotate(Count("pk")))
    return [counts.get(begin + timedelta(minutes=minute), 0) for minute in range(MINUTES)]
