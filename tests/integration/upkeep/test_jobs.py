"""Background jobs: each item once, by one worker at a time, also if a worker dies, and only as it was shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError
from waffle.testutils import override_switch

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, PermanentError, UnknownName
from course_sync_plugin.models import DatabaseNow, Job, OperatorAction, leases
from course_sync_plugin.upkeep.audit import operator_now
from course_sync_plugin.upkeep.jobs import turn
from course_sync_plugin.upkeep.jobs.items import PLANNERS, Planned

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """A worker that is killed: nothing after it runs."""


class Work:
    """What a job of this test does. ``before``: is called with the key before an item is carried out."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.operators: set[tuple[str, str]] = set()
        self.tokens: dict[str, str] = {}
        self.before: Callable[[str], object] = lambda key: None

    def plan(self, _job: Job, key: str) -> Planned | None:
        if key in self.done:
            return None
        return Planned(self.tokens.get(key, f"token of {key}"), lambda: self._carry_out(key))

    def _carry_out(self, key: str) -> str:
        self.before(key)
        self.done.append(key)
        self.operators.add((operator_now().name, operator_now().note))
        return ""


@pytest.fixture
def work(monkeypatch) -> Work:
    found = Work()
    monkeypatch.setattr(turn, "PLANNERS", {**PLANNERS, "count": found.plan})
    return found


def a_job(number: int = 3) -> Job:
    with api.acting("somebody", "as agreed"):
        return api.start_job("count", [(str(at), f"token of {at}") for at in range(number)], target="crm")


def counts(job: Job) -> tuple[str, int, int, int, int]:
    job.refresh_from_db()
    return job.state, job.position, job.done, job.skipped, job.failed


def lease_runs_out(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=DatabaseNow(-1))


def raises(error: BaseException, at: str) -> Callable[[str], None]:
    def before(key: str) -> None:
        if key == at:
            raise error

    return before


def test_each_item_is_carried_out_in_the_name_of_the_operator(work):
    job = a_job()
    assert api.due_jobs() == [job.pk]
    api.run_job(job.pk)
    assert work.done == ["0", "1", "2"]
    assert work.operators == {("somebody", "as agreed")}
    assert counts(job) == ("finished", 3, 3, 0, 0)
    assert (job.lease_token, api.due_jobs()) == ("", [])
    assert job.created_at <= job.began_at <= job.ended_at
    begun = OperatorAction.objects.get(action="start-job")
    assert (begun.operator, begun.note, begun.target_name) == ("somebody", "as agreed", "crm")
    assert begun.arguments == {"job": job.pk, "action": "count", "items": 3}


def test_what_has_changed_since_it_was_shown_is_left(work):
    work.tokens["1"] = "another"
    job = a_job()
    api.run_job(job.pk)
    assert work.done == ["0", "2"]
    assert counts(job) == ("finished", 3, 2, 1, 0)
    assert job.errors == ["1: it has changed since it was shown, or was done already"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermanentError("the title is taken"), "1: the title is taken"),
        (ValueError("\x1b[31m"), "1: an error of course_sync: ValueError"),
    ],
)
def test_an_error_of_an_item_stops_no_other(work, error, reason):
    work.before = raises(error, "1")
    job = a_job()
    api.run_job(job.pk)
    assert work.done == ["0", "2"]
    assert (counts(job), job.errors) == (("finished", 3, 2, 0, 1), [reason])


def test_what_is_kept_of_errors_is_bounded_and_cleaned(work):
    work.before = raises(PermanentError("\u202e" + "x" * 9999 + "\U0001f41d"), "1")
    job = a_job()
    api.run_job(job.pk)
    (reason,) = counts(job) and job.errors
    assert len(reason) <= turn.LONGEST_ERROR
    assert "\u202e" not in reason
    job = a_job(50)
    work.tokens = dict.fromkeys(map(str, range(50)), "another")
    api.run_job(job.pk)
    assert counts(job)[3] == 50
    assert len(job.errors) == turn.MOST_ERRORS


class TestKilled:
    def test_the_next_worker_goes_on_and_no_item_is_carried_out_twice(self, work):
        job = a_job()
        work.before = raises(Killed(), "1")
        with pytest.raises(Killed):
            api.run_job(job.pk)
        assert (counts(job), api.due_jobs()) == (("running", 1, 1, 0, 0), [])
        lease_runs_out(job)
        work.before = lambda key: None
        api.run_job(job.pk)
        assert work.done == ["0", "1", "2"]
        assert (counts(job), job.attempts) == (("finished", 3, 3, 0, 0), 0)

    def test_after_an_item_and_before_it_was_noted(self, work, monkeypatch):
        """The item is not done again: there is nothing to do any more."""
        job = a_job()
        monkeypatch.setattr(leases, "update_held", lambda *args, **values: raises(Killed(), "")(""))
        with pytest.raises(Killed):
            api.run_job(job.pk)
        assert (work.done, counts(job)[:2]) == (["0"], ("running", 0))
        monkeypatch.undo()
        monkeypatch.setattr(turn, "PLANNERS", {"count": work.plan})
        lease_runs_out(job)
        api.run_job(job.pk)
        assert work.done == ["0", "1", "2"]
        assert counts(job) == ("finished", 3, 2, 1, 0)

    def test_an_item_that_kills_each_worker_ends_the_job(self, work):
        job = a_job()
        work.before = raises(Killed(), "1")
        for _worker in range(turn.MOST_DEATHS):
            with pytest.raises(Killed):
                api.run_job(job.pk)
            lease_runs_out(job)
        api.run_job(job.pk)
        assert counts(job) == ("failed", 1, 1, 0, 0)
        assert job.errors == ["1: 3 processes died with this item."]
        assert api.due_jobs() == []

    def test_a_database_that_is_away_is_no_error_of_the_item(self, work):
        job = a_job()
        work.before = raises(OperationalError(), "1")
        with pytest.raises(OperationalError):
            api.run_job(job.pk)
        assert counts(job) == ("running", 1, 1, 0, 0)


class TestTwoWorkers:
    def test_one_of_them_works(self, work):
        job = a_job()
        work.before = lambda key: api.run_job(job.pk)  # the other one
        api.run_job(job.pk)
        assert work.done == ["0", "1", "2"]

    def test_one_that_lost_its_lease_notes_nothing(self, work):
        job = a_job()

        def another_takes_over(key: str) -> None:
            if key == "1":
                work.before = lambda key: None
                lease_runs_out(job)
                api.run_job(job.pk)

        work.before = another_takes_over
        api.run_job(job.pk)
        assert sorted(set(work.done)) == ["0", "1", "2"]
        assert counts(job) == ("finished", 3, 3, 0, 0)


class TestStop:
    def stop(self, job: Job) -> bool:
        with api.acting("another", "too early"):
            return api.stop_job(api.stop_plan(job.pk))

    def test_it_takes_effect_between_two_items(self, work):
        job = a_job()
        work.before = lambda key: self.stop(job) if key == "1" else None
        api.run_job(job.pk)
        assert work.done == ["0", "1"]
        assert counts(job) == ("stopped", 2, 2, 0, 0)
        assert job.ended_at
        stopped = OperatorAction.objects.get(action="stop-job")
        assert (stopped.operator, stopped.note, stopped.changed) == ("another", "too early", {"position": 1, "of": 3})

    def test_before_it_began(self, work):
        job = a_job()
        assert self.stop(job)
        api.run_job(job.pk)
        assert (work.done, counts(job)[0], api.due_jobs()) == ([], "stopped", [])

    def test_a_worker_that_died_need_not_come_back(self, work):
        job = a_job()
        work.before = raises(Killed(), "1")
        with pytest.raises(Killed):
            api.run_job(job.pk)
        self.stop(job)
        lease_runs_out(job)
        api.run_job(job.pk)
        assert (work.done, counts(job)) == (["0"], ("stopped", 1, 1, 0, 0))

    def test_one_that_has_ended(self, work):
        job = a_job()
        plan = api.stop_plan(job.pk)
        api.run_job(job.pk)
        assert not api.stop_job(plan)
        with pytest.raises(ConfigurationError, match="cannot be stopped: finished"):
            api.stop_plan(job.pk)
        with pytest.raises(UnknownName):
            api.stop_plan(0)
        assert not OperatorAction.objects.filter(action="stop-job").exists()


def test_a_process_that_ends_gives_the_job_back(work):
    job = a_job()
    api.run_job(job.pk, lambda: len(work.done) == 2)
    assert counts(job) == ("running", 2, 2, 0, 0)
    assert api.due_jobs() == [job.pk]
    api.run_job(job.pk)
    assert counts(job) == ("finished", 3, 3, 0, 0)


def test_nothing_is_done_while_everything_is_stopped(work):
    job = a_job()
    with override_switch("course_sync.stopped", active=True):
        assert api.due_jobs() == []
        api.run_job(job.pk)
    assert (work.done, counts(job)[1]) == ([], 0)
    assert api.due_jobs() == [job.pk]


def test_a_job_of_a_newer_release_is_left_to_it():
    job = a_job()
    assert api.due_jobs() == []
    api.run_job(job.pk)
    assert counts(job)[:2] == ("waiting", 0)


def test_a_task_carries_on_what_there_is(work):
    jobs = [a_job(), a_job()]
    assert not api.run_due_jobs(60)
    assert [counts(job)[0] for job in jobs] == ["finished", "finished"]
    a_job()
    assert api.run_due_jobs(-1)


def test_a_job_has_a_bounded_number_of_items():
    with pytest.raises(ValueError, match="at most"):
        a_job(api.MOST_ITEMS + 1)
