"""Tells whether the background work is done: the last sweep, the last ``course_sync run``, the oldest publish."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from course_sync_plugin import toggles
from course_sync_plugin.data import utc_text
from course_sync_plugin.models import Activity, DatabaseNow

#: After this time without a sweep and without ``course_sync run``, or with a publish that no sync takes, an operator
#: should look. ``run`` sweeps each minute, and a sync takes a publish after ``COURSE_SYNC_MAX_WAIT_SECONDS`` at most.
LONGEST_SILENCE = timedelta(minutes=10)


def note_run() -> None:
    """Store that a process ``course_sync run`` is at work now."""
    Activity.note_run()


def activity(marked_since: datetime | None) -> dict[str, Any]:
    """Return the times of the last sweep and of the last work of ``course_sync run``, and the warning. One query.

    ``marked_since``: the time of the oldest marker. ``not_running``: both times are more than ``LONGEST_SILENCE`` ago,
    or a publish has waited for so long. A site that has never had a sweep or a process ``run`` is warned of publishes
    only. It is False while the switch ``course_sync.stopped`` is on: then nothing is done.
    """
    row = Activity.objects.filter(pk=Activity.ONLY).annotate(now=DatabaseNow()).first()
    swept_at, ran_at = (row.swept_at, row.ran_at) if row else (None, None)
    now = datetime.now(UTC)
    waits = marked_since is not None and now - marked_since > LONGEST_SILENCE
    stopped, seen = toggles.is_stopped(), [moment for moment in (swept_at, ran_at) if moment]
    return {
        "stopped": stopped,
        "not_running": not stopped and (bool(row and seen and row.now - max(seen) > LONGEST_SILENCE) or waits),
        "waiting_since": utc_text(marked_since) if marked_since and marked_since < now else None,
        "last_sweep_at": swept_at and utc_text(swept_at),
        "last_run_at": ran_at and utc_text(ran_at),
    }
