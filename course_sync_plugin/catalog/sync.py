"""Runs ``update_catalog_data``: reads the catalog's pages, and writes our table and then the course overviews.

A run may be killed at any point: the next one resumes from the last checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from course_sync_plugin.catalog.checkpoint import LeasedRun, requests_left
from course_sync_plugin.catalog.client.auth import catalog_access
from course_sync_plugin.catalog.client.client import CatalogClient, Limits, TimeIsUp
from course_sync_plugin.catalog.client.pages import Page, Place, first_place, pages
from course_sync_plugin.catalog.configuration import is_on, newest_configuration
from course_sync_plugin.catalog.counts import RunCounts
from course_sync_plugin.catalog.list_pass import ListPass
from course_sync_plugin.catalog.merge_records import RecordMerger
from course_sync_plugin.catalog.options import DRY, OFF, Options, Result
from course_sync_plugin.catalog.records.fields import current_ownership
from course_sync_plugin.catalog.records.rows import CatalogRow, read_row
from course_sync_plugin.catalog.restore import fill_ccx, restore_due
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import CatalogRecord, CatalogRun, CatalogSyncConfiguration
from course_sync_plugin.models.leases import LeaseLost

log = get_logger(__name__)

#: Rows merged at once, and the seconds after which fewer are merged. After a kill, the next run reads them again.
BATCH, BATCH_SECONDS = 400, 15.0
#: The most passes through the list, if course runs move while a pass reads it.
PASSES = 3
#: Course keys in one request: a URL has room for this many.
KEYS = 40
#: Seconds between two renewals of the lease while a run waits for the catalog.
_NAP = 10.0


def update_catalog_data(options: Options) -> Result:
    """Read the catalog and write its values into the course overviews; return the result.

    An error of the catalog is part of the result: the rows read before it are kept, and the next run resumes there.
    Raises AnotherRun if another run is under way, LeaseLost if another run took over.
    """
    configuration = newest_configuration()
    if not is_on(configuration):
        log.info("course_sync: catalog: switched off, nothing is done")
        return Result(OFF, RunCounts())
    leased_run = None if options.dry_run else LeasedRun(options.courses)
    log.info("course_sync: catalog: begin")
    result = _Update(options, configuration, leased_run).run()
    log.info(
        "course_sync: catalog: %s %s pages=%s requests=%s seconds=%.1f failures=%s refused=%s %s",
        "end" if result.state != CatalogRun.State.STOPPED else "stopped",
        result.run_counts.as_dict()["counts"], result.run_counts.pages, result.requests, result.seconds,
        len(result.run_counts.failures), dict(result.run_counts.refused), result.error,
    )  # fmt: skip
    return result


class _Update:
    """One run of ``update_catalog_data``. A dry run has no ``leased_run``."""

    def __init__(self, options: Options, configuration: CatalogSyncConfiguration, leased_run: LeasedRun | None):
        self.options = options
        self.configuration = configuration
        self.leased_run = leased_run
        self.run_counts = leased_run.run_counts if leased_run else RunCounts()
        self.page_size = options.page_size or configuration.page_size
        number = leased_run.run_record.pk if leased_run else -1
        self.merger = RecordMerger(
            number, current_ownership(configuration), self.run_counts, options.on_change, options.dry_run
        )
        self.began = time.monotonic()
        self.client: CatalogClient | None = None
        self.seen: set[str] = set()
        self.later = 0.0
        self.resumed = False

    def run(self) -> Result:
        error, done = "", False
        try:
            done = self._read()
        except LeaseLost:
            raise
        except TimeIsUp as later:
            self.later = later.seconds
        except CourseSyncError as problem:
            error = problem.message
            self.run_counts.failed(error)
            log.error("course_sync: catalog: %s", error)
            self._fill_ccx()  # from the rows read so far: the outage may last
        finally:
            self._end(done)
        return self._result(error, done)

    def _read(self) -> bool:
        """Read all course runs, or the chosen ones; False if the time is up first. Raises the client's errors."""
        if not self.options.dry_run:
            restore_due()
        with self._client() as self.client:
            done = self._read_courses(self.client) if self.options.courses else self._read_all(self.client)
        if done:
            self._fill_ccx()
        return done

    def _fill_ccx(self) -> None:
        parents = frozenset(self.options.courses)
        filled = fill_ccx(self.merger.ownership, self.options.on_change, self.options.dry_run, parents)
        self.run_counts.counts["ccx_filled"] += filled

    def _client(self) -> CatalogClient:
        configured = self.configuration
        configured.require_valid()
        timeout = (configured.connect_timeout, configured.read_timeout)
        limits = Limits(
            timeout,
            configured.wait_budget - self.options.waited,
            requests_left(configured.requests_per_hour),
            self.began + self.options.seconds,
        )
        return CatalogClient(catalog_access(timeout), limits, self._pause, self.run_counts.failed)

    def _read_courses(self, client: CatalogClient) -> bool:
        for start in range(0, len(self.options.courses), KEYS):
            keys = self.options.courses[start : start + KEYS]
            answer = client.get(Place("page", 1, len(keys)).query(), keys)
            self.run_counts.pages += 1
            rows = [row for row in map(read_row, answer["results"]) if row.key in keys]
            self.seen.update(row.key for row in rows)
            self._merge(rows)
            self._save({})
        return True

    def _stored_pass(self) -> dict[str, Any]:
        return self.leased_run.checkpoint if self.leased_run else {}

    def _read_all(self, client: CatalogClient) -> bool:
        list_pass = ListPass.resume(self._stored_pass(), client.url, self.page_size)
        self.resumed = list_pass.place is not None
        while True:
            if not self._pass(
                pages(client, list_pass.place or first_place(self.page_size), list_pass.count), list_pass
            ):
                return False
            unseen = self._unseen(list_pass)
            if not unseen or list_pass.passes == PASSES:
                self.run_counts.counts["unseen"] = unseen
                if unseen:
                    log.warning("course_sync: catalog: %s runs that the catalog counts are not in its list", unseen)
                return True
            log.info("course_sync: catalog: course runs moved while the list was read; reading it again")
            list_pass = list_pass.next_pass()

    def _pass(self, list_of_pages: Iterator[Page], list_pass: ListPass) -> bool:
        """Read the pages to the end of the list; False if the time is up first."""
        rows: list[CatalogRow] = []
        since = time.monotonic()
        try:
            for page in list_of_pages:
                self.run_counts.pages += 1
                rows.extend(list_pass.add_page(page))
                self.options.on_page(self.run_counts.counts["retrieved"] + len(rows), page.count)
                if len(rows) >= BATCH or time.monotonic() - since > BATCH_SECONDS:
                    self._flush(rows, list_pass)
                    rows, since = [], time.monotonic()
                    if page.next and time.monotonic() - self.began > self.options.seconds:
                        return False
        finally:
            self._flush(rows, list_pass)
        return True

    def _flush(self, rows: list[CatalogRow], list_pass: ListPass) -> None:
        if rows:
            self._merge(rows)
            self._save(list_pass.as_dict())

    def _merge(self, rows: list[CatalogRow]) -> None:
        if self.leased_run:
            self.leased_run.renew_lease()  # LeaseLost: another run took over, and these rows are out of date
        self.merger.merge(rows)

    def _unseen(self, list_pass: ListPass) -> int:
        """Return how many course runs the pass missed; 0 in a dry run, which stores no records to count.

        Empty records of CCX courses that were created meanwhile do not count as read.
        """
        if not self.leased_run:
            return 0
        seen = CatalogRecord.objects.filter(seen_at__gte=self.leased_run.run_record.began_at, run_number__gt=0)
        return list_pass.unseen(seen.count())

    def _save(self, list_pass: dict[str, Any]) -> None:
        if self.leased_run and self.client:
            self.leased_run.save_checkpoint(list_pass, self.client.requests)

    def _pause(self, seconds: float) -> None:
        """Sleep, and renew the lease meanwhile."""
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))
            if self.leased_run:
                self.leased_run.renew_lease()

    def _end(self, done: bool) -> None:
        requests = self.client.requests if self.client else 0
        if self.leased_run and done:
            self.leased_run.complete(requests)
        elif self.leased_run:
            self.leased_run.stop(requests)

    def _result(self, error: str, done: bool) -> Result:
        state = DRY if self.leased_run is None else str(self.leased_run.run_record.state)
        missing = tuple(sorted(set(self.options.courses) - self.seen)) if done else ()
        return Result(
            state,
            self.run_counts,
            time.monotonic() - self.began,
            self.client.requests if self.client else 0,
            self.options.waited + (self.client.waited if self.client else 0),
            self.later,
            error,
            more=not done and not error,
            resumed=self.resumed,
            missing=missing,
        )
