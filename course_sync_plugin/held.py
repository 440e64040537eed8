"""Runs that would delete too much wait for an operator, who approves exactly that version and that set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from course_sync_plugin import leases
from course_sync_plugin.data import Operation
from course_sync_plugin.models import Course, DatabaseNow, HeldRun
from course_sync_plugin.record import Finding, forget


def must_be_held(course: Course, finding: Finding) -> bool:
    """Tell whether a finding deletes more than it may and nobody has approved exactly this."""
    deletes = len(deleted_ids(finding.operations))
    if not deletes:
        return False
    share = deletes * 100 > settings.COURSE_SYNC_MASS_DELETE_PERCENT * len(finding.rows)
    too_much = share and deletes > settings.COURSE_SYNC_MASS_DELETE_COUNT
    return (too_much or not finding.new.entities) and not _is_approved(course, finding)


def hold(course: Course, token: str, finding: Finding, marker_ids: Sequence[int]) -> None:
    """Write down what is held, in place of what was held before, and give the lease back.

    Raises LeaseLost, and nothing is written.
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
    forget(marker_ids)


def _is_approved(course: Course, finding: Finding) -> bool:
    held = HeldRun.objects.filter(course=course, approved=True).first()
    return held is not None and (held.published_version, held.set_digest) == (
        finding.new.published_version,
        set_digest(deleted_ids(finding.operations)),
    )


def deleted_ids(operations: Iterable[Operation]) -> list[str]:
    """Return the ids of the entities that operations delete, sorted."""
    return sorted(operation.entity_id for operation in operations if operation.operation == "delete")


def set_digest(entity_ids: Iterable[str]) -> str:
    """Return the digest of ids that are to be deleted, which are sorted."""
    return sha256("\n".join(entity_ids).encode()).hexdigest()
