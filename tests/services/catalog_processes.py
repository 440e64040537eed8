"""The two processes of the concurrency test: ``publish`` saves whole overviews as the platform does, ``sync`` runs."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

COURSES = 20


def publish(publishes: int, stop: Path) -> dict[str, int]:
    """Save overviews as a publish does: the row is read, changed and written back as a whole, in a transaction.

    Before the last 100 the runs are told to stop, so that no later run mends what a publish undid. Returns how often
    another's write had undone one of ours, and how often we undid a URL that had been written meanwhile: what the
    plugin has to mend.
    """
    from django.db import connection, transaction

    from course_sync_plugin import api, receivers
    from course_sync_plugin.testing.catalog_server import made_up_key
    from sandbox.course_overviews.models import CourseOverview

    # The task that the wake-up sends, without a broker: in the same thread that would send it.
    receivers.saved_overviews._send = api.restore_catalog_columns
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
    receivers.saved_overviews.finish()
    deadline = time.monotonic() + 10
    while receivers.saved_overviews._keys and time.monotonic() < deadline:
        time.sleep(0.05)
    connection.close()
    return {"lost": lost, "stale": stale}


def sync(stop: Path) -> dict[str, int]:
    """Bring another URL for every course, again and again, until the file is there."""
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
