"""``queries.py``: counts the queries of a publish in the author's request, and of syncs with few and many changes."""

from __future__ import annotations

import json

import attrs
import host
from courses import COURSE_ID, changed_course, plain_course, structure_of

#: Entities of the course, and the numbers of changes. All fit into one chunk, so the queries must not grow.
SIZE, CHANGES = 5000, (1, 5, 50)


def main() -> None:
    """Print the result as JSON."""
    host.start()
    print(json.dumps({"author": author(), **syncs()}))


def author() -> list[str]:
    """Return the statements that the receiver of a publish executes in the author's transaction."""
    from django.db import transaction
    from opaque_keys.edx.keys import CourseKey

    from course_sync_plugin.signals.handlers import on_course_published

    course_key = CourseKey.from_string(COURSE_ID)
    with transaction.atomic(), host.counted() as statements:
        on_course_published(sender=None, course_key=course_key)
    return statements


def syncs() -> dict[str, int | dict[int, int]]:
    """Return the number of queries of syncs that find nothing new, and of syncs that find ``CHANGES`` operations."""
    from course_sync_plugin.models import JournalOperation, Marker, Run

    plain = plain_course(SIZE)
    structure = structure_of(plain, "1")
    host.record(structure)
    Marker.put(COURSE_ID)
    same_version = _sync(structure)
    Marker.put(COURSE_ID)
    written = Run.objects.count(), JournalOperation.objects.count()
    same_content = _sync(attrs.evolve(structure, published_version="2"))
    written_for_nothing = sum((Run.objects.count(), JournalOperation.objects.count())) - sum(written)
    recorded = {}
    for at, changes in enumerate(CHANGES, 3):
        plain = _updated(plain, changes, at)
        recorded[changes] = _sync(structure_of(plain, str(at)))
    many = changed_course(plain, 40)
    operations = JournalOperation.objects.count()
    queries = _sync(structure_of(many, "99"))
    return {
        "same version": same_version,
        "same content": same_content,
        "written for nothing": written_for_nothing,
        "recorded": recorded,
        "many": {JournalOperation.objects.count() - operations: queries},
    }


def _updated(plain, changes: int, seed: int):
    """Return a copy of the course with ``changes`` updates."""
    copy = json.loads(json.dumps(plain))
    rows = [row for row in copy["entities"].values() if row["entity_type"] == "component"]
    for row in rows[:changes]:
        row["fields"]["content_digest"] = f"{seed:064x}"
    return copy


def _sync(structure) -> int:
    """Return the number of queries of a sync. The kill switch is in the cache, as in a site with a shared cache."""
    from course_sync_plugin.toggles import is_stopped

    is_stopped()  # the sandbox keeps it in its cache for one second
    with host.counted() as statements:
        host.record(structure)
    return len(host.queries(statements))


if __name__ == "__main__":
    main()
