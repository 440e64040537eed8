"""``query_plans.py [OPERATIONS COURSES]``: prints how MariaDB and PostgreSQL carry out the statements that run most.

It makes the site of ``large_site.py`` (by default a million operations, 5,000 courses), carries each function out,
takes its statement and lets the database explain it. ``docs/references/query_plans.rst`` shows the result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from unittest import mock

import host
from cursors import opened_nowhere
from measuring import run_in_fresh_process

#: The columns of MariaDB's EXPLAIN that are shown.
COLUMNS = ("table", "type", "key", "rows", "Extra")


def statements() -> Iterator[tuple[str, str]]:
    """Yield a name and the SQL of each statement, as the database gets it."""
    for name, part, function in _cases():
        with host.counted() as executed:
            function()
        yield name, next(one for one in host.queries(executed) if part in one.replace('"', "").replace("`", ""))


def _cases() -> list[tuple[str, str, Callable[[], object]]]:
    """Return the name of each case, what only its statement contains, and the function that executes it."""
    from django.utils.timezone import now

    from course_sync_plugin import api
    from course_sync_plugin.lanes.claim import claim_lane, due_lanes
    from course_sync_plugin.models import Activity, Attempt, DatabaseNow, Lane, Run, Target
    from course_sync_plugin.upkeep.prune.details import old_attempts
    from course_sync_plugin.upkeep.prune.journal import _old_runs, _rows
    from course_sync_plugin.upkeep.prune.rules import Rules

    lane = Lane.objects.order_by("-course", "-pk").first()
    target = Target.objects.order_by("pk").last()
    rules = Rules.read(summarised=Activity.read()[1])
    day = now() - timedelta(days=3)

    def due() -> None:
        Lane.objects.filter(pk=lane.pk).update(due_at=DatabaseNow(), lease_token="", lease_until=None)

    def deliver() -> None:
        due()
        with mock.patch("course_sync_plugin.lanes.deliver.open_target", opened_nowhere):
            assert api.deliver_lane(lane.pk, seconds=600).envelopes

    def claim() -> None:
        due()
        assert claim_lane(lane.pk)

    window = Attempt.objects.filter(target=target, began_at__gte=day, began_at__lt=day + timedelta(hours=1))
    return [
        ("due lanes", "ROW_NUMBER", due_lanes),
        ("claim", "UPDATE course_sync_lane SET attempts", claim),
        ("next batch", "FROM course_sync_operation WHERE", deliver),
        ("status: lanes", "FROM course_sync_lane INNER JOIN", api.status_overview),
        ("status: problems of lanes", "MIN(course_sync_problem.since)", api.status_overview),
        ("problems", "ORDER BY course_sync_problem.since", lambda: api.list_causes(api.Filters())),
        ("prune: old runs", "FROM course_sync_run", lambda: next(_old_runs(rules))),
        ("prune: their operations", "FROM course_sync_operation", lambda: _rows(list(Run.objects.all()[:25]))),
        ("prune: old attempts", "FROM course_sync_attempt", lambda: next(old_attempts(rules.details))),
        ("attempts of an hour", "FROM course_sync_attempt", lambda: list(window.values_list("seconds"))),
        ("sweep: lanes", "UPDATE course_sync_lane SET due_at", api.sweep),
    ]


def explained(statement: str) -> Iterator[str]:
    """Yield the lines of the database's plan."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}".replace("%", "%%"), [])
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            if len(names) == 1:
                yield row[0]
            else:
                values = dict(zip(names, row, strict=True))
                yield " ".join(f"{name}={values[name]}" for name in COLUMNS if values[name] is not None)


def main() -> None:
    """Print the plans of the site in the database that the environment names."""
    host.start()
    for name, statement in statements():
        print(f"\n{name}\n  {statement}\n")
        for line in explained(statement):
            print(f"    {line}")


if __name__ == "__main__":
    if sys.argv[1:] == ["explain"]:
        main()
        sys.exit()
    size = sys.argv[1:] or ["1000000", "5000"]
    for database in (host.mariadb, host.postgresql):
        print(f"\n{database.__name__}\n{'=' * 20}", flush=True)
        with database() as environment:
            run_in_fresh_process("large_site.py", *size, **environment)
            print(run_in_fresh_process("query_plans.py", "explain", **environment))
