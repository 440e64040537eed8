"""Records what a sync found.

The run, its operations, the entities and the version are written in one transaction, under the course's lease. After
the commit the markers that the sync has read are deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
from django.db import Error, transaction

from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.handlers import FIELD_SET_VERSION
from course_sync_plugin.journal.append import append
from course_sync_plugin.journal.entities import StoredRow
from course_sync_plugin.lanes.due import wake_lanes
from course_sync_plugin.lanes.priority import is_urgent
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import (
    Course,
    DatabaseNow,
    Entity,
    HeldRun,
    Marker,
    Run,
    RunKind,
    bulk,
    digest_of,
    leases,
)

log = get_logger(__name__)

_COLUMNS = ["entity_type", "block_type", "parent_id", "index", "fields", "digest", "revision"]


@attrs.frozen
class Finding:
    """The result of a comparison, ready to be recorded.

    ``new``: the structure to record. ``rows``: the entities recorded now, by entity id. ``digests``: the digests of the
    new fields, by entity id. ``structure_digest``: the digest of the structure as it was read.
    """

    kind: RunKind
    new: Structure
    rows: Mapping[str, StoredRow]
    digests: Mapping[str, str]
    structure_digest: str
    operations: Sequence[Operation]


def record(
    course: Course,
    token: str,
    finding: Finding,
    marker_ids: Sequence[int],
    seconds: float,
    recorded: Callable[[Run], object] = lambda run: None,
) -> Run | None:
    """Record a finding and release the lease. Returns the run, or None if the finding has no operations.

    ``seconds``: the time that the sync has taken so far. ``recorded`` is called with the run at the end of the
    transaction. Raises LeaseLost if another worker has taken over the course; then nothing is written. So an older
    structure never overwrites a newer one.
    """
    with transaction.atomic():
        _release(course, token, finding.new.published_version, structure_digest=finding.structure_digest)
        course.refresh_from_db()
        run = None
        if finding.operations:
            incomplete = bool(finding.new.unreadable)
            run = append(course, finding.operations, finding.kind, seconds=seconds, incomplete=incomplete)
        _write_entities(course, finding)
        HeldRun.objects.filter(course=course).delete()
        if run:
            wake_lanes(course, urgent=is_urgent(finding.operations))
            recorded(run)
    delete_markers(marker_ids)
    return run


def record_unchanged(course: Course, token: str, published_version: str, marker_ids: Sequence[int]) -> None:
    """Release the lease after a publish that changed nothing: store the new version and discard a held run.

    Raises LeaseLost if another worker has taken over the course; then nothing is written.
    """
    with transaction.atomic():
        _release(course, token, published_version)
        if hasattr(course, "held"):
            course.held.delete()
    delete_markers(marker_ids)


def delete_markers(marker_ids: Iterable[int]) -> None:
    """Delete exactly the markers that the sync has read; a marker put since then stays.

    Call this function after the commit of the run. A process that dies in between leaves markers of a version that is
    already recorded: the next sync compares the versions and deletes them. Each marker is deleted by its key, in a
    transaction of its own: for ``id IN (…)`` MariaDB scans a small table and waits for rows that authors have not
    committed yet, and at REPEATABLE READ it would block the INSERTs of authors until the commit.
    """
    with _marker_errors_logged():
        for marker_id in marker_ids:
            Marker.objects.filter(pk=marker_id).delete()


def postpone_markers(marker_ids: Iterable[int], seconds: float) -> None:
    """Postpone markers by ``seconds``. Each is updated by its key, for the reason given at :func:`delete_markers`."""
    with _marker_errors_logged():
        for marker_id in marker_ids:
            Marker.objects.filter(pk=marker_id).update(seen_at=DatabaseNow(seconds))


@contextmanager
def _marker_errors_logged() -> Iterator[None]:
    """Log a database error instead of raising it: the run is committed, and the next sync reads the marker again."""
    try:
        yield
    except Error as error:
        log.warning(
            "course_sync: the markers that were read could not be deleted or postponed (%s); the next sync looks at "
            "them again",
            type(error).__name__,
        )


def _release(course: Course, token: str, published_version: str, **values: Any) -> None:
    leases.release(
        course,
        token,
        published_version=published_version,
        # Never lowered. In a rolling deploy a worker of the older release does not know the newest fields; the next
        # sync by a worker of the newer release then sends the changes in them.
        field_set_version=max(FIELD_SET_VERSION, course.field_set_version),
        attempts=0,
        last_error="",
        **values,
    )


def _write_entities(course: Course, finding: Finding) -> None:
    bulk.upsert(_changed_entities(course, finding), _COLUMNS, ["course", "id_digest"])
    gone = [row.pk for entity_id, row in finding.rows.items() if entity_id not in finding.new.entities]
    for keys in bulk.chunks(gone):
        Entity.objects.filter(pk__in=keys).delete()


def _changed_entities(course: Course, finding: Finding) -> Iterable[Entity]:
    """Yield the rows of entities whose fields or place differ from the recorded ones, or that an operation names.

    The revision counts the syncs that had an operation for the entity. It does not count a sibling inserted before the
    entity, nor a field that was baselined.
    """
    named = {operation.entity_id for operation in finding.operations}
    for entity, index in finding.new.places():
        digest = finding.digests[entity.entity_id]
        row = finding.rows.get(entity.entity_id)
        same = row and (row.digest, row.index, row.entity.parent_id) == (digest, index, entity.parent_id)
        if same and entity.entity_id not in named:  # an entity that moved may end at its old index
            continue
        yield Entity(
            course=course,
            entity_id=entity.entity_id,
            id_digest=digest_of(entity.entity_id),
            entity_type=entity.entity_type,
            block_type=entity.block_type,
            parent_id=entity.parent_id,
            index=index,
            fields=dict(entity.fields),
            digest=digest,
            revision=row.revision + (entity.entity_id in named) if row else 1,
        )
