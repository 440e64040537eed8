"""Background jobs on MariaDB and PostgreSQL: several workers at one job, and workers that end at any moment."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from django.db import connections

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, Job
from course_sync_plugin.upkeep.jobs import turn
from course_sync_plugin.upkeep.jobs.items import Planned
from tests.integration.courses import COURSE

both = pytest.mark.parametrize("database_url", ["mariadb", "postgresql"], indirect=True)

ITEMS, WORKERS = 60, 4


class Killed(BaseException):
    """A worker ends without giving anything back."""


class Counter:
    """Counts how often each item is carried out. It is done already after the first time."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.lock = threading.Lock()
        self.deaths = 10

    def plan(self, _job: Job, key: str) -> Planned | None:
        return None if key in self.done else Planned("token", lambda: self.carry_out(key))

    def carry_out(self, key: str) -> str:
        with self.lock:
            dies = self.deaths > 0 and random.random() < 0.2
            self.deaths -= dies
        if dies and random.random() < 0.5:
            raise Killed
        self.done.append(key)
        if dies:
            raise Killed  # after its effect
        return ""


@both
def test_each_item_takes_effect_once(host, monkeypatch):
    monkeypatch.setattr(turn, "MOST_DEATHS", 99)
    counter = Counter()
    job = api.start_job("count", [(str(number), "token") for number in range(ITEMS)])

    def work(_number: int) -> None:
        try:
            while job.pk in list(Job.objects.filter(state__in=("waiting", "running")).values_list("pk", flat=True)):
                try:
                    api.run_job(job.pk, lambda: random.random() < 0.1)
                except Killed:
                    Job.objects.filter(pk=job.pk).update(lease_until=DatabaseNow(-1))
        finally:
            connections.close_all()

    with mock.patch.object(turn, "PLANNERS", {"count": counter.plan}), ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(work, range(WORKERS), timeout=120))
    job.refresh_from_db()
    assert (job.state, job.position, job.lease_token) == ("finished", ITEMS, "")
    assert sorted(counter.done, key=int) == [str(number) for number in range(ITEMS)]
    assert (job.done + job.skipped, job.failed) == (ITEMS, 0)
    assert job.skipped <= 10  # those whose worker ended between the effect and its note


@both
def test_what_a_job_stores(host):
    """Its texts are those that each database takes, and it is found by the exact name of its organisation."""
    with api.acting("B\u00e9a \U0001f41d", "note \U0001f41d"):
        job = api.start_job("backfill", [(COURSE, "token")], org="Org")
    api.run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.skipped) == ("finished", 1)
    assert [one.pk for one in api.jobs_within(["Org"], [])] == [job.pk]
    assert list(api.jobs_within(["org"], ["ORG"])) == []
    assert api.going_jobs() == []
