"""Prunes all tables once, or plans it. The nightly round of ``course_sync run`` is here too."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from datetime import time as time_of_day

import attrs
from django.db import transaction

from course_sync_plugin import toggles
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Activity, Run
from course_sync_plugin.upkeep.audit import record
from course_sync_plugin.upkeep.prune.archive import Archive, opened_archive
from course_sync_plugin.upkeep.prune.details import (
    note_closed_problems,
    old_attempts,
    old_inbound,
    old_jobs,
    old_problems,
    old_syncs,
)
from course_sync_plugin.upkeep.prune.journal import Kept, OldJournal, begin
from course_sync_plugin.upkeep.prune.rules import Rules
from course_sync_plugin.upkeep.prune.tables import ATTEMPTS, INBOUND, JOBS, PROBLEMS, SYNC_LOG, TABLES, Table
from course_sync_plugin.upkeep.summaries.store import store_finished_days

log = get_logger(__name__)

#: The hour (UTC) from which on the nightly prune may begin, and the seconds after which it ends. The next one goes on.
NIGHTLY_HOUR, NIGHTLY_SECONDS = 2, 1800.0


@attrs.define
class Pruned:
    """The result of a prune, or its plan.

    ``rows``: the number of rows that were (or would be) deleted, by table. ``kept``: the old rows of the journals that
    stay. ``days``: the number of days that were summarised. ``finished``: the time was not up before the end.
    ``archive``: the path of the archive.
    """

    rows: dict[str, int]
    kept: Kept
    days: int = 0
    finished: bool = True
    archive: str = ""


class Prune:
    """One prune of all tables. It can be ended and repeated at any time: what was deleted does not come back.

    ``archive``: a file or folder; rows are written there before they are deleted. ``seconds``: the time after which it
    ends before its next batch; None for no limit. Carry it out outside a transaction.
    """

    def __init__(self, archive: str = "", seconds: float | None = None):
        self.result = Pruned(dict.fromkeys((table.name for table in TABLES), 0), Kept())
        self._archive = archive
        self._ends_at = float("inf") if seconds is None else time.monotonic() + seconds

    def carry_out(self) -> Iterator[int]:
        """Summarise the days that are over, then delete what is old. Yield the number of rows after each batch.

        Raises ConfigurationError if the archive cannot be written.
        """
        with opened_archive(self._archive) if self._archive else nullcontext() as archive:
            self.result.archive = str(archive.path) if archive else ""
            self.result.days = store_finished_days(self._is_over)
            self.result.finished = not self._is_over()
            note_closed_problems()
            for table, keys in self._batches(_Walk(Rules.read(), carries_out=True)):
                if self._is_over():
                    self.result.finished = False
                    break
                if keys:
                    yield self._delete(table, keys, archive)
        log.info(
            "course_sync: prune days=%s finished=%s rows=%s", self.result.days, self.result.finished, self.result.rows
        )

    def plan(self) -> Pruned:
        """Return what :meth:`carry_out` would do now. Nothing is changed."""
        rules = Rules.read(summarised=Activity.read()[1])
        for table, keys in self._batches(_Walk(rules, carries_out=False)):
            self.result.rows[table.name] += len(keys)
        return self.result

    def _batches(self, walk: _Walk) -> Iterator[tuple[Table, Sequence[int]]]:
        self.result.kept = walk.journal.kept
        yield from walk.batches()

    def _delete(self, table: Table, keys: Sequence[int], archive: Archive | None) -> int:
        if archive and table.is_archived:
            archive.write(table, keys)
        number = table.delete(keys)
        self.result.rows[table.name] += number
        return number

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends_at


class _Walk:
    """The walk through all tables. Problems come before the journal, because an operation with a problem stays."""

    def __init__(self, rules: Rules, *, carries_out: bool):
        self._rules = rules
        self._doomed: set[int] = set()
        self.journal = OldJournal(rules, self._doomed, begin if carries_out else _would_begin)

    def batches(self) -> Iterator[tuple[Table, Sequence[int]]]:
        yield from ((ATTEMPTS, keys) for keys in old_attempts(self._rules.details))
        yield from ((SYNC_LOG, keys) for keys in old_syncs(self._rules.details))
        yield from ((INBOUND, keys) for keys in old_inbound(self._rules.inbound))
        yield from ((JOBS, keys) for keys in old_jobs(self._rules.details))
        yield from ((PROBLEMS, keys) for keys in old_problems(self._rules.problems, self._doomed))
        yield from self.journal.batches()


@transaction.atomic
def record_prune(pruned: Pruned) -> None:
    """Record a prune that an operator carried out. The nightly one is no action of an operator."""
    record("prune", arguments={"archive": bool(pruned.archive)}, changed={**pruned.rows, "finished": pruned.finished})


def prune(archive: str = "", seconds: float | None = None) -> Pruned:
    """Delete the rows that are old and that nothing needs (:class:`Prune`); return what was done.

    Raises ConfigurationError if the archive cannot be written.
    """
    one = Prune(archive, seconds)
    for _number in one.carry_out():
        pass
    return one.result


def prune_nightly() -> Pruned | None:
    """Prune if no process has done so since 02:00 (UTC). Return None if one has, or if the sync is stopped."""
    if toggles.is_stopped():
        return None
    _row, now = Activity.read()
    return prune(seconds=NIGHTLY_SECONDS) if Activity.claim_prune(_last_night(now)) else None


def _last_night(now: datetime) -> datetime:
    """Return the last moment at which a nightly prune could begin."""
    tonight = datetime.combine(now.date(), time_of_day(NIGHTLY_HOUR), now.tzinfo)
    return tonight if tonight <= now else tonight - timedelta(days=1)


def _would_begin(_run: Run) -> bool:
    return True
