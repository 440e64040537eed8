"""Merges rows of the catalog into our table, and from there into course overviews.

It takes four statements for up to 500 course runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from course_sync_plugin.catalog import course_overviews
from course_sync_plugin.catalog.counts import RunCounts
from course_sync_plugin.catalog.course_overviews import Columns
from course_sync_plugin.catalog.records.fields import Ownership
from course_sync_plugin.catalog.records.rows import CatalogRow
from course_sync_plugin.catalog.records.values import as_moment
from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import CatalogRecord, bulk, digest_of

log = get_logger(__name__)

#: A publish that read an overview before we wrote it may write the old values back. The overview is checked again after
#: this time.
CHECK_AGAIN_AFTER = timedelta(seconds=60)
_WRITTEN = ["key", "values", "refused", "drift", "seen_at", "changed_at", "run_number", "check_at"]


@attrs.frozen
class Change:
    """A change of one column of an overview."""

    course_key: str
    column: str
    old: Any
    new: Any


@attrs.frozen
class RecordState:
    """The content of a catalog record in our table."""

    values: Mapping[str, Any]
    drift: Mapping[str, str]
    refused: str
    changed_at: datetime
    run_number: int = 0
    check_at: datetime | None = None

    def has_same_content(self, other: RecordState) -> bool:
        """Tell whether values, drift and refusal are the same."""
        return (self.values, self.drift, self.refused) == (other.values, other.drift, other.refused)


@attrs.frozen
class RecordMerger:
    """Merges rows for one run. It calls ``changed`` with every column that changes; ``dry``: it writes nothing."""

    run_number: int
    ownership: Ownership
    run_counts: RunCounts
    changed: Callable[[Change], None]
    dry: bool = False

    def merge(self, rows: Iterable[CatalogRow]) -> None:
        """Merge rows. If two rows are for the same course, the later one counts."""
        latest: dict[str, CatalogRow] = {}
        for row in rows:
            digest = digest_of(row.key) if row.key else ""
            self.run_counts.counts["repeated"] += digest in latest
            if digest:
                latest[digest] = row
            else:
                self._count(row, None, {})
        for part in course_overviews.chunks(list(latest.items())):
            self._merge(dict(part))

    def _merge(self, rows: Mapping[str, CatalogRow]) -> None:
        """Read everything, then write our table, then the overviews.

        In this order, a process that sees a new value in an overview also finds it in our table.
        """
        stored = _stored_states(list(rows))
        overviews = course_overviews.read(row.key for row in rows.values() if not row.refused)
        other_case = {key.lower() for key in overviews}
        now = datetime.now(UTC)
        records, same, old, new = [], [], {}, {}
        for digest, given in rows.items():
            overview = overviews.get(given.key)
            is_other = overview is None and given.key.lower() in other_case
            row = attrs.evolve(given, refused="differs only in case from a course of this site") if is_other else given
            before = stored.get(digest)
            state = self._new_state(row, before, overview, now)
            changes = differences(self.ownership.wanted(state.values), overview) if overview and not row.refused else {}
            if overview and changes:
                old[row.key], new[row.key] = overview, changes
            if before is not None and before.run_number == self.run_number:
                self.run_counts.counts["repeated"] += 1
            else:
                self._count(row, overview, changes)
                self.run_counts.counts["drifting"] += bool(state.drift)
            if before is not None and before.has_same_content(state) and not changes:
                same.append(digest)
            else:
                records.append(self._record(digest, row, state, now, check_again=bool(changes)))
        self._touch(same, now)
        self._write(records, old, new)

    def _new_state(
        self, row: CatalogRow, before: RecordState | None, overview: Columns | None, now: datetime
    ) -> RecordState:
        """Return the new content of a record: a valid value replaces the old one, anything else keeps it."""
        values = {**before.values, **row.values} if before else row.values
        drift = self.ownership.differing(values, overview) if overview else {}
        since = before.drift if before else {}
        changed_at = before.changed_at if before and before.values == values else now
        drifting = {column: since.get(column) or as_moment(now) for column in drift}
        return RecordState(values, drifting, row.refused, changed_at, check_at=before.check_at if before else None)

    def _record(
        self, digest: str, row: CatalogRow, state: RecordState, now: datetime, check_again: bool
    ) -> CatalogRecord:
        """Build a record. ``check_at`` is by this machine's clock: a small error does no harm here."""
        return CatalogRecord(
            key=row.key[:LONGEST_KEY],
            key_digest=digest,
            values=state.values,
            refused=state.refused,
            drift=state.drift,
            seen_at=now,
            changed_at=state.changed_at,
            run_number=self.run_number,
            check_at=now + CHECK_AGAIN_AFTER if check_again else state.check_at,
        )

    def _touch(self, digests: list[str], now: datetime) -> None:
        """Mark unchanged records as seen. Their content is not written again."""
        if digests and not self.dry:
            records = CatalogRecord.objects.filter(key_digest__in=digests)
            records.update(seen_at=now, run_number=self.run_number)

    def _count(self, row: CatalogRow, overview: Columns | None, changes: Mapping[str, Any]) -> None:
        counts = self.run_counts.counts
        counts["retrieved"] += 1
        if row.refused:
            counts["refused"] += 1
            self.run_counts.refused[row.refused] += 1
            log.warning("course_sync: catalog: %r refused: %s", row.key, row.refused)
            return
        for column, why in row.kept.items():
            if column in self.ownership.written:
                self.run_counts.kept[f"{column}: {why}"] += 1
        counts["unknown" if overview is None else "matched"] += 1
        if overview is not None:
            counts["changed" if changes else "unchanged"] += 1

    def _write(self, records: list[CatalogRecord], old: Mapping[str, Columns], new: Mapping[str, Columns]) -> None:
        if not self.dry and records:
            bulk.upsert(records, _WRITTEN, ["key_digest"])
        write(old, new, self.changed, self.dry)


def _stored_states(digests: list[str]) -> dict[str, RecordState]:
    columns = [field.name for field in attrs.fields(RecordState)]
    rows = CatalogRecord.objects.filter(key_digest__in=digests).values_list("key_digest", *columns)
    return {digest: RecordState(*values) for digest, *values in rows}


def differences(wanted: Columns, overview: Columns) -> dict[str, Any]:
    """Return the wanted columns that have another value in the overview."""
    return {column: value for column, value in wanted.items() if overview[column] != value}


def write(
    old: Mapping[str, Columns], new: Mapping[str, Columns], changed: Callable[[Change], None], dry: bool = False
) -> None:
    """Write the new columns of overviews. Each change is reported and logged: the log is the history of changes."""
    for key, columns in new.items():
        for column, value in columns.items():
            changed(Change(key, column, old[key][column], value))
            log.info("course_sync: catalog: %s %s: %r -> %r", key, column, old[key][column], value)
    if not dry:
        course_overviews.write(old, new)
