"""Writing a sync down: run, operations, entities and version in one transaction, under the course's lease; then the
markers that were read are deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
from django.db import Error, connection, transaction

from course_sync_plugin import bulk, journal, leases
from course_sync_plugin.data import Operation, Structure
from course_sync_plugin.diff.handlers import FIELD_SET_VERSION
from course_sync_plugin.lanes.wake import wake_lanes
from course_sync_plugin.log import get_logger
from course_sync_plugin.models import Course, DatabaseNow, Entity, HeldRun, Marker, Run, RunKind, digest_of
from course_sync_plugin.stored import StoredRow

log = get_logger(__name__)

_COLUMNS = ["entity_type", "block_type", "parent_id", "index", "fields", "digest", "revision"]


@attrs.frozen
class Finding:
    """What a sync found out, ready to be written down.

    ``new`` is the structure to be recorded, ``rows`` what is recorded now, ``digests`` those of the new fields.
    """

    kind: RunKind
    new: Structure
    rows: Mapping[str, StoredRow]
    digests: Mapping[str, str]
    structure_digest: str
    operations: Sequence[Operation]


def record(course: Course, token: str, finding: Finding, marker_ids: Sequence[int], seconds: float) -> Run | None:
    """Write a finding down and give the lease back; return the run, or None where no operation came of it.

    ``seconds`` is how long the sync took so far. Raises LeaseLost, and nothing is written, where another worker has
    taken over: that is what keeps an older structure from overwriting a newer one.
    """
    with transaction.atomic():
        _release(course, token, finding.new.published_version, structure_digest=finding.structure_digest)
        course.refresh_from_db()
        run = None
        if finding.operations:
            incomplete = bool(finding.new.unreadable)
            run = journal.append(course, finding.operations, finding.kind, seconds=seconds, incomplete=incomplete)
        _write_entities(course, finding)
        HeldRun.objects.filter(course=course).delete()
        if run:
            wake_lanes(course)
    forget(marker_ids)
    return run


def move_on(course: Course, token: str, published_version: str, marker_ids: Sequence[int]) -> None:
    """Give the lease back after a publish that changed nothing: the version moves on, and what was held is off.

    Raises LeaseLost, and nothing is written.
    """
    with transaction.atomic():
        _release(course, token, published_version)
        if hasattr(course, "held"):
            course.held.delete()
    forget(marker_ids)


def forget(marker_ids: Iterable[int]) -> None:
    """Delete exactly the markers that were read; one put since then stays.

    Call it after the commit of what the sync wrote. A process that dies in between leaves markers of a version that is
    recorded: the next sync compares versions and deletes them. Each is deleted by its key and in a transaction of its
    own. MariaDB scans a small table for ``id IN (…)`` and waits for the rows that authors have not committed yet, and
    at REPEATABLE READ it would keep their INSERTs waiting until the commit.
    """
    with _what_is_recorded_stands():
        for marker_id in marker_ids:
            Marker.objects.filter(pk=marker_id).delete()


def put_markers_off(marker_ids: Iterable[int], seconds: float) -> None:
    """Have markers looked at again in so many seconds: each by its key, for the reason that :func:`forget` gives."""
    with _what_is_recorded_stands():
        for marker_id in marker_ids:
            Marker.objects.filter(pk=marker_id).update(seen_at=DatabaseNow(seconds))


@contextmanager
def _what_is_recorded_stands() -> Iterator[None]:
    """Let an error with a marker change nothing of what was committed before it: the marker is looked at again."""
    try:
        yield
    except Error as error:
        log.warning("course_sync: markers that were read stay (%s); the next sync looks again", type(error).__name__)


def _release(course: Course, token: str, published_version: str, **values: Any) -> None:
    leases.release(
        course,
        token,
        published_version=published_version,
        # Not back: in a rolling deploy what a worker of the older release left out is told by the next of the newer.
        field_set_version=max(FIELD_SET_VERSION, course.field_set_version),
        attempts=0,
        last_error="",
        **values,
    )


def _write_entities(course: Course, finding: Finding) -> None:
    # MySQL takes any unique key for the conflict and cannot be told which.
    unique = ["course", "id_digest"] if connection.features.supports_update_conflicts_with_target else None
    rows = _changed_entities(course, finding)
    bulk.insert(rows, update_conflicts=True, update_fields=_COLUMNS, unique_fields=unique)
    gone = [row.pk for entity_id, row in finding.rows.items() if entity_id not in finding.new.entities]
    for keys in bulk.chunks(gone):
        Entity.objects.filter(pk__in=keys).delete()


def _changed_entities(course: Course, finding: Finding) -> Iterable[Entity]:
    """Rows whose fields or place are not those recorded, or of which an operation tells.

    The revision counts what operations tell: not that a sibling was put in before, nor that a field was baselined.
    """
    told = {operation.entity_id for operation in finding.operations}
    for entity, index in finding.new.places():
        digest = finding.digests[entity.entity_id]
        row = finding.rows.get(entity.entity_id)
        same = row and (row.digest, row.index, row.entity.parent_id) == (digest, index, entity.parent_id)
        if same and entity.entity_id not in told:  # one that moved may end at the index it had
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
            revision=row.revision + (entity.entity_id in told) if row else 1,
        )
