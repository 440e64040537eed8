"""Failures of others that need a real database: a task runs while the author's transaction is still open."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from course_sync_plugin import api
from course_sync_plugin.data import Structure
from course_sync_plugin.models import Course, Lane, Marker, Run
from course_sync_plugin.sync.course import Outcome
from sandbox.published.models import PublishedCourse
from sandbox.published.source import to_json
from tests.integration.courses import COURSE, a_course
from tests.services.host import Host, ReceiverProcess, check_in_step, check_journal, publish
from tests.services.test_markers import INSERT, an_author

pytestmark = [
    pytest.mark.parametrize("database_url", ["mariadb"], indirect=True),
    pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"]),
]

TABLE = PublishedCourse._meta.db_table


def write(author: Any, structure: Structure) -> None:
    """Write a course and its marker as a publish does, on the connection of the author. Nothing is committed."""
    row = (structure.published_version, json.dumps(to_json(structure)), structure.course_id)
    author.execute(f"UPDATE {TABLE} SET published_version = %s, structure = %s WHERE course_key = %s", row)
    if not author.rowcount:
        columns = "published_version, structure, course_key, html"
        author.execute(f"INSERT INTO {TABLE} ({columns}) VALUES (%s, %s, %s, '{{}}')", row)
    author.execute(INSERT.format(key=structure.course_id))


def in_step_at(host: Host) -> ReceiverProcess:
    """Return a receiver that has the first version of the course."""
    receiver = host.receiver()
    publish(a_course("v1"))
    api.sync_marked()
    api.deliver_until_empty()
    assert receiver.has(a_course("v1"))
    return receiver


@pytest.mark.story(4)
def test_story_04_a_task_that_starts_before_the_commit(host, isolation):
    """Another publish has woken it. It reads the structure from before the publish, and takes no marker away."""
    receiver = in_step_at(host)
    new = a_course("v2", sections=3)
    with an_author(isolation) as author:
        write(author, new)
        assert api.sync_course(COURSE).published_version == "v1"
        author.execute("COMMIT")
    assert Marker.objects.count() == 1
    api.sync_marked()
    api.deliver_until_empty()
    check_in_step([receiver], [COURSE])
    assert receiver.has(new)


@pytest.mark.story(6)
def test_story_06_a_value_that_changes_in_the_transaction_around_the_task(host, isolation):
    """The last task that runs before the commit is not the last one that looks: the title arrives."""
    receiver = in_step_at(host)
    with an_author(isolation) as author:
        for number in range(3):
            write(author, a_course(f"v{number + 2}", titles={"course": f"Title {number}"}))
            api.sync_marked()
            api.sweep()
        author.execute("COMMIT")
    api.sync_marked()
    api.deliver_until_empty()
    assert receiver.has(a_course("v4", titles={"course": "Title 2"}))
    assert Run.objects.count() == 2


@pytest.mark.story(7)
def test_story_07_one_course_whoever_comes_first(host, isolation):
    """A task runs before the transaction that creates the course is committed, and two after it at the same time."""
    receiver = host.receiver()
    with an_author(isolation) as author:
        write(author, a_course("v1"))
        assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
        assert not Course.objects.exists()
        author.execute("COMMIT")
    together = Barrier(2)

    def sync(_number: int) -> Outcome:
        try:
            together.wait(30)
            return api.sync_course(COURSE).outcome
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(sync, range(2)))
    assert Outcome.RECORDED in outcomes
    api.sync_marked()
    assert (Course.objects.count(), Run.objects.count(), Lane.objects.count()) == (1, 1, 1)
    api.deliver_until_empty()
    check_in_step([receiver], [COURSE])
    check_journal(COURSE)
