"""Tests publishes that rewrite overviews while the catalog is synced, in two processes on MariaDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.service

ROOT = Path(__file__).resolve().parents[2]
MARIADB = {"host": "127.0.0.1", "port": 3306, "user": "root"}
PUBLISHES = 1000


@pytest.fixture
def environment(tmp_path):
    """The environment variables of a sandbox with its own MariaDB database."""
    import MySQLdb

    name = f"course_sync_test_{uuid.uuid4().hex[:12]}"
    server = MySQLdb.connect(**MARIADB)
    server.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    variables = {
        **os.environ,
        "DATABASE_URL": f"mysql://root@127.0.0.1:3306/{name}",
        "SANDBOX_VAR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "CELERY_BROKER_URL": "",
    }
    yield variables
    server.cursor().execute(f"DROP DATABASE {name}")
    server.close()


def in_django(environment, code):
    setup = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'sandbox.settings'; import django; django.setup();"
    out = subprocess.run(
        [sys.executable, "-c", setup + code], env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    return out.stdout.decode()


def started(environment, *arguments):
    command = [sys.executable, "-m", "tests.services.catalog_processes", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)


def test_a_thousand_publishes_while_the_catalog_is_synced(environment, tmp_path):
    """No update is lost: no run overwrites a publish, and a URL that a publish overwrote is restored."""
    in_django(environment, "from django.core.management import call_command; call_command('migrate', verbosity=0)")
    in_django(environment, (
        "from sandbox.course_overviews.models import CourseOverview as C;"
        "from course_sync_plugin.testing.catalog_server import made_up_key;"
        "[C.objects.create(id=made_up_key(at)) for at in range(20)]"
    ))  # fmt: skip
    stop = tmp_path / "stop"
    syncing, publishing = started(environment, "sync", stop), started(environment, "publish", stop, PUBLISHES)
    published = json.loads(publishing.communicate(timeout=240)[0])
    synced = json.loads(syncing.communicate(timeout=60)[0])
    # The last overviews are due for a check after a minute: make the check due now.
    mended = in_django(environment, (
        "from course_sync_plugin import api, models as m;"
        "m.CatalogRecord.objects.exclude(check_at=None).update(check_at=m.DatabaseNow(-1));"
        "print(api.restore_due_catalog_columns())"
    ))  # fmt: skip
    rows = json.loads(in_django(environment, (
        "import json; from sandbox.course_overviews.models import CourseOverview as C;"
        "print(json.dumps(list(C.objects.order_by('id').values_list('display_name', 'marketing_url'))))"
    )))  # fmt: skip
    print(f"{published=} {synced=} mended by the second look={mended.strip()}")
    assert published["lost"] == 0
    assert published["stale"] > 0, "no publish met a run: nothing was tried"
    assert [name for name, _url in rows] == [f"Publish {PUBLISHES - 20 + at}" for at in range(20)]
    last = synced["runs"]
    assert [url for _name, url in rows] == [f"https://www.example.com/{last}/c{at:06d}" for at in range(20)]
