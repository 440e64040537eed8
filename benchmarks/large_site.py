"""``large_site.py OPERATIONS COURSES``: makes the database of a site that has worked for a month.

Each of three targets has a lane for each of COURSES courses. OPERATIONS operations are behind the cursors, in runs of
``RUN``, each with an attempt of each lane and the log entry of its sync. What operators have to look at is the same in
a site of any size: ten courses with operations ahead of their cursors, ninety open problems, and ``OLD`` operations
that are older than the retention.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import attrs
import host

#: Operations of a run, and so of an envelope; runs that are older than the retention.
RUN, OLD_RUNS = 20, 25
#: Names of the targets. The lanes of the first one have the open problems.
TARGETS = ("crm", "search", "mirror")
#: The last courses, which have operations ahead of their cursors; and how many runs the very last one has ahead.
UNFINISHED, AHEAD = 10, 10
#: Of this many operations one has a closed problem.
CLOSED_PROBLEM = 1000

FIELDS = '{"display_name": "A title"}'
BLOCK = "block-v1:BenchX+L+2026+type@html+block@0123456789abcdef"


@attrs.frozen
class Dialect:
    """The SQL that differs between databases. ``numbers``: a table with the numbers 1 to N in the column ``seq``."""

    numbers: str
    uuid: str
    divided: str
    ago: str
    analyze: str
    json: str = "{}"


DIALECTS = {
    "sqlite": Dialect(
        "(WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < {}) SELECT seq FROM n)",
        "printf('%032x', seq)",
        "(({}) / {})",
        "datetime('now', '-' || ({}) || ' seconds')",
        "ANALYZE",
    ),
    "mysql": Dialect(
        "(SELECT seq FROM seq_1_to_{})",
        "LPAD(HEX(seq), 32, '0')",
        "(({}) DIV {})",
        "(UTC_TIMESTAMP() - INTERVAL ({}) SECOND)",
        "ANALYZE TABLE {}",
    ),
    "postgresql": Dialect(
        "(SELECT generate_series(1::bigint, {}) AS seq)",
        "LPAD(TO_HEX(seq), 32, '0')::uuid",
        "(({}) / {})",
        "(NOW() - ({}) * INTERVAL '1 second')",
        "ANALYZE {}",
        "{}::jsonb",
    ),
}


def build(operations: int, courses: int) -> None:
    """Make the database: the many rows with plain SQL, the few with the models."""
    site = Site(operations, courses)
    site.make_courses()
    site.make_history()
    site.make_unfinished()
    site.finish()


def dialect() -> Dialect:
    """Return the dialect of the database in use."""
    from django.db import connection

    return DIALECTS[connection.vendor]


def insert(model: Any, number: int, columns: Mapping[str, str]) -> None:
    """Insert ``number`` rows with one statement. ``columns``: SQL by the name of the column; ``seq`` is 1 to number.

    A column that is not named gets NULL where it may, and otherwise the empty value of its type.
    """
    from django.db import connection

    fields = [field for field in model._meta.concrete_fields if field.column in columns or not _is_free(field)]
    names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    values = ", ".join(columns.get(field.column) or _empty(field) for field in fields)
    numbers = dialect().numbers.format(number)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} FROM {numbers} AS numbers")


def analyze() -> None:
    """Give the database the statistics of one that has grown slowly."""
    from django.apps import apps
    from django.db import connection

    statement = dialect().analyze
    tables = [model._meta.db_table for model in apps.get_app_config("course_sync_plugin").get_models()]
    with connection.cursor() as cursor:
        for table in tables if "{}" in statement else [""]:
            cursor.execute(statement.format(table))


class Site:
    """Makes the rows of one site."""

    def __init__(self, operations: int, courses: int):
        self.operations = operations
        self.runs = operations // RUN
        self.number = courses
        self.dialect = dialect()
        self.now: Any = None

    def make_courses(self) -> None:
        """Make targets, courses and lanes. All lanes are at the end of their journals."""
        from django.utils.timezone import now

        from course_sync_plugin.models import Course, Lane, Target, bulk, digest_of
        from course_sync_plugin.secrets import encrypt
        from sandbox.published.models import PublishedCourse

        self.now = now()
        keys = [f"course-v1:BenchX+L{at}+2026" for at in range(self.number)]
        bulk.insert(PublishedCourse(course_key=key, published_version="1", structure={}) for key in keys)
        bulk.insert(
            Course(key=key, key_digest=digest_of(key), org="BenchX", published_version="1", last_position=self._end(at))
            for at, key in enumerate(keys)
        )
        self.courses = list(Course.objects.order_by("pk"))
        secret = encrypt(host.SECRET)
        made = {"backend": "webhook", "url": "http://127.0.0.1:9/", "secret": secret}
        self.targets = [Target.objects.create(name=name, **made) for name in TARGETS]
        state = {"sequence": 2, "answered_sequence": 1, "delivered_version": "1"}
        bulk.insert(
            Lane(target=target, course=course, cursor=course.last_position, end=course.last_position, **state)
            for target in self.targets
            for course in self.courses
        )
        self.first_lane = Lane.objects.order_by("pk")[0].pk
        self.first_course = self.courses[0].pk
        assert self.courses[-1].pk - self.first_course == self.number - 1, "keys have gaps"

    def make_history(self) -> None:
        """Make what is behind the cursors."""
        from course_sync_plugin.models import Attempt, JournalOperation, Problem, Run, SyncLog

        run, row = self._divided("seq - 1", RUN), f"(seq - 1) % {RUN}"
        of_run = {"published_version": "'1'", "began_at": self._ago("seq")}
        insert(
            Run,
            self.runs,
            {
                **of_run,
                "id": "seq",
                "course_id": self._course("seq - 1"),
                "kind": "'changes'",
                "ended_at": self._ago("seq"),
                "operations_count": str(RUN),
            },
        )
        insert(SyncLog, self.runs, {**of_run, "course_id": self._course("seq - 1"), "outcome": "'recorded'"})
        insert(
            JournalOperation,
            self.operations,
            {
                "id": "seq",
                "course_id": self._course(run),
                "position": f"{self._divided(run, self.number)} * {RUN} + {row} + 1",
                "run_id": f"{run} + 1",
                "operation_id": self.dialect.uuid,
                "operation": "'update'",
                "entity_type": "'component'",
                "entity_id": f"'{BLOCK}'",
                "block_type": "'html'",
                "fields": self.dialect.json.format(f"'{FIELDS}'"),
                "previous": self.dialect.json.format(f"'{FIELDS}'"),
            },
        )
        for at, target in enumerate(self.targets):
            insert(
                Attempt,
                self.runs,
                {
                    "target_id": str(target.pk),
                    "lane_id": self._lane(at, "seq - 1"),
                    "message_id": f"CONCAT('msg_{at}_', seq)" if self._is_mysql else f"'msg_{at}_' || seq",
                    "sequence": "seq",
                    "operations": str(RUN),
                    "began_at": self._ago("seq"),
                    "seconds": "0.02",
                    "status": "200",
                },
            )
        if closed := self.operations // CLOSED_PROBLEM:
            refused = self._divided(f"seq * {CLOSED_PROBLEM} - 1", RUN)
            times = {"since": self._ago(f"{refused} + 1"), "closed_at": self._ago(f"{refused} + 1")}
            operation = {"operation_id": f"seq * {CLOSED_PROBLEM}", "lane_id": self._lane(1, refused)}
            insert(Problem, closed, {**times, **operation, "state": "'retried'", "reason": "'too long'"})
        reset_sequences(Run, JournalOperation)

    def make_unfinished(self) -> None:
        """Make the operations ahead of the last courses, and the open problems. It does not depend on the size."""
        from course_sync_plugin.models import Course, Lane, bulk

        for course in self.courses[-UNFINISHED:]:
            runs = AHEAD if course is self.courses[-1] else 1
            for _run in range(runs):
                self._append_run(course)
            Course.objects.filter(pk=course.pk).update(last_position=course.last_position)
            waits = {"attempts": 1, "last_error": "HTTP 503", "error_class": "TransientError"}
            lanes = Lane.objects.filter(course=course)
            lanes.update(end=course.last_position, due_at=self.now.replace(year=self.now.year + 1), **waits)
            bulk.insert(self._open_problems(course))

    def finish(self) -> None:
        """Note that a sweep was made, and let the database count its rows."""
        from course_sync_plugin.models import Activity

        Activity.note_sweep()
        analyze()

    def _append_run(self, course: Any) -> None:
        from course_sync_plugin.data import Operation
        from course_sync_plugin.models import JournalOperation, Run, bulk

        times = {"began_at": self.now, "ended_at": self.now}
        run = Run.objects.create(course=course, kind="changes", published_version="1", operations_count=RUN, **times)
        fields = json.loads(FIELDS)
        operations = [
            Operation("update", "component", BLOCK, "html", None, None, None, fields, fields) for _ in range(RUN)
        ]
        first = course.last_position + 1
        bulk.insert(JournalOperation.of(operation, run, first + at) for at, operation in enumerate(operations))
        course.last_position += RUN

    def _open_problems(self, course: Any) -> list[Any]:
        """Return three failed operations of the first target, each with two parked ones."""
        from course_sync_plugin.models import JournalOperation, Lane, Problem, ProblemState

        lane = Lane.objects.get(target=self.targets[0], course=course)
        behind = JournalOperation.objects.filter(course=course, position__lte=lane.cursor).order_by("-position")
        keys = list(behind.values_list("pk", flat=True)[:9])
        reason = {"reason": "The title is too long.", "error_class": "PermanentError", "status": 422}
        failed = [
            Problem.objects.create(lane=lane, operation_id=key, state=ProblemState.FAILED, since=self.now, **reason)
            for key in keys[:3]
        ]
        return [
            Problem(lane=lane, operation_id=key, state=ProblemState.PARKED, since=self.now, behind=failed[at % 3])
            for at, key in enumerate(keys[3:])
        ]

    def _end(self, course: int) -> int:
        """Return the last position of the course with this number, from 0 on."""
        return RUN * (self.runs // self.number + (course < self.runs % self.number))

    def _course(self, run: str) -> str:
        """Return the SQL of the course of a run, counted from 0 on: the courses take turns."""
        return f"{self.first_course} + ({run}) % {self.number}"

    def _lane(self, target: int, run: str) -> str:
        return f"{self.first_lane + target * self.number} + ({run}) % {self.number}"

    def _divided(self, what: str, by: int) -> str:
        return self.dialect.divided.format(what, by)

    def _ago(self, run: str) -> str:
        """Return the SQL of the time of a run: the first ones are 60 days ago, the others at any time of 29 days."""
        young = self._divided(f"2505600 * ({self.runs} - ({run}))", self.runs)
        return self.dialect.ago.format(f"CASE WHEN ({run}) <= {OLD_RUNS} THEN 5184000 ELSE {young} END")

    @property
    def _is_mysql(self) -> bool:
        from django.db import connection

        return connection.vendor == "mysql"


def reset_sequences(*models: Any) -> None:
    """Let the next key of each table be the one after those that were inserted with their keys."""
    from django.core.management.color import no_style
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _is_free(field: Any) -> bool:
    return field.null or field.primary_key


def _empty(field: Any) -> str:
    kind = field.get_internal_type()
    if kind == "JSONField":
        return dialect().json.format("'{}'")
    if kind == "BooleanField":
        return "FALSE"
    return "''" if kind in ("CharField", "TextField", "ForeignText") else "0"


if __name__ == "__main__":
    host.start()
    build(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({}))
