"""Claiming and finishing envelopes with a short or a long journal behind the cursor.

``cursors.py build OPERATIONS`` makes a database with so many operations behind the cursor of its one lane and a few in
front of it, ``cursors.py measure`` delivers those in front, to nobody, and tells seconds and queries per envelope; it
does so for each line that comes in, so two of them can take turns.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from unittest import mock

import host
from courses import COURSE_ID, plain_course, structure_of
from measuring import interleaved

#: Operations of a run, and so of an envelope; envelopes in front of the cursor.
RUN, ENVELOPES = 100, 10

NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < {0}) SELECT seq FROM n)",
    "mysql": "(SELECT seq FROM seq_1_to_{0})",
}
OPERATION_ID = {"sqlite": "printf('%032x', seq)", "mysql": "LPAD(HEX(seq), 32, '0')"}

ANALYZE = {"sqlite": "ANALYZE", "mysql": "ANALYZE TABLE course_sync_operation, course_sync_run"}


class Nowhere:
    """A target that takes everything at once."""

    def send(self, message):
        """Accept a message."""
        from course_sync_plugin.data import Answer

        return Answer()


@contextmanager
def opened_nowhere(row):
    """Yield a target that takes everything, whatever the row says."""
    yield Nowhere()


def build(operations: int) -> None:
    """Make the database, with plain SQL where it is long."""
    from django.db import connection

    from course_sync_plugin.models import Course, Lane, Target

    host.record(structure_of(plain_course(2)))
    course = Course.objects.get(key=COURSE_ID)
    for run in course.runs.all():
        run.operations.all().delete()
        run.delete()
    total = operations + RUN * ENVELOPES
    with connection.cursor() as cursor:
        for statement in _statements(course.pk, total, connection.vendor, connection.ops.quote_name):
            cursor.execute(statement)
    Course.objects.update(last_position=total)
    target = Target.objects.create(name="nowhere", backend="webhook")
    Lane.objects.create(target=target, course=course, end=total, sequence=2, answered_sequence=1)
    with connection.cursor() as cursor:  # as the statistics of a database are that has grown slowly
        cursor.execute(ANALYZE[connection.vendor])
    print(json.dumps({"operations": total}))


def _statements(course: int, total: int, vendor: str, quote) -> tuple[str, str]:
    runs, numbers = NUMBERS[vendor].format(total // RUN), NUMBERS[vendor].format(total)
    index, fields = quote("index"), '{"display_name": "A title"}'
    return (
        f"INSERT INTO course_sync_run (id, course_id, kind, published_version, began_at, ended_at, operations_count,"
        f" incomplete) SELECT seq, {course}, 'changes', seq, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, {RUN}, 0"
        f" FROM {runs} AS numbers",
        f"INSERT INTO course_sync_operation (course_id, position, run_id, operation_id, operation, entity_type,"
        f" entity_id, block_type, {index}, fields, previous) SELECT {course}, seq, 1 + FLOOR((seq - 1) / {RUN}),"
        f" {OPERATION_ID[vendor]}, 'update', 'component', 'block-v1:BenchX+B101+2026+type@html+block@0123456789abcdef',"
        f" 'html', NULL, '{fields}', '{fields}' FROM {numbers} AS numbers",
    )


def measure() -> None:
    """Deliver what is in front of the cursor whenever a line comes in, and print seconds and queries per envelope."""
    from course_sync_plugin import api
    from course_sync_plugin.models import DatabaseNow, Lane

    end = Lane.objects.get().end

    def turn():
        (lane_id,) = api.due_lane_ids()
        done = api.deliver_lane(lane_id, seconds=600)
        assert done.envelopes == ENVELOPES, done

    def from_the_start(run):
        Lane.objects.update(cursor=end - RUN * ENVELOPES, due_at=DatabaseNow())
        return run()

    with mock.patch("course_sync_plugin.lanes.deliver.opened_target", opened_nowhere):
        with host.counted() as statements:
            from_the_start(turn)
        queries = len(host.queries(statements)) - 1
        for _line in sys.stdin:
            seconds = from_the_start(lambda: interleaved(1, {"turn": turn})["turn"][0])
            print(json.dumps({"seconds": seconds / ENVELOPES, "queries": queries / ENVELOPES}), flush=True)


if __name__ == "__main__":
    host.start()
    build(int(sys.argv[2])) if sys.argv[1] == "build" else measure()
