"""Measures the catalog sync and, to compare, one get and one save per course. It uses a database of its own.

``catalog.py RUNS`` makes RUNS overviews and reads RUNS course runs twice from a local catalog in a process of its own:
the first time all are new, the second time none is. It prints queries per page, seconds, and the growth of memory after
the first pages. One get and one save per course is measured on a sample with the same values.
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
#: Course runs after which the growth of memory is counted: by then all modules are imported.
WARM = 3_200


def main(runs: int) -> dict:
    """Measure; return the figures."""
    host.start()
    from course_sync_plugin.testing.catalog_server import made_up_key
    from sandbox.course_overviews.models import CourseOverview

    made = (CourseOverview(id=made_up_key(at), start="2026-02-02T00:00:00Z") for at in range(runs))
    CourseOverview.objects.bulk_create(made, batch_size=500)
    with served(runs):
        return {"first": measured(runs), "again": measured(runs), "one by one": one_by_one(min(runs, SAMPLE))}


class served:  # noqa: N801
    """Runs a catalog in a process of its own, and sets the settings that lead to it."""

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
    """Read the catalog once; return seconds per course run, queries per page, and the growth of memory in megabytes."""
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
    assert (result.state, result.run_counts.counts["retrieved"]) == ("completed", runs), result
    grown = (memory["most"] - memory["warm"]) / 1e6
    return {"seconds": seconds / runs, "queries": statements.number / result.run_counts.pages, "megabytes": grown}


class Counter:
    """Counts statements without keeping them: a list of them would be part of the measured memory."""

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
    """Return the average seconds of one get and one save."""
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
