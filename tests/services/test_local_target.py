"""Tests the target ``local`` on MariaDB and on PostgreSQL: isolation levels, and processes that are killed."""

from __future__ import annotations

import time

import pytest
from django.db import connection, transaction

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, Lane, LocalEntity, LocalReplica
from course_sync_plugin.targets.local.isolation import LEVELS
from tests.integration.courses import COURSE, a_course
from tests.integration.targets.local_state import differences
from tests.integration.targets.local_strategies import fail_with
from tests.services.host import publish
from tests.services.processes import eventually

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

PRESENT_LEVEL = {
    "mysql": "SELECT trx_isolation_level FROM information_schema.innodb_trx"
    " WHERE trx_mysql_thread_id = CONNECTION_ID()",
    "postgresql": "SHOW transaction_isolation",
}


def present_level() -> str:
    """Return the isolation level of the transaction that is open."""
    time.sleep(0.2)  # InnoDB keeps the content of innodb_trx for 0.1 seconds
    with connection.cursor() as cursor:
        cursor.execute(PRESENT_LEVEL[connection.vendor])
        return cursor.fetchone()[0].lower()


@both
@pytest.mark.parametrize("level", LEVELS)
def test_the_isolation_level_is_that_of_one_transaction(host, monkeypatch, level):
    seen = set()
    fail_with(monkeypatch, "unit", lambda *_: seen.add(present_level()))
    with transaction.atomic():
        Lane.objects.exists()
        Lane.objects.update(attempts=0)
        default = present_level()
    api.add_target("here", backend="local", options=[f"isolation={level}"])
    structure = publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    assert seen == {level}
    assert differences(structure) == []
    with transaction.atomic():
        LocalReplica.objects.update(complete=True)
        assert present_level() == default
    report = api.test_target("here")
    assert report.ok
    assert f"'{level}'" in report.explanation
    assert all(name in report.explanation for name in LEVELS)


@both
def test_a_process_is_killed_in_the_open_transaction(host):
    """Neither the effect nor the cursor is there; another process delivers the envelope once."""
    host.set(COURSE_SYNC_LEASE_SECONDS=2)
    api.add_target("here", backend="local")
    publish(a_course("v1"))
    api.sync_course(COURSE)
    api.deliver_until_empty()
    structure = publish(a_course("v2", units=5, titles={"unit-0-0": "New"}))
    api.sync_course(COURSE)
    before = (Lane.objects.get().cursor, LocalReplica.objects.get().sequence, LocalEntity.objects.count())
    with transaction.atomic():
        list(LocalReplica.objects.select_for_update())  # the deliverer writes this row in its transaction
        deliverer = host.manage("course_sync", "deliver")
        eventually(lambda: Lane.objects.exclude(lease_token="").exists(), "the claim")
        time.sleep(1)
        deliverer.kill()
    assert (Lane.objects.get().cursor, LocalReplica.objects.get().sequence, LocalEntity.objects.count()) == before
    host.runner()
    eventually(lambda: Lane.objects.filter(due_at=None).exists(), "the delivery")
    assert differences(structure) == []
    assert LocalReplica.objects.get().published_version == "v2"


@both
def test_a_deadlock_is_no_problem_of_an_operation(host, monkeypatch):
    """A real deadlock or lock timeout cannot be timed well, so the database raises an error of the same class."""
    statements = {
        "mysql": "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'Deadlock'",
        "postgresql": "DO $$ BEGIN RAISE EXCEPTION 'Deadlock' USING ERRCODE = '40P01'; END $$",
    }

    def deadlock(*_arguments):
        with connection.cursor() as cursor:
            cursor.execute(statements[connection.vendor])

    api.add_target("here", backend="local", options=["retry_schedule=1,1"])
    structure = publish(a_course("v1"))
    api.sync_course(COURSE)
    with monkeypatch.context() as patch:
        fail_with(patch, "unit", deadlock)
        api.deliver_due()
    lane = Lane.objects.get()
    assert (lane.attempts, api.problems(), LocalEntity.objects.count()) == (1, [], 0)
    assert lane.last_error.startswith("The database did not carry out the envelope: OperationalError")
    Lane.objects.update(due_at=DatabaseNow())
    api.deliver_due()
    assert differences(structure) == []
