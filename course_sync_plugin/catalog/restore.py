"""Restores catalog columns from our own table: in overviews that were created again, and in those of CCX courses.

The platform creates an overview again when a deleted course comes back. A publish that read an overview before we wrote
it writes the old values back with the rest of the row. Both are repaired without a request to the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from course_sync_plugin.catalog import course_overviews
from course_sync_plugin.catalog.configuration import is_on, newest_configuration
from course_sync_plugin.catalog.course_overviews import Columns
from course_sync_plugin.catalog.merge_records import Change, differences, write
from course_sync_plugin.catalog.records.fields import Ownership, current_ownership
from course_sync_plugin.catalog.records.rows import parent_of
from course_sync_plugin.models import CatalogRecord, DatabaseNow, bulk, digest_of

#: The only column that a CCX inherits from its parent; its own coach sets all others.
_INHERITED = "marketing_url"


def note_created(key: str) -> None:
    """Record that an overview was created, so that it is checked even if its task is lost. One or two statements.

    A CCX usually has no record of its own. It gets an empty one if its parent has a record.
    """
    if CatalogRecord.objects.filter(key_digest=digest_of(key)).update(check_at=DatabaseNow()):
        return
    parent = parent_of(key)
    if parent and CatalogRecord.objects.filter(key_digest=digest_of(parent)).exists():
        now = datetime.now(UTC)
        empty = CatalogRecord(
            key=key, key_digest=digest_of(key), seen_at=now, changed_at=now, run_number=0, check_at=DatabaseNow()
        )
        bulk.insert([empty], ignore_conflicts=True)


def restore(keys: Iterable[str]) -> int:
    """Restore the catalog columns of these overviews from our records; return how many overviews changed."""
    configuration = newest_configuration()
    if not is_on(configuration):
        return 0
    ownership = current_ownership(configuration)
    wanted = sorted(set(keys))
    return sum(put_back(course_overviews.read(part), ownership) for part in course_overviews.chunks(wanted))


def restore_due() -> int:
    """Restore every overview whose check is due; return how many changed. Three statements if none is due."""
    changed = 0
    while is_on(newest_configuration()):
        due = CatalogRecord.objects.filter(check_at__lte=DatabaseNow()).order_by("check_at")
        rows = list(due.values_list("pk", "key", "check_at")[: course_overviews.CHUNK])
        if not rows:
            break
        changed += restore(key for _pk, key, _at in rows)
        # One microsecond more: SQLite compares times as text, and its own form "43.000" is greater than "43".
        until = max(at for _pk, _key, at in rows if at) + timedelta(microseconds=1)
        CatalogRecord.objects.filter(pk__in=[pk for pk, _key, _at in rows], check_at__lt=until).update(check_at=None)
    return changed


def put_back(
    overviews: Mapping[str, Columns],
    ownership: Ownership,
    changed: Callable[[Change], None] = lambda change: None,
    dry: bool = False,
) -> int:
    """Write our records' values into overviews; return how many changed. One query reads the records.

    A CCX without a URL of its own gets its parent's URL.
    """
    parents = {key: parent_of(key) for key in overviews}
    keys = {*overviews, *filter(None, parents.values())}
    values = _recorded(keys)
    new = {}
    for key, overview in overviews.items():
        inherited = values.get(parents[key] or "", {})
        recorded = {name: inherited[name] for name in [_INHERITED] if name in inherited}
        recorded |= values.get(key, {})
        changes = differences(ownership.wanted(recorded), overview)
        if changes:
            new[key] = changes
    write(overviews, new, changed, dry)
    return len(new)


def fill_ccx(
    ownership: Ownership, changed: Callable[[Change], None], dry: bool, parents: frozenset[str] = frozenset()
) -> int:
    """Write the catalog columns of CCX courses; return how many overviews changed.

    ``parents``: only the CCX courses of these parents; empty: all.
    """
    filled = 0
    last = ""
    while part := course_overviews.ccx_after(last):
        last = list(part)[-1]
        chosen = {key: columns for key, columns in part.items() if not parents or parent_of(key) in parents}
        filled += put_back(chosen, ownership, changed, dry) if chosen else 0
    return filled


def _recorded(keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    digests = [digest_of(key) for key in keys]
    records = CatalogRecord.objects.filter(key_digest__in=digests, refused="")
    return {record.key: record.values for record in records}
