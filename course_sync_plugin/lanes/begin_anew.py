"""Brings lanes to the state in which they have no baseline, so that each begins again with a new snapshot."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet

from course_sync_plugin.lanes.problems import close_open
from course_sync_plugin.models import NO_ATTEMPTS, DatabaseNow, Envelope, Lane, Problem, bulk


def begin_anew(lanes: QuerySet[Lane], **values: Any) -> int:
    """Withdraw the open envelopes of lanes, close their problems and make them due. Return the number of lanes.

    Call it in a transaction. ``values`` are written in the same UPDATE.

    A worker that holds one of the lanes loses its lease, so it writes nothing. It may have sent an envelope that is not
    answered yet: the next sequence is higher than that of this envelope, so the receiver can tell which one is late.
    ``answered_sequence`` 0 tells the receiver that the lane begins anew. ``reset_at`` makes the snapshot a new one:
    receivers ignore the operations of the course's first run, which they have seen.
    """
    keys = list(lanes.select_for_update().values_list("pk", flat=True))
    columns = {"sequence": F("sequence") + 1, **NO_ATTEMPTS, **values}
    for part in bulk.chunks(keys):
        Lane.objects.filter(pk__in=part).update(
            lease_token="",
            lease_until=None,
            due_at=DatabaseNow(),
            nudged=False,
            reset_at=DatabaseNow(),
            cursor=None,
            delivered_version="",
            answered_sequence=0,
            closing=False,
            isolate_size=None,
            isolate_until=None,
            urgent=None,
            last_warning="",
            waiting_for="",
            **columns,
        )
        Envelope.objects.filter(lane__in=part).delete()
        close_open(Problem.objects.filter(lane__in=part))
    return len(keys)
