"""``update_catalog_data``: pages of the catalog, our table, course overviews, in an order that may end anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from course_sync_plugin.catalog.absorb import Absorber
from course_sync_plugin.catalog.auth import catalog_access
from course_sync_plugin.catalog.client import CatalogClient, Limits, TimeIsUp
from course_sync_plugin.catalog.configuration import is_on, newest_configuration
from course_sync_plugin.catalog.fields import current_ownership
from course_sync_plugin.catalog.options import DRY, OFF, Options, Result
from course_sync_plugin.catalog.paging import Page, Place, first_place, pages
from course_sync_plugin.catalog.rows import CatalogRow, read_row
from course_sync_plugin.catalog.session import Session, requests_left
from course_sync_plugin.catalog.survival import fill_ccx, restore_due
from course_sync_plugin.catalog.tally import Tally
from course_sync_plugin.catalog.walk import Walk
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.leases import LeaseLost
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import CatalogRecord, CatalogRun, CatalogSyncConfiguration

log = get_logger(__name__)

#: Rows taken in at once, and the seconds after which fewer are: what a killed run has to ask for again.
BATCH, BATCH_SECONDS = 400, 15.0
#: How often the list is read where runs move while it is.
PASSES = 3
#: Keys named in one request: an address has room for so many.
KEYS = 40
#: Seconds between two signs of life while a run waits for the catalog.
_NAP = 10.0


def update_catalog_data(options: Options) -> Result:
    """Read the catalog and bring what it says into the course overviews; say how it went. Raises AnotherRun.

    An error of the catalog is part of the result: what was read up to then is kept, and the next run goes on there.
    """
    configuration = newest_configuration()
    if not is_on(configuration):
        log.info("course_sync: catalog: switched off, nothing is done")
        return Result(OFF, Tally())
    session = None if options.dry_run else Session(options.courses)
    log.info("course_sync: catalog: begin")
    result = _Update(options, configuration, session).run()
    log.info(
        "course_sync: catalog: %s %s pages=%s requests=%s seconds=%.1f failures=%s refused=%s %s",
        "end" if result.state != CatalogRun.State.STOPPED else "stopped",
        result.tally.as_dict()["counts"], result.tally.pages, result.requests, result.seconds,
        len(result.tally.failures), dict(result.tally.refused), result.error,
    )  # fmt: skip
    return result


class _Update:
    """One run at work."""

    def __init__(self, options: Options, configuration: CatalogSyncConfiguration, session: Session | None):
        self.options = options
        self.configuration = configuration
        self.session = session
        self.tally = session.tally if session else Tally()
        self.page_size = options.page_size or configuration.page_size
        number = session.run.pk if session else -1
        self.absorber = Absorber(
            number, current_ownership(configuration), self.tally, options.on_change, options.dry_run
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
            self.tally.failed(error)
            log.error("course_sync: catalog: %s", error)
            self._fill_ccx()  # with what was read up to then: an outage may last
        finally:
            self._end(done)
        return self._result(error, done)

    def _read(self) -> bool:
        """Read everything there is to read; False where the time is up before. Raises what the client raises."""
        if not self.options.dry_run:
            restore_due()
        with self._client() as self.client:
            done = self._read_courses(self.client) if self.options.courses else self._read_all(self.client)
        if done:
            self._fill_ccx()
        return done

    def _fill_ccx(self) -> None:
        parents = frozenset(self.options.courses)
        filled = fill_ccx(self.absorber.ownership, self.options.on_change, self.options.dry_run, parents)
        self.tally.counts["ccx_filled"] += filled

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
        return CatalogClient(catalog_access(timeout), limits, self._pause, self.tally.failed)

    def _read_courses(self, client: CatalogClient) -> bool:
        for start in range(0, len(self.options.courses), KEYS):
            keys = self.options.courses[start : start + KEYS]
            answer = client.get(Place("page", 1, len(keys)).query(), keys)
            self.tally.pages += 1
            rows = [row for row in map(read_row, answer["results"]) if row.key in keys]
            self.seen.update(row.key for row in rows)
            self._absorb(rows)
            self._save({})
        return True

    def _read_all(self, client: CatalogClient) -> bool:
        walk = Walk.left_at(self.session.checkpoint if self.session else {}, client.url, self.page_size)
        self.resumed = walk.place is not None
        while True:
            if not self._pass(pages(client, walk.place or first_place(self.page_size), walk.count), walk):
                return False
            unseen = self._unseen(walk)
            if not unseen or walk.passes == PASSES:
                self.tally.counts["unseen"] = unseen
                if unseen:
                    log.warning("course_sync: catalog: %s runs that it counts are not in its list", unseen)
                return True
            log.info("course_sync: catalog: runs moved while they were read; reading again")
            walk = walk.again()

    def _pass(self, list_of_pages: Iterator[Page], walk: Walk) -> bool:
        """Take in the pages to the end of the list; False where the time is up before."""
        rows: list[CatalogRow] = []
        since = time.monotonic()
        try:
            for page in list_of_pages:
                self.tally.pages += 1
                rows.extend(walk.take(page))
                self.options.on_page(self.tally.counts["retrieved"] + len(rows), page.count)
                if len(rows) >= BATCH or time.monotonic() - since > BATCH_SECONDS:
                    self._flush(rows, walk)
                    rows, since = [], time.monotonic()
                    if page.next and time.monotonic() - self.began > self.options.seconds:
                        return False
        finally:
            self._flush(rows, walk)
        return True

    def _flush(self, rows: list[CatalogRow], walk: Walk) -> None:
        if rows:
            self._absorb(rows)
            self._save(walk.as_dict())

    def _absorb(self, rows: list[CatalogRow]) -> None:
        if self.session:
            self.session.keep()  # whoever was overtaken meanwhile has old values, and writes none
        self.absorber.absorb(rows)

    def _unseen(self, walk: Walk) -> int:
        """How many runs slipped past; a dry run keeps no record of those that it saw.

        Empty records of CCX courses that were made meanwhile are no runs that were seen.
        """
        if not self.session:
            return 0
        seen = CatalogRecord.objects.filter(seen_at__gte=self.session.run.began_at, run_number__gt=0)
        return walk.unseen(seen.count())

    def _save(self, walk: dict[str, Any]) -> None:
        if self.session and self.client:
            self.session.save(walk, self.client.requests)

    def _pause(self, seconds: float) -> None:
        """Sleep, and hold the lease meanwhile."""
        ends_at = time.monotonic() + seconds
        while (left := ends_at - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))
            if self.session:
                self.session.keep()

    def _end(self, done: bool) -> None:
        requests = self.client.requests if self.client else 0
        if self.session and done:
            self.session.complete(requests)
        elif self.session:
            self.session.stop(requests)

    def _result(self, error: str, done: bool) -> Result:
        state = DRY if self.session is None else str(self.session.run.state)
        missing = tuple(sorted(set(self.options.courses) - self.seen)) if done else ()
        return Result(
            state,
            self.tally,
            time.monotonic() - self.began,
            self.client.requests if self.client else 0,
            self.options.waited + (self.client.waited if self.client else 0),
            self.later,
            error,
            more=not done and not error,
            resumed=self.resumed,
            missing=missing,
        )
