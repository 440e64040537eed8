"""What databases do differently: clocks, time zones, characters, isolation. On MariaDB and on PostgreSQL."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from course_sync_plugin import api, limits
from course_sync_plugin.lanes.retry import JITTER
from course_sync_plugin.models import Course, DatabaseNow, Marker, Problem, ProblemState
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.courses import COURSE, a_course, block, check_due_time
from tests.integration.test_hostile_arguments import check_every_argument

from . import servers
from .host import publish
from .processes import ROOT

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

SESSION_ZONE = {"mysql": "SET time_zone = %s", "postgresql": "SELECT set_config('TimeZone', %s, false)"}


def use_zone(offset: str) -> None:
    """Put the session into a time zone: the one that a server's own setting would put it into."""
    with connection.cursor() as cursor:
        # PostgreSQL reads +05:00 as POSIX does: the other way round, which is as good for the purpose
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
        assert api.sync_marked() == 30  # it was published a moment ago, not hours
        Marker.objects.update(seen_at=DatabaseNow(-31))
        use_zone("+05:00")
        assert api.sync_marked() is None
        assert Course.objects.get().published_version == "v1"


@pytest.mark.parametrize("database_url", ["mariadb", "old_mariadb", "postgresql"], indirect=True)
def test_characters_of_four_bytes(host):
    """In titles they arrive; in what a receiver says they are replaced, since older sites have no room for them."""
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
def test_every_argument_where_characters_have_three_bytes(host):
    """The others are met in the integration tests, which are run on each database."""
    host.set(COURSE_SYNC_ALLOWED_PRIVATE_HOSTS=["127.0.0.1"])
    api.add_target("crm", url="https://127.0.0.1:9/")
    publish(a_course("v1"))
    api.sync_course(COURSE)
    assert check_every_argument("course_sync") > 300


#: Integration tests that are about no database of ours: processes with an SQLite of their own, and HTTP.
ELSEWHERE = ("test_commands_run", "test_demo", "test_wakeup", "test_catalog_client")


@pytest.mark.parametrize("server", [servers.mariadb, servers.postgresql])
def test_the_integration_tests(server):
    """They are run a second and a third time, each time on a database of its own."""
    options = ["-q", "-p", "no:cacheprovider", "-n", "2", "-m", "not service"]
    elsewhere = [f"--ignore=tests/integration/{name}.py" for name in ELSEWHERE]
    with server() as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *elsewhere, "tests/integration"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.PIPE,
            text=True,
            timeout=1200,
        )
    assert done.returncode == 0, done.stdout


LONGEST = [limits.RETRY_WAIT.most * (1 + JITTER), limits.RETRY_AFTER.most, limits.MOMENT.most, -limits.MOMENT.most]


@pytest.mark.parametrize("database_url", ["mariadb", "old_mariadb", "postgresql"], indirect=True)
@pytest.mark.parametrize("seconds", [*LONGEST, 1e12, -1e12, math.inf, math.nan], ids=str)
def test_the_longest_wait_is_kept_as_a_due_time(host, seconds):
    """SQLite has the same test, in tests/integration/test_absurd_numbers.py."""
    check_due_time(seconds)


@pytest.mark.parametrize(
    ("database_url", "wait"),
    [("mariadb", "9999-12-31 23:59:59"), ("postgresql", "9999-12-31 23:59:59"), ("postgresql", "31999-01-01 00:00:00")],
    indirect=["database_url"],
)
def test_a_lane_that_an_older_version_let_wait_for_thousands_of_years(host, wait):
    """PostgreSQL stores a year that Python cannot read: the sweep mends it without reading it."""
    publish(a_course("v1"))
    with Receiver() as receiver:
        api.add_target("crm", url=receiver.url, secret=receiver.secret)
        api.sync_course(COURSE)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE course_sync_lane SET due_at = %s", [wait])
        assert api.sweep().lanes == 1
        assert api.deliver_due().operations == 11
        assert [lane["state"] for lane in api.status()["courses"][0]["lanes"]] == ["in step"]
