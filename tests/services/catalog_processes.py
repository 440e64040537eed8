"""The two processes of the concurrency test.

``publish`` saves whole overviews, as the platform does. ``sync`` runs the catalog sync.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

COURSES = 20


def publish(publishes: int, stop: Path) -> dict[str, int]:
    """Save overviews as a publish does: it reads, changes and writes the whole row in a transaction.

    The runs are stopped before the last 100 publishes, so that no later run restores a URL that a publish overwrote.
    Returns ``lost``, how often another writer overwrote a publish, and ``stale``, how often a publish overwrote a new
    URL, which the plugin must restore.
    """
    from django.db import connection, transaction

    from course_sync_plugin import api
    from course_sync_plugin.signals import handlers
    from course_sync_plugin.testing.catalog_server import made_up_key
    from sandbox.course_overviews.models import CourseOverview

    # There is no broker: the thread that would send the task runs it.
    handlers.saved_overviews._send = api.restore_catalog_columns
    names: dict[int, str] = {}
    lost = stale = 0
    for number in range(publishes):
        at = number % COURSES
        if number == publishes - 100:
            stop.touch()
        with transaction.atomic():
            overview = CourseOverview.objects.get(id=made_up_key(at))
            lost += overview.display_name != names.get(at)
            time.sleep(0.004)
            now = CourseOverview.objects.select_for_update().values_list("marketing_url", flat=True)
            stale += now.get(id=made_up_key(at)) != overview.marketing_url
            names[at] = overview.display_name = f"Publish {number}"
            overview.save()
    handlers.saved_overviews.finish()
    deadline = time.monotonic() + 10
    while handlers.saved_overviews._keys and time.monotonic() < deadline:
        time.sleep(0.05)
    connection.close()
    return {"lost": lost, "stale": stale}


def sync(stop: Path) -> dict[str, int]:
    """Sync a new URL for every course, again and again, until the file ``stop`` exists."""
    from course_sync_plugin import api
    from course_sync_plugin.testing.catalog_server import CatalogServer, MadeUpRuns

    runs = 0
    with CatalogServer() as server:
        from django.conf import settings

        for name, value in server.settings.items():
            setattr(settings, name, value)
        while not stop.exists():
            runs += 1
            server.runs = MadeUpRuns(COURSES, f"https://www.example.com/{runs}/c{{:06d}}")
            result = api.update_catalog_data(api.CatalogOptions())
            assert result.state == "completed", result
    return {"runs": runs}


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    import django

    django.setup()
    what, stopping, *number = sys.argv[1:]
    print(json.dumps(publish(int(number[0]), Path(stopping)) if what == "publish" else sync(Path(stopping))))
