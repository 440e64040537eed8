"""Measures claiming and finishing envelopes with a short or a long journal behind the cursor.

``cursors.py build OPERATIONS`` makes a database with one lane, OPERATIONS operations behind its cursor and a few ahead.
``cursors.py measure`` delivers those ahead to a target that does nothing, and prints seconds and queries per envelope.
It does this once for each line of its standard input, so two of these processes can take turns.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from unittest import mock

import host
from courses import COURSE_ID, plain_course, structure_of
from large_site import BLOCK, FIELDS, analyze, dialect, insert, reset_sequences
from measuring import interleaved

#: Operations of a run, and so of an envelope; envelopes ahead of the cursor.
RUN, ENVELOPES = 100, 10


class Nowhere:
    """A target that accepts every message at once."""

    in_transaction = False
    needs_link = False

    def send(self, message):
        """Accept a message."""
        from course_sync_plugin.data import Answer

        return Answer()


@contextmanager
def opened_nowhere(row):
    """Yield a target that accepts every message. The row of the target is ignored."""
    yield Nowhere()


def build(operations: int) -> None:
    """Make the database, with plain SQL for the many rows."""
    from course_sync_plugin.models import Course, JournalOperation, Lane, Run, Target

    host.record(structure_of(plain_course(2)))
    course = Course.objects.get(key=COURSE_ID)
    for run in course.runs.all():
        run.operations.all().delete()
        run.delete()
    total = operations + RUN * ENVELOPES
    of_course, sql = {"id": "seq", "course_id": str(course.pk)}, dialect()
    times = {"began_at": "CURRENT_TIMESTAMP", "ended_at": "CURRENT_TIMESTAMP", "operations_count": str(RUN)}
    insert(Run, total // RUN, {**of_course, **times, "kind": "'changes'", "published_version": "'1'"})
    update = {"operation": "'update'", "entity_type": "'component'", "entity_id": f"'{BLOCK}'", "block_type": "'html'"}
    fields = dict.fromkeys(("fields", "previous"), sql.json.format(f"'{FIELDS}'"))
    of_run = {"position": "seq", "run_id": f"1 + {sql.divided.format('seq - 1', RUN)}", "operation_id": sql.uuid}
    insert(JournalOperation, total, {**of_course, **of_run, **update, **fields})
    reset_sequences(Run, JournalOperation)
    Course.objects.update(last_position=total)
    target = Target.objects.create(name="nowhere", backend="webhook")
    Lane.objects.create(target=target, course=course, end=total, sequence=2, answered_sequence=1)
    analyze()
    print(json.dumps({"operations": total}))


def measure() -> None:
    """For each line of standard input deliver what is ahead of the cursor; print seconds and queries per envelope."""
    from course_sync_plugin import api
    from course_sync_plugin.models import DatabaseNow, Lane

    lane = Lane.objects.get()

    def turn():
        done = api.deliver_lane(lane.pk, seconds=600)
        assert done.envelopes == ENVELOPES, done

    def from_the_start(run):
        Lane.objects.update(cursor=lane.end - RUN * ENVELOPES, due_at=DatabaseNow())
        return run()

    with mock.patch("course_sync_plugin.lanes.deliver.open_target", opened_nowhere):
        with host.counted() as statements:
            from_the_start(turn)
        queries = len(host.queries(statements)) - 1  # the update that brings the lane back
        for _line in sys.stdin:
            seconds = from_the_start(lambda: interleaved(1, {"turn": turn})["turn"][0])
            print(json.dumps({"seconds": seconds / ENVELOPES, "queries": queries / ENVELOPES}), flush=True)


if __name__ == "__main__":
    host.start()
    build(int(sys.argv[2])) if sys.argv[1] == "build" else measure()
