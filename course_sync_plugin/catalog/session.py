"""The one run that reads the catalog: its lease, its record, and the checkpoint from which the next one goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from course_sync_plugin import leases
from course_sync_plugin.catalog.client import SECONDS_OF_AN_HOUR
from course_sync_plugin.catalog.tally import Tally
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.models import CatalogProgress, CatalogRun

#: A checkpoint that has stood still for so long is not gone on with: what was read before it is old by then, and the
#: page behind it may be one that never comes.
STALE_AFTER = timedelta(hours=12)


class AnotherRun(TransientError):
    """Another run of update_catalog_data is under way; it is left alone."""


class Session:
    """A run that holds the lease. ``checkpoint`` is where the list was left, with what the walk knows; {} at first."""

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
        self._end_those_killed()
        self.run = self._unfinished() or self._new_run(courses)
        stored = self._progress.checkpoint if self._is_full else {}
        self.checkpoint: dict[str, Any] = stored.get("walk", {})
        self._moved_at: str = stored.get("moved_at") or datetime.now(UTC).isoformat()
        self.tally = Tally.from_dict(stored["tally"]) if stored else Tally()

    def save(self, walk: dict[str, Any], requests: int) -> None:
        """Keep the checkpoint and the lease: one statement. Raises LeaseLost where another run has taken over."""
        values: dict[str, Any] = {"hour_began_at": self._hour[0], "hour_requests": self._hour[1] + requests}
        if self._is_full:
            self.checkpoint, self._moved_at = walk, datetime.now(UTC).isoformat()
            values |= {"run": self.run, "checkpoint": self._stored()}
        leases.update_held(self._progress, self._token, **values)

    def keep(self) -> None:
        """Hold the lease on while nothing is done but waiting."""
        leases.update_held(self._progress, self._token)

    def stop(self, requests: int) -> None:
        """Give up for now; a full run is gone on with by the next one."""
        self._release(requests, **({"checkpoint": self._stored()} if self._is_full else {}))
        self._end(CatalogRun.State.STOPPED, requests, None if self._is_full else datetime.now(UTC))

    def complete(self, requests: int) -> None:
        """End: everything was read."""
        self._release(requests, **({"run": None, "checkpoint": {}} if self._is_full else {}))
        self._end(CatalogRun.State.COMPLETED, requests, datetime.now(UTC))

    def _end(self, state: CatalogRun.State, requests: int, ended_at: datetime | None) -> None:
        seconds = self.run.seconds + time.monotonic() - self._began
        values = {
            "state": state,
            "ended_at": ended_at,
            "requests": self.run.requests + requests,
            **self.tally.as_dict(),
        }
        CatalogRun.objects.filter(pk=self.run.pk).update(seconds=seconds, **values)
        self.run.refresh_from_db()

    def _release(self, requests: int, **values: Any) -> None:
        hour, sent = self._hour
        leases.release(self._progress, self._token, hour_began_at=hour, hour_requests=sent + requests, **values)

    def _stored(self) -> dict[str, Any]:
        return {"walk": self.checkpoint, "moved_at": self._moved_at, "tally": self.tally.as_dict()}

    def _end_those_killed(self) -> None:
        """Runs of chosen courses that were killed are gone on with by nobody."""
        killed = CatalogRun.objects.filter(state=CatalogRun.State.RUNNING).exclude(pk=self._progress.run_id)
        killed.update(state=CatalogRun.State.STOPPED, ended_at=datetime.now(UTC))

    def _unfinished(self) -> CatalogRun | None:
        if not self._is_full or self._progress.run is None:
            return None
        moved_at = self._progress.checkpoint.get("moved_at")
        if moved_at and datetime.now(UTC) - datetime.fromisoformat(moved_at) > STALE_AFTER:
            CatalogRun.objects.filter(pk=self._progress.run_id).update(ended_at=datetime.now(UTC))
            return None
        return self._progress.run

    def _new_run(self, courses: Sequence[str]) -> CatalogRun:
        run = CatalogRun.objects.create(began_at=datetime.now(UTC), courses=list(courses))
        if self._is_full:
            leases.update_held(self._progress, self._token, run=run, checkpoint={})
            self._progress.run, self._progress.checkpoint = run, {}
        return run


def requests_left(per_hour: int) -> int | None:
    """Return how many requests may still be sent in this hour; None for any number."""
    if not per_hour:
        return None
    progress = CatalogProgress.objects.filter(pk=CatalogProgress.ONLY).first()
    return max(0, per_hour - _current_hour(progress)[1]) if progress else per_hour


def _current_hour(progress: CatalogProgress) -> tuple[datetime, int]:
    """The hour in which requests are counted: it begins with a request and lasts sixty minutes."""
    began = progress.hour_began_at
    if began is None or datetime.now(UTC) - began > timedelta(seconds=SECONDS_OF_AN_HOUR):
        return datetime.now(UTC), 0
    return began, progress.hour_requests
