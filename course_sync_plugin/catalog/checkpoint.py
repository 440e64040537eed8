"""Keeps the lease, the run record and the checkpoint of the one run that reads the catalog."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from course_sync_plugin.catalog.client.client import SECONDS_OF_AN_HOUR
from course_sync_plugin.catalog.counts import RunCounts
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.models import CatalogProgress, CatalogRun, leases

#: A run does not resume from a checkpoint that has not moved for this long. The pages read before it are out of date
#: by then, and the page after it may be one that the catalog never answers.
STALE_AFTER = timedelta(hours=12)


class AnotherRun(TransientError):
    """Another run of update_catalog_data is under way, so this one does nothing."""


class LeasedRun:
    """The run of ``update_catalog_data`` that holds the lease; there is only one at a time.

    ``run_record``: its row in the database. ``checkpoint``: how far its pass through the catalog's list has come; {} at
    the beginning. ``courses``: the chosen courses; a run without any is a full run, and only a full run has a
    checkpoint. Raises AnotherRun if another run holds the lease.
    """

    def __init__(self, courses: Sequence[str] = ()):
        self._progress, _ = CatalogProgress.objects.get_or_create(pk=CatalogProgress.ONLY)
        token = leases.claim(CatalogProgress.objects.filter(pk=CatalogProgress.ONLY))
        if token is None:
            raise AnotherRun()
        self._token = token
        self._progress.refresh_from_db()
        self._began = time.monotonic()
        self._is_full = not courses
        self._hour = _current_hour(self._progress)
        self._stop_killed_runs()
        self.run_record = self._unfinished() or self._new_run(courses)
        stored = self._progress.checkpoint if self._is_full else {}
        if "run_counts" not in stored:  # at the beginning, or a checkpoint of another release
            stored = {}
        self.checkpoint: dict[str, Any] = stored.get("list_pass", {})
        self._moved_at: str = stored.get("moved_at") or datetime.now(UTC).isoformat()
        self.run_counts = RunCounts.from_dict(stored["run_counts"]) if stored else RunCounts()

    def save_checkpoint(self, list_pass: dict[str, Any], requests: int) -> None:
        """Store the checkpoint and renew the lease, in one statement. Raises LeaseLost if another run took over."""
        values: dict[str, Any] = {"hour_began_at": self._hour[0], "hour_requests": self._hour[1] + requests}
        if self._is_full:
            self.checkpoint, self._moved_at = list_pass, datetime.now(UTC).isoformat()
            values |= {"run": self.run_record, "checkpoint": self._stored()}
        leases.update_held(self._progress, self._token, **values)

    def renew_lease(self) -> None:
        """Renew the lease. Raises LeaseLost if another run took over."""
        leases.update_held(self._progress, self._token)

    def stop(self, requests: int) -> None:
        """Stop for now. The next run resumes a full run from its checkpoint."""
        self._release(requests, **({"checkpoint": self._stored()} if self._is_full else {}))
        self._end(CatalogRun.State.STOPPED, requests, None if self._is_full else datetime.now(UTC))

    def complete(self, requests: int) -> None:
        """End the run: everything was read."""
        self._release(requests, **({"run": None, "checkpoint": {}} if self._is_full else {}))
        self._end(CatalogRun.State.COMPLETED, requests, datetime.now(UTC))

    def _end(self, state: CatalogRun.State, requests: int, ended_at: datetime | None) -> None:
        seconds = self.run_record.seconds + time.monotonic() - self._began
        values = {
            "state": state,
            "ended_at": ended_at,
            "requests": self.run_record.requests + requests,
            **self.run_counts.as_dict(),
        }
        CatalogRun.objects.filter(pk=self.run_record.pk).update(seconds=seconds, **values)
        self.run_record.refresh_from_db()

    def _release(self, requests: int, **values: Any) -> None:
        hour, sent = self._hour
        leases.release(self._progress, self._token, hour_began_at=hour, hour_requests=sent + requests, **values)

    def _stored(self) -> dict[str, Any]:
        return {"list_pass": self.checkpoint, "moved_at": self._moved_at, "run_counts": self.run_counts.as_dict()}

    def _stop_killed_runs(self) -> None:
        """Mark killed runs of chosen courses as stopped: no other run resumes them."""
        killed = CatalogRun.objects.filter(state=CatalogRun.State.RUNNING).exclude(pk=self._progress.run_id or 0)
        killed.update(state=CatalogRun.State.STOPPED, ended_at=datetime.now(UTC))

    def _unfinished(self) -> CatalogRun | None:
        if not self._is_full or self._progress.run is None:
            return None
        moved_at = self._progress.checkpoint.get("moved_at")
        if moved_at and datetime.now(UTC) - datetime.fromisoformat(moved_at) > STALE_AFTER:
            CatalogRun.objects.filter(pk=self._progress.run.pk).update(ended_at=datetime.now(UTC))
            return None
        return self._progress.run

    def _new_run(self, courses: Sequence[str]) -> CatalogRun:
        run = CatalogRun.objects.create(began_at=datetime.now(UTC), courses=list(courses))
        if self._is_full:
            leases.update_held(self._progress, self._token, run=run, checkpoint={})
            self._progress.run, self._progress.checkpoint = run, {}
        return run


def requests_left(per_hour: int) -> int | None:
    """Return how many requests may still be sent in this hour; None: no limit."""
    if not per_hour:
        return None
    progress = CatalogProgress.objects.filter(pk=CatalogProgress.ONLY).first()
    return max(0, per_hour - _current_hour(progress)[1]) if progress else per_hour


def _current_hour(progress: CatalogProgress) -> tuple[datetime, int]:
    """Return the start of the current hour and the number of requests in it. A new hour begins with a request."""
    began = progress.hour_began_at
    if began is None or datetime.now(UTC) - began > timedelta(seconds=SECONDS_OF_AN_HOUR):
        return datetime.now(UTC), 0
    return began, progress.hour_requests
