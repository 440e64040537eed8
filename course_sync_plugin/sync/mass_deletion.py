"""Holds a run that would delete too much until an operator approves exactly that version and that set of deletions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from course_sync_plugin.data import Operation
from course_sync_plugin.models import Course, DatabaseNow, HeldRun, leases
from course_sync_plugin.sync.record import Finding, delete_markers


def must_be_held(course: Course, finding: Finding) -> bool:
    """Tell whether a finding deletes more than the settings allow, or the whole course, and is not approved.

    An approval counts for exactly one published version and one set of deleted entities.
    """
    deletes = len(deleted_ids(finding.operations))
    if not deletes:
        return False
    share = deletes * 100 > settings.COURSE_SYNC_MASS_DELETE_PERCENT * len(finding.rows)
    too_much = share and deletes > settings.COURSE_SYNC_MASS_DELETE_COUNT
    return (too_much or not finding.new.entities) and not _is_approved(course, finding)


def hold(
    course: Course,
    token: str,
    finding: Finding,
    marker_ids: Sequence[int],
    held: Callable[[], object] = lambda: None,
) -> None:
    """Store the held run in place of an earlier one, release the lease and delete the markers that were read.

    ``held`` is called at the end of the transaction. Raises LeaseLost if another worker has taken over the course; then
    nothing is written.
    """
    deleted = deleted_ids(finding.operations)
    values = {
        "published_version": finding.new.published_version,
        "deletes": len(deleted),
        "of": len(finding.rows),
        "set_digest": set_digest(deleted),
        "since": DatabaseNow(),
        "approved": False,
    }
    with transaction.atomic():
        leases.release(course, token, attempts=0, last_error="")
        HeldRun.objects.update_or_create(course=course, defaults=values)
        held()
    delete_markers(marker_ids)


def _is_approved(course: Course, finding: Finding) -> bool:
    held = HeldRun.objects.filter(course=course, approved=True).first()
    return held is not None and (held.published_version, held.set_digest) == (
        finding.new.published_version,
        set_digest(deleted_ids(finding.operations)),
    )


def deleted_ids(operations: Iterable[Operation]) -> list[str]:
    """Return the sorted ids of the entities that the operations delete."""
    return sorted(operation.entity_id for operation in operations if operation.operation == "delete")


def set_digest(entity_ids: Iterable[str]) -> str:
    """Return the digest of the sorted ids of the entities to delete (sha256, 64 hexadecimal characters)."""
    return sha256("\n".join(entity_ids).encode()).hexdigest()
