"""The catalog sync beside one get and one save per course, on an SQLite or MariaDB of its own.

``catalog.py RUNS`` makes so many overviews, reads as many runs from a local catalog (a process of its own) twice: once
everything is new, once nothing is. It tells queries per page, seconds, and how much memory grew from the first pages
on. One get and one save per course is timed on a sample with the same values.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import host

PAGE_SIZE = 100
#: Courses that are read and saved one by one.
SAMPLE = 1_000
#: Memory is compared with what it was after so many runs: by then everything is imported.
WARM = 3_200


def main(runs: int) -> dict:
    """Measure."""
    host.start()
    from course_sync_plugin.testing.catalog_server import made_up_key
    from sandbox.course_overviews.models import CourseOverview

    made = (CourseOverview(id=made_up_key(at), start="2026-02-02T00:00:00Z") for at in range(runs))
    CourseOverview.objects.bulk_create(made, batch_size=500)
    with served(runs):
        return {"first": measured(runs), "again": measured(runs), "one by one": one_by_one(min(runs, SAMPLE))}


class served:  # noqa: N801
    """A catalog in a process of its own, and the settings that lead to it."""

    def __init__(self, runs: int):
        command = [
            sys.executable,
            "-m",
            "course_sync_plugin.testing.catalog_server",
            "--port",
            "0",
            "--runs",
            str(runs),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> None:
        from django.conf import settings

        for _ in range(4):
            name, _, value = self.process.stdout.readline().removeprefix("export ").strip().partition("=")
            setattr(settings, name, value)

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        self.process.wait()


def measured(runs: int) -> dict:
    """Run once; return seconds per run, queries per page, and the growth of memory in megabytes."""
    import psutil

    from course_sync_plugin import api

    memory, process = {}, psutil.Process(os.getpid())

    def note(read: int, count: int | None) -> None:
        memory.setdefault("warm" if read >= min(WARM, runs) else "cold", process.memory_info().rss)
        memory["most"] = max(memory.get("most", 0), process.memory_info().rss)

    statements = Counter()
    with statements:
        began = time.perf_counter()
        result = api.update_catalog_data(api.CatalogOptions(page_size=PAGE_SIZE, on_page=note))
        seconds = time.perf_counter() - began
    assert (result.state, result.tally.counts["retrieved"]) == ("completed", runs), result
    grown = (memory["most"] - memory["warm"]) / 1e6
    return {"seconds": seconds / runs, "queries": statements.number / result.tally.pages, "megabytes": grown}


class Counter:
    """Counts statements without keeping them: a list of them would be the memory that is measured."""

    number = 0

    def __enter__(self) -> None:
        from django.db import connection

        self.wrapper = connection.execute_wrapper(self)
        self.wrapper.__enter__()

    def __exit__(self, *error: object) -> None:
        self.wrapper.__exit__(*error)

    def __call__(self, execute, sql, params, many, context):
        self.number += not sql.upper().startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK"))
        return execute(sql, params, many, context)


def one_by_one(courses: int) -> float:
    """Return the seconds that one get and one save take, on average."""
    from course_sync_plugin.testing.catalog_server import made_up_key
    from sandbox.course_overviews.models import CourseOverview

    began = time.perf_counter()
    for at in range(courses):
        overview = CourseOverview.objects.get(id=made_up_key(at))
        overview.marketing_url = f"https://www.example.com/another/{at}"
        overview.save()
    return (time.perf_counter() - began) / courses


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
