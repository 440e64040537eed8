"""Checks of open envelopes: without lane, with another sequence than their lane, or with operations that are gone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from course_sync_plugin.models import NO_ATTEMPTS, DatabaseNow, Envelope, JournalOperation, Lane, bulk, leases
from course_sync_plugin.upkeep.check.finding import Check, Found, Scope, Severity, one_by_one

_COLUMNS = ("pk", "lane__target_id", "lane__course_id", "sequence", "last", "lane__sequence")


def _orphans() -> QuerySet[Envelope]:
    return Envelope.objects.filter(~Exists(Lane.objects.filter(pk=OuterRef("lane_id"))))


def _find_orphans(scope: Scope) -> Iterator[Found]:
    if scope.course or scope.target:  # without its lane, an envelope belongs to no course and no target
        return
    for pk in _orphans().order_by("pk").values_list("pk", flat=True):
        yield Found(str(pk))


def _delete_orphan(found: Found) -> bool:
    return bool(_orphans().filter(pk=int(found.key)).delete()[0])


def _find_out_of_sequence(scope: Scope) -> Iterator[Found]:
    wrong = ~Q(sequence=F("lane__sequence")) | Q(last__lt=F("lane__cursor"))
    rows = Envelope.objects.filter(wrong, scope.of_lanes("lane__")).order_by("pk")
    for row in rows.values_list(*_COLUMNS):
        yield _found(scope, row)


def _find_without_operations(scope: Scope) -> Iterator[Found]:
    """Compare the ids in the envelopes with those in the journal; one query for each 500 ids."""
    rows = list(
        Envelope.objects.filter(scope.of_lanes("lane__")).order_by("pk").values_list(*_COLUMNS, "operation_ids")
    )
    named = [one for row in rows for one in row[-1] if _is_uuid(one)]
    there: set[str] = set()
    for ids in bulk.chunks(named):
        found = JournalOperation.objects.filter(operation_id__in=ids).values_list("operation_id", flat=True)
        there.update(map(str, found))
    for row in rows:
        gone = [one for one in row[-1] if one not in there]
        if gone:
            yield _found(scope, row, gone=len(gone))


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _found(scope: Scope, row: tuple[Any, ...], **values: Any) -> Found:
    pk, target_id, course_id, sequence, last, expected, *_rest = row
    values |= {"sequence": sequence, "expected": expected}
    return Found(
        str(pk),
        scope.target_name(target_id),
        scope.course_key(course_id),
        values=values,
        seen=(sequence, last, expected),
    )


@transaction.atomic
def _withdraw(found: Found) -> bool:
    """Delete the envelope and make the lane due. The next envelope has a larger sequence than both had."""
    sequence, last, expected = found.seen
    lane = Lane.objects.filter(leases.free(), pk=int(found.key), sequence=expected)
    changed = lane.update(sequence=Greatest(F("sequence"), sequence) + 1, due_at=DatabaseNow(), **NO_ATTEMPTS)
    deleted = Envelope.objects.filter(lane=int(found.key), sequence=sequence, last=last).delete()[0] if changed else 0
    if not deleted:
        transaction.set_rollback(True)
    return bool(deleted)


_WITHDRAWN = _("The envelope is withdrawn. The lane makes a new one from the journal; operations keep their ids.")

ENVELOPE_CHECKS = (
    Check(
        "envelope-without-lane", Severity.INFO,
        _("The envelope belongs to a lane that does not exist."),
        _("The envelope is deleted."),
        _find_orphans, one_by_one(_delete_orphan),
    ),
    Check(
        "envelope-out-of-sequence", Severity.ERROR,
        _("The open envelope has the number {sequence}, and its lane is at {expected}; or it lies before the cursor."),
        _WITHDRAWN,
        _find_out_of_sequence, one_by_one(_withdraw),
    ),
    Check(
        "envelope-without-operations", Severity.ERROR,
        _("The journal lacks operations of the open envelope {sequence}: {gone}."),
        _WITHDRAWN,
        _find_without_operations, one_by_one(_withdraw),
    ),
)  # fmt: skip
