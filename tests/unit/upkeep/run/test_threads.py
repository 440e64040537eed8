"""The threads of ``course_sync run``: their number is bounded, and they do not keep the process from ending."""

from __future__ import annotations

import threading

from course_sync_plugin.upkeep.run.threads import Workers

#: Seconds after which a test gives up waiting for an event.
PATIENCE = 30


def test_no_more_than_so_many_at_a_time_and_each_key_once():
    workers, entered, let_go = Workers(2), threading.Semaphore(0), threading.Event()
    taken: list[int] = []

    def job(number: int):
        def work() -> None:
            taken.append(number)
            entered.release()
            let_go.wait(PATIENCE)

        return work

    for number in (1, 1, 2, 3, 3, 4):
        workers.submit(number, job(number))
    assert entered.acquire(timeout=PATIENCE)
    assert entered.acquire(timeout=PATIENCE)
    assert sorted(taken) == [1, 2]
    workers.leave_behind(0, most=1)
    assert entered.acquire(timeout=PATIENCE)
    workers.leave_behind(0, most=1)
    assert sorted(taken) == [1, 2, 3]  # only one job may exceed the limit, so there is no fourth thread
    workers.close()
    workers.submit(5, job(5))
    assert sorted(map(str, workers.wait(0))) == ["1", "2", "3"]
    let_go.set()
    assert workers.wait(PATIENCE) == []
    assert sorted(taken) == [1, 2, 3]


def test_the_jobs_that_wait_are_replaced_by_others_in_their_order():
    workers, let_go = Workers(1), threading.Event()
    taken: list[str] = []

    def job(key: str):
        return lambda: (taken.append(key), let_go.wait(PATIENCE))

    workers.replace_waiting({key: job(key) for key in "abc"})
    workers.replace_waiting({key: job(key) for key in "adb"})  # "a" runs: it is not queued again
    let_go.set()
    while len(taken) < 3:
        assert workers.wait(PATIENCE) == []
    assert taken == ["a", "d", "b"]
    workers.close()
    workers.replace_waiting({"e": job("e")})
    assert workers.wait(PATIENCE) == []
    assert taken == ["a", "d", "b"]


def test_an_error_ends_the_job_alone(caplog):
    workers, done = Workers(1), threading.Event()

    def fail() -> None:
        raise RuntimeError("no")

    workers.submit("a", fail)
    workers.submit("b", done.set)
    assert done.wait(PATIENCE)
    assert workers.wait(PATIENCE) == []
    assert "the job of a ended in an error" in caplog.text


def test_where_no_thread_can_be_started_the_job_may_be_submitted_again(caplog, monkeypatch):
    workers, done = Workers(1), threading.Event()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("can't start")))
        workers.submit("a", done.set)
    assert workers.wait(0) == []
    assert "the job of a was not started" in caplog.text
    workers.submit("a", done.set)
    assert done.wait(PATIENCE)
