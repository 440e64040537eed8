"""Rows of the catalog into our table, and from there into course overviews: four statements for up to 500 runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from django.db import connection

from course_sync_plugin import bulk
from course_sync_plugin.catalog import course_overviews
from course_sync_plugin.catalog.course_overviews import Columns
from course_sync_plugin.catalog.fields import Ownership
from course_sync_plugin.catalog.rows import CatalogRow
from course_sync_plugin.catalog.tally import Tally
from course_sync_plugin.catalog.values import as_moment
from course_sync_plugin.data import LONGEST_KEY
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import CatalogRecord, digest_of

log = get_logger(__name__)

#: A publish that read an overview before we wrote it may write it back as it was: look again after a while.
LOOK_AGAIN = timedelta(seconds=60)
_WRITTEN = ["key", "values", "refused", "drift", "seen_at", "changed_at", "run_number", "check_at"]


@attrs.frozen
class Change:
    """A column of an overview that gets another value."""

    course_key: str
    column: str
    old: Any
    new: Any


@attrs.frozen
class Known:
    """What stands in a record."""

    values: Mapping[str, Any]
    drift: Mapping[str, str]
    refused: str
    changed_at: datetime
    run_number: int = 0
    check_at: datetime | None = None

    def says(self, other: Known) -> bool:
        """Tell whether another one says the same."""
        return (self.values, self.drift, self.refused) == (other.values, other.drift, other.refused)


@attrs.frozen
class Absorber:
    """Takes rows in for one run. ``changed`` is told every column that changes; ``dry``: nothing is written."""

    run_number: int
    ownership: Ownership
    tally: Tally
    changed: Callable[[Change], None]
    dry: bool = False

    def absorb(self, rows: Iterable[CatalogRow]) -> None:
        """Take rows in; of two for one course the later one holds."""
        latest: dict[str, CatalogRow] = {}
        for row in rows:
            digest = digest_of(row.key) if row.key else ""
            self.tally.counts["repeated"] += digest in latest
            if digest:
                latest[digest] = row
            else:
                self._count(row, None, {})
        for part in course_overviews.chunks(list(latest.items())):
            self._absorb(dict(part))

    def _absorb(self, rows: Mapping[str, CatalogRow]) -> None:
        """Everything is read first, then our table is written, then the overviews: whoever looks later finds both."""
        known = _known(list(rows))
        overviews = course_overviews.read(row.key for row in rows.values() if not row.refused)
        other_case = {key.lower() for key in overviews}
        now = datetime.now(UTC)
        records, same, old, new = [], [], {}, {}
        for digest, given in rows.items():
            overview = overviews.get(given.key)
            is_other = overview is None and given.key.lower() in other_case
            row = attrs.evolve(given, refused="differs in case alone from a course of this site") if is_other else given
            before = known.get(digest)
            said = self._said(row, before, overview, now)
            changes = differences(self.ownership.wanted(said.values), overview) if overview and not row.refused else {}
            if changes:
                old[row.key], new[row.key] = overview, changes
            if before is not None and before.run_number == self.run_number:
                self.tally.counts["repeated"] += 1
            else:
                self._count(row, overview, changes)
                self.tally.counts["drifting"] += bool(said.drift)
            if before is not None and before.says(said) and not changes:
                same.append(digest)
            else:
                records.append(self._record(digest, row, said, now, look_again=bool(changes)))
        self._touch(same, now)
        self._write(records, old, new)

    def _said(self, row: CatalogRow, before: Known | None, overview: Columns | None, now: datetime) -> Known:
        """Return what the record is to say: a valid value replaces the one before, anything else keeps it."""
        values = {**before.values, **row.values} if before else row.values
        drift = self.ownership.differing(values, overview) if overview else {}
        since = before.drift if before else {}
        changed_at = before.changed_at if before and before.values == values else now
        drifting = {column: since.get(column) or as_moment(now) for column in drift}
        return Known(values, drifting, row.refused, changed_at, check_at=before.check_at if before else None)

    def _record(self, digest: str, row: CatalogRow, said: Known, now: datetime, look_again: bool) -> CatalogRecord:
        """A minute by this machine's clock: whether it is quite the database's makes no difference here."""
        return CatalogRecord(
            key=row.key[:LONGEST_KEY],
            key_digest=digest,
            values=said.values,
            refused=said.refused,
            drift=said.drift,
            seen_at=now,
            changed_at=said.changed_at,
            run_number=self.run_number,
            check_at=now + LOOK_AGAIN if look_again else said.check_at,
        )

    def _touch(self, digests: list[str], now: datetime) -> None:
        """Records that say what they said are not written again: they were seen."""
        if digests and not self.dry:
            records = CatalogRecord.objects.filter(key_digest__in=digests)
            records.update(seen_at=now, run_number=self.run_number)

    def _count(self, row: CatalogRow, overview: Columns | None, changes: Mapping[str, Any]) -> None:
        counts = self.tally.counts
        counts["retrieved"] += 1
        if row.refused:
            counts["refused"] += 1
            self.tally.refused[row.refused] += 1
            log.warning("course_sync: catalog: %r refused: %s", row.key, row.refused)
            return
        for column, why in row.kept.items():
            if column in self.ownership.written:
                self.tally.kept[f"{column}: {why}"] += 1
        counts["unknown" if overview is None else "matched"] += 1
        if overview is not None:
            counts["changed" if changes else "unchanged"] += 1

    def _write(self, records: list[CatalogRecord], old: Mapping[str, Columns], new: Mapping[str, Columns]) -> None:
        if not self.dry and records:
            # MySQL takes any unique key for the conflict and cannot be told which.
            unique = ["key_digest"] if connection.features.supports_update_conflicts_with_target else None
            bulk.insert(records, update_conflicts=True, update_fields=_WRITTEN, unique_fields=unique)
        write(old, new, self.changed, self.dry)


def _known(digests: list[str]) -> dict[str, Known]:
    columns = [field.name for field in attrs.fields(Known)]
    rows = CatalogRecord.objects.filter(key_digest__in=digests).values_list("key_digest", *columns)
    return {digest: Known(*values) for digest, *values in rows}


def differences(wanted: Columns, overview: Columns) -> dict[str, Any]:
    """Return the columns that an overview should have and has not."""
    return {column: value for column, value in wanted.items() if overview[column] != value}


def write(
    old: Mapping[str, Columns], new: Mapping[str, Columns], changed: Callable[[Change], None], dry: bool = False
) -> None:
    """Give overviews their new columns, and tell and log each: this log is their history."""
    for key, columns in new.items():
        for column, value in columns.items():
            changed(Change(key, column, old[key][column], value))
            log.info("course_sync: catalog: %s %s: %r -> %r", key, column, old[key][column], value)
    if not dry:
        course_overviews.write(old, new)
