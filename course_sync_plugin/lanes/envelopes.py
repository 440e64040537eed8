"""Makes the envelopes of a lane from the journal after its cursor.

An envelope is frozen when it is made, and sent unchanged until the receiver has answered.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from course_sync_plugin.data import SCHEMA_VERSION, Message, utc_text
from course_sync_plugin.lanes.batches import Batch, Reader, cursor_of, next_batch, visible
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.models import Envelope, JournalOperation, Lane, Run, RunKind

MESSAGE_TYPE = "course_sync.operations"

#: Bytes of a body without its operations, its context and the course's key, rounded up.
HEAD_BYTES = 512


def make_envelope(lane: Lane, reader: Reader, blocked: Blocked, context: Mapping[str, Any]) -> Envelope | None:
    """Freeze the next envelope of a lane. Returns None if there is nothing to send.

    ``context``: the values that the operator has set for this course and target. Two kinds of envelope have no
    operations. One says that a run is over: the receiver got its beginning, and the rest failed and was skipped or
    needed no message. The other says that a snapshot begins: the receiver has accepted nothing of its first snapshot.
    """
    part = next_batch(lane, reader, blocked, _room(lane, context))
    if part and not lane.answered_sequence and _mode(part) != "snapshot":
        beginning = Batch(part.run, (), cursor_of(lane), is_end=False)
        return _freeze(lane, beginning, context, "snapshot", end_of_run=False)
    if part:
        end_of_run = part.is_end and not blocked.has_trouble and _may_end(lane, part)
        return _freeze(lane, part, context, _mode(part), end_of_run=end_of_run)
    if lane.closing and not blocked.has_trouble:
        nothing = Batch(_run_at_the_cursor(lane), (), cursor_of(lane), is_end=True)
        return _freeze(lane, nothing, context, "changes", end_of_run=True)
    return None


def as_message(envelope: Envelope, course_id: str) -> Message:
    """Return the envelope as the message that a target's ``send`` gets."""
    return Message(envelope.message_id, bytes(envelope.body), course_id, tuple(envelope.operation_ids))


def _may_end(lane: Lane, part: Batch) -> bool:
    """Tell whether an envelope with operations may say that its run is over.

    An extra envelope without operations, in mode ``changes``, ends a snapshot of several envelopes. The reason: an
    envelope may come twice. If the last envelope of a snapshot also ended it, its second delivery would look like a
    whole new snapshot, and the receiver would delete everything else.
    """
    return _mode(part) != "snapshot" or not lane.closing


def _mode(part: Batch) -> str:
    return RunKind(part.run.kind).mode


def _room(lane: Lane, context: Mapping[str, Any]) -> int:
    head = HEAD_BYTES + len(lane.course.key.encode()) + len(_json(context).encode())
    limit: int = settings.COURSE_SYNC_ENVELOPE_BYTES
    return limit - head


def _freeze(lane: Lane, part: Batch, context: Mapping[str, Any], mode: str, *, end_of_run: bool) -> Envelope:
    return Envelope.objects.create(
        lane=lane,
        message_id=f"msg_{uuid.uuid4().hex}",
        sequence=lane.sequence,
        last=part.last,
        operation_ids=[row.operation.id for row in part.rows],
        body=_body(lane, part, context, mode, end_of_run),
        published_version=part.run.published_version,
        end_of_run=end_of_run,
    )


def _body(lane: Lane, part: Batch, context: Mapping[str, Any], mode: str, end_of_run: bool) -> bytes:
    """Return the body in the form of the contract. The operations are already JSON, so they are inserted as text."""
    data = {
        "schema_version": SCHEMA_VERSION,
        "course_id": lane.course.key,
        "mode": mode,
        "published_version": part.run.published_version,
        "sequence": lane.sequence,
        "previous_sequence": lane.answered_sequence,
        "end_of_run": end_of_run,
        "context": context,
    }
    now = utc_text(datetime.now(UTC), "milliseconds")
    head = _json({"type": MESSAGE_TYPE, "timestamp": now, "data": data})
    operations = ",".join(row.text for row in part.rows)
    return f'{head[:-2]},"operations":[{operations}]}}}}'.encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _run_at_the_cursor(lane: Lane) -> Run:
    """Return the run of the operation at the lane's cursor, or of the last one before it."""
    rows = JournalOperation.objects.filter(visible(lane), position__lte=lane.cursor)
    return Run.objects.get(pk=rows.order_by("-position").values_list("run_id", flat=True)[0])
