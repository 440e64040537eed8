"""Tests differences between databases: clocks, time zones, characters, isolation. On MariaDB and on PostgreSQL."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from course_sync_plugin import api
from course_sync_plugin.lanes.retry import JITTER
from course_sync_plugin.models import Course, DatabaseNow, Marker, Problem, ProblemState
from course_sync_plugin.sanitize import limits
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.commands.test_hostile_arguments import check_every_argument
from tests.integration.courses import COURSE, a_course, block, check_due_time
from tests.services import servers
from tests.services.host import publish
from tests.services.processes import ROOT

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

SESSION_ZONE = {"mysql": "SET time_zone = %s", "postgresql": "SELECT set_config('TimeZone', %s, false)"}


def use_zone(offset: str) -> None:
    """Set the time zone of the session, as a setting of the server could."""
    with connection.cursor() as cursor:
        # PostgreSQL reads +05:00 as POSIX does, with the opposite sign; this makes no difference to the test
        cursor.execute(SESSION_ZONE[connection.vendor], [offset])
        cursor.execute("SELECT CURRENT_TIMESTAMP")


@both
class TestClock:
    @pytest.mark.parametrize("zone", ["+00:00", "+05:00", "-11:00"])
    @pytest.mark.parametrize("seconds", [0, -3600, 0.25, 86400])
    def test_it_is_utc_whatever_the_session_thinks(self, host, zone, seconds):
        use_zone(zone)
        marker = Marker.put(COURSE)
        Marker.objects.filter(pk=marker.pk).update(seen_at=DatabaseNow(seconds))
        marker.refresh_from_db()
        expected = datetime.now(UTC) + timedelta(seconds=seconds)
        assert abs(marker.seen_at - expected) < timedelta(seconds=5)

    def test_sessions_in_two_time_zones_agree(self, host):
        host.set(COURSE_SYNC_QUIET_SECONDS=30, COURSE_SYNC_MAX_WAIT_SECONDS=60)
        use_zone("+05:00")
        publish(a_course("v1"))
        use_zone("-11:00")
        assert api.sync_marked() == 30  # the courses were published a moment ago, not hours ago
        Marker.objects.update(seen_at=DatabaseNow(-31))
        use_zone("+05:00")
        assert api.sync_marked() is None
        assert Course.objects.get().published_version == "v1"


@pytest.mark.story(27)
@pytest.mark.parametrize("database_url", ["mariadb", "old_mariadb", "postgresql"], indirect=True)
def test_characters_of_four_bytes(host):
    """Titles keep them. In texts of a receiver they are replaced, since older sites cannot store them."""
    title = "Bees 🐝 and 𝄞 clefs"
    with Receiver() as receiver:
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-1"), reason=f"no {title}", times=None))
        structure = publish(a_course("v1", titles={"unit-0-0": title, "unit-0-1": title}))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        assert receiver.replica(COURSE).structure().entities[block("vertical", "unit-0-0")].fields == {
            "display_name": title
        }
    assert Problem.objects.get(state=ProblemState.FAILED).reason == "no Bees \ufffd and \ufffd clefs"
    assert len(structure) == len(receiver.replica(COURSE).structure()) + 1


@pytest.mark.parametrize("database_url", ["old_mariadb"], indirect=True)
def test_every_argument_where_characters_have_three_bytes(host, tmp_path, monkeypatch):
    """The integration tests, which run on each database, cover the other character sets."""
    host.set(COURSE_SYNC_ALLOWED_PRIVATE_HOSTS=["127.0.0.1"])
    api.add_target("crm", url="https://127.0.0.1:9/")
    publish(a_course("v1"))
    api.sync_course(COURSE)
    monkeypatch.chdir(tmp_path)  # some arguments name files to write
    assert check_every_argument("course_sync") > 300


#: Integration tests that do not use the test's database, because they use processes with their own SQLite; and those
#: that do the same requests again with more courses, options and faults.
ELSEWHERE = (
    "commands/test_abbreviations",
    "commands/test_run",
    "sandbox/test_dashboard",
    "sandbox/test_demo",
    "sandbox/test_demo_two_way",
    "catalog/test_client",
    "replication/test_canvas_courses",
    "replication/test_canvas_faults",
    "replication/test_canvas_random",
    "replication/test_discourse_options",
    "replication/test_discourse_series",
    "replication/test_discussions_faults",
)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("server", [servers.mariadb, servers.postgresql], ids=lambda server: server.__name__)
def test_the_integration_tests(server):
    """Runs the integration tests again on MariaDB and on PostgreSQL, each with its own database."""
    options = ["-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "worksteal", "-m", "not service"]
    elsewhere = [f"--ignore=tests/integration/{name}.py" for name in ELSEWHERE]
    with server() as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *elsewhere, "tests/integration"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.PIPE,
            text=True,
            timeout=1400,
        )
    assert done.returncode == 0, done.stdout


LONGEST = [limits.RETRY_WAIT.most * (1 + JITTER), limits.RETRY_AFTER.most, limits.MOMENT.most, -limits.MOMENT.most]


@pytest.mark.parametrize("database_url", ["mariadb", "old_mariadb", "postgresql"], indirect=True)
@pytest.mark.parametrize("seconds", [*LONGEST, 1e12, -1e12, math.inf, math.nan], ids=str)
def test_the_longest_wait_is_kept_as_a_due_time(host, seconds):
    """The same test for SQLite is in tests/integration/test_absurd_numbers.py."""
    check_due_time(seconds)


@pytest.mark.parametrize(
    ("database_url", "wait"),
    [("mariadb", "9999-12-31 23:59:59"), ("postgresql", "9999-12-31 23:59:59"), ("postgresql", "31999-01-01 00:00:00")],
    indirect=["database_url"],
)
def test_a_lane_that_an_older_version_let_wait_for_thousands_of_years(host, wait):
    """PostgreSQL stores a year that Python cannot read. The sweep corrects it without reading it."""
    publish(a_course("v1"))
    with Receiver() as receiver:
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        api.sync_course(COURSE)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE course_sync_lane SET due_at = %s", [wait])
        assert api.sweep().lanes == 1
        assert api.deliver_due().operations == 11
        assert [lane["state"] for lane in api.status()["courses"][0]["lanes"]] == ["in step"]
