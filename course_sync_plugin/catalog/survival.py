"""Catalog columns come back from our own table: to overviews that were made again, and to those of CCX courses.

An overview's row is made again when its course is deleted and comes back, and a publish that read the row before we
wrote it puts the old values back with the rest. Neither needs the catalog to be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from course_sync_plugin import bulk
from course_sync_plugin.catalog import course_overviews
from course_sync_plugin.catalog.absorb import Change, differences, write
from course_sync_plugin.catalog.configuration import is_on, newest_configuration
from course_sync_plugin.catalog.course_overviews import Columns
from course_sync_plugin.catalog.fields import Ownership, current_ownership
from course_sync_plugin.catalog.rows import parent_of
from course_sync_plugin.models import CatalogRecord, DatabaseNow, digest_of

#: The column that a CCX has from its parent; all others it has from its own coach.
_INHERITED = "marketing_url"


def note_created(key: str) -> None:
    """Remember that an overview was made, so that it is looked at even if no task comes through: one or two statements.

    A CCX has no record of its own as a rule; it gets an empty one if its parent has one.
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
    """Put the catalog columns of these overviews back where they are not as recorded; return how many changed."""
    configuration = newest_configuration()
    if not is_on(configuration):
        return 0
    ownership = current_ownership(configuration)
    wanted = sorted(set(keys))
    return sum(put_back(course_overviews.read(part), ownership) for part in course_overviews.chunks(wanted))


def restore_due() -> int:
    """Restore every overview that is due for a look; return how many changed. Three statements where none is due."""
    changed = 0
    while is_on(newest_configuration()):
        due = CatalogRecord.objects.filter(check_at__lte=DatabaseNow()).order_by("check_at")
        rows = list(due.values_list("pk", "key", "check_at")[: course_overviews.CHUNK])
        if not rows:
            break
        changed += restore(key for _pk, key, _at in rows)
        # Below the next microsecond: SQLite compares texts, and "43.000", as it writes them itself, is more than "43".
        until = max(at for _pk, _key, at in rows) + timedelta(microseconds=1)
        CatalogRecord.objects.filter(pk__in=[pk for pk, _key, _at in rows], check_at__lt=until).update(check_at=None)
    return changed


def put_back(
    overviews: Mapping[str, Columns],
    ownership: Ownership,
    changed: Callable[[Change], None] = lambda change: None,
    dry: bool = False,
) -> int:
    """Give overviews what our table says, a CCX its parent's URL; return how many changed. One query reads it."""
    parents = {key: parent_of(key) for key in overviews}
    keys = {*overviews, *filter(None, parents.values())}
    values = _recorded(keys)
    new = {}
    for key, overview in overviews.items():
        inherited = values.get(parents[key] or "", {})
        said = {name: inherited[name] for name in [_INHERITED] if name in inherited} | values.get(key, {})
        changes = differences(ownership.wanted(said), overview)
        if changes:
            new[key] = changes
    write(overviews, new, changed, dry)
    return len(new)


def fill_ccx(
    ownership: Ownership, changed: Callable[[Change], None], dry: bool, parents: frozenset[str] = frozenset()
) -> int:
    """Give overviews of CCX courses their catalog columns (``parents``: of these alone); return how many changed."""
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
