"""The open envelope of a lane: made from the journal behind the cursor, frozen, sent unchanged until it is answered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from course_sync_plugin.data import SCHEMA_VERSION, Message, utc_text
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.slices import Reader, Slice, next_slice, visible
from course_sync_plugin.models import Envelope, JournalOperation, Lane, Run, RunKind

MESSAGE_TYPE = "course_sync.operations"

#: Bytes of a body beside its operations, its context and the course's key, rounded up.
HEAD_BYTES = 512


def make_envelope(lane: Lane, reader: Reader, blocked: Blocked, context: Mapping[str, Any]) -> Envelope | None:
    """Freeze the next envelope of a lane, or return None where there is nothing to tell.

    ``context`` is what the target must know of the course. Where the receiver was told the beginning of a run but not
    its end (what was left of it failed and was skipped, or had nothing to be done), an envelope without operations says
    that the run is over. Where it has taken nothing of the snapshot that it was to begin with, one without operations
    says that a snapshot begins.
    """
    part = next_slice(lane, reader, blocked, _room(lane, context))
    if part and not lane.answered_sequence and _mode(part) != "snapshot":
        return _freeze(lane, Slice(part.run, (), lane.cursor, is_end=False), context, "snapshot", end_of_run=False)
    if part:
        end_of_run = part.is_end and not blocked and _may_end(lane, part)
        return _freeze(lane, part, context, _mode(part), end_of_run=end_of_run)
    if lane.closing and not blocked:
        nothing = Slice(_run_at_the_cursor(lane), (), lane.cursor, is_end=True)
        return _freeze(lane, nothing, context, "changes", end_of_run=True)
    return None


def as_message(envelope: Envelope, course_id: str) -> Message:
    """Return what a target is handed."""
    return Message(envelope.message_id, bytes(envelope.body), course_id, tuple(envelope.operation_ids))


def _may_end(lane: Lane, part: Slice) -> bool:
    """A snapshot of several envelopes is ended by one without operations, in mode ``changes``.

    An envelope may come twice. Had the last one of a snapshot ended it, its second coming would look like the whole of
    another snapshot, and the receiver would drop everything else.
    """
    return _mode(part) != "snapshot" or not lane.closing


def _mode(part: Slice) -> str:
    return RunKind(part.run.kind).mode


def _room(lane: Lane, context: Mapping[str, Any]) -> int:
    head = HEAD_BYTES + len(lane.course.key.encode()) + len(_json(context).encode())
    return settings.COURSE_SYNC_ENVELOPE_BYTES - head


def _freeze(lane: Lane, part: Slice, context: Mapping[str, Any], mode: str, *, end_of_run: bool) -> Envelope:
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


def _body(lane: Lane, part: Slice, context: Mapping[str, Any], mode: str, end_of_run: bool) -> bytes:
    """The body as the contract writes it; the operations are JSON already."""
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
    """The run that led to where the lane stands; what was recorded behind it meanwhile does not count."""
    rows = JournalOperation.objects.filter(visible(lane), position__lte=lane.cursor)
    return Run.objects.get(pk=rows.order_by("-position").values_list("run_id", flat=True)[0])
