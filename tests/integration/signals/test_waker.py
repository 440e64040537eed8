"""A thread of the process sends the task after a publish, and the author does not wait for it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from celery import Celery, Task, current_app
from django.core.management import call_command
from django.db import transaction
from kombu.exceptions import OperationalError
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api, tasks, toggles
from course_sync_plugin.models import DatabaseNow, Lane, Marker
from course_sync_plugin.signals import handlers
from course_sync_plugin.signals.waker import Waker
from course_sync_plugin.sync.due import SHORTEST_WAIT
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course, recorded

KEY = CourseKey.from_string(COURSE)

#: Seconds that a wake-up may cost the author, as a median: on a busy machine a single publish can be slow.
AT_ONCE = 0.25


def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def seconds_of(call: Callable[[], Any]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


class TestWaker:
    def test_it_wakes(self):
        woken = threading.Event()
        Waker(woken.set, rest=lambda: 0).request()
        assert woken.wait(10)

    def test_in_a_daemon_thread_of_its_own(self):
        threads = []
        waker = Waker(lambda: threads.append(threading.current_thread()), rest=lambda: 0)
        waker.request()
        until(lambda: threads)
        assert threads[0] is not threading.main_thread()
        assert threads[0].daemon

    def test_one_that_hangs_holds_up_nobody(self):
        let_go, calls = threading.Event(), []
        waker = Waker(lambda: (calls.append(1), let_go.wait(20)), rest=lambda: 0)
        waker.request()
        until(lambda: calls)
        assert max(seconds_of(waker.request) for _ in range(182)) < AT_ONCE
        assert len(calls) == 1
        let_go.set()
        until(lambda: len(calls) == 2)  # 182 requests that came meanwhile lead to one more call
        time.sleep(0.05)
        assert len(calls) == 2

    def test_one_that_fails_does_not_end_it(self, caplog):
        calls = []
        waker = Waker(lambda: (calls.append(1), 1 / 0), rest=lambda: 0)
        for expected in (1, 2, 3):
            waker.request()
            until(lambda expected=expected: len(calls) == expected)
        assert "the next sweep will find the marker" in caplog.text

    def test_it_rests_after_each(self):
        calls = []
        waker = Waker(lambda: calls.append(time.monotonic()), rest=lambda: 0.2)
        end = time.monotonic() + 0.7
        while time.monotonic() < end:
            waker.request()
            time.sleep(0.005)
        until(lambda: len(calls) >= 3)
        assert len(calls) <= 5
        assert min(later - earlier for earlier, later in zip(calls, calls[1:])) >= 0.19

    def test_the_last_request_is_never_lost(self):
        """Requests that come during a call or a rest lead to one more call afterwards."""
        asked, seen = [0], []
        waker = Waker(lambda: seen.append(asked[0]), rest=lambda: 0.001)
        for number in range(500):
            asked[0] = number
            waker.request()
        until(lambda: seen and seen[-1] == 499)

    def test_a_process_that_cannot_start_a_thread(self, monkeypatch, caplog):
        calls = []
        waker = Waker(lambda: calls.append(1), rest=lambda: 0)
        with monkeypatch.context() as patch:
            patch.setattr(
                threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no more threads"))
            )
            waker.request()
        assert "no more threads" in caplog.text
        waker.request()
        until(lambda: calls)

    def test_a_forked_process_starts_its_own(self):
        """Workers of Celery and of web servers are forked, possibly while another thread holds the lock."""
        code = """
            import os, sys, threading, time
            from course_sync_plugin.signals.waker import Waker
            read, write = os.pipe()
            waker = Waker(lambda: os.write(write, b"%d " % os.getpid()), rest=lambda: 0)
            waker.request()
            parent = int(os.read(read, 99))
            assert parent == os.getpid()
            waker._lock.acquire()
            child = os.fork()
            if not child:
                threading.Timer(20, os._exit, [3]).start()
                waker.request()
                time.sleep(0.5)
                os._exit(0)
            assert int(os.read(read, 99)) == child
            assert os.waitpid(child, 0)[1] == 0
        """
        run = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], cwd=ROOT, timeout=60)
        assert run.returncode == 0

    def test_the_end_of_the_process_gives_it_a_moment(self):
        """A management command publishes and ends. Its wake-up is sent before that, without the rest in between."""
        calls = []
        waker = Waker(lambda: (time.sleep(0.1), calls.append(1)), rest=lambda: 60)
        waker.request()
        until(lambda: calls)
        waker.request()
        assert seconds_of(waker.finish) < 1
        assert len(calls) == 2

    def test_but_no_more_than_a_moment(self):
        let_go = threading.Event()
        waker = Waker(lambda: let_go.wait(30), rest=lambda: 0)
        for _ in range(3):
            waker.request()
        assert seconds_of(lambda: waker.finish(0.2)) < 1
        let_go.set()

    def test_the_end_of_a_process_that_never_woke_anybody(self):
        assert seconds_of(Waker(lambda: None, rest=lambda: 0).finish) < AT_ONCE


@contextlib.contextmanager
def broker(url: str, **settings: Any) -> Iterator[Celery]:
    """Replace the sandbox's Celery, in every thread, by a real one with the broker ``url``."""
    before = current_app._get_current_object()
    app = Celery("test", broker=url)
    app.conf.update({"task_always_eager": False, **settings})
    app.set_default()
    try:
        yield app
    finally:
        before.set_default()
        before.set_current()


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """Return a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def real_waker(monkeypatch) -> Iterator[Waker]:
    """Return the waker of the handlers in the state of a new process."""
    waker = Waker(tasks.wake_sync, rest=lambda: 0)
    monkeypatch.setattr(handlers, "waker", waker)
    return waker


@pytest.mark.django_db(transaction=True)
class TestBrokers:
    """A broker that refuses, hangs or loses messages does not slow down the author's thread."""

    def publish(self) -> float:
        def author():
            with transaction.atomic():
                handlers.on_course_published(sender=None, course_key=KEY)

        return median(seconds_of(author) for _ in range(20))

    @pytest.mark.story(8)
    @pytest.mark.parametrize("transport", ["redis", "amqp"])
    def test_one_that_refuses(self, real_waker, transport, caplog):
        once = {"max_retries": 1, "interval_start": 0, "interval_step": 0}
        with broker(f"{transport}://127.0.0.1:{closed_port()}//", broker_transport_options=once):
            assert self.publish() < AT_ONCE
            until(lambda: "no wake-up was sent" in caplog.text, 30)
        assert Marker.objects.count() == 20

    @pytest.mark.story(10)
    @pytest.mark.parametrize("transport", ["redis", "amqp"])
    def test_one_that_hangs(self, real_waker, transport):
        with silent_server() as port, broker(f"{transport}://127.0.0.1:{port}//"):
            assert self.publish() < AT_ONCE
        assert Marker.objects.count() == 20

    @pytest.mark.story(8)
    def test_one_that_swallows(self, real_waker, shelf, settings):
        """The broker accepts the message and loses it. The marker exists, and ``run`` finds it."""
        settings.COURSE_SYNC_QUIET_SECONDS = 0
        shelf.put(a_course("v1"))
        with broker("memory://"):
            assert self.publish() < AT_ONCE
            real_waker.finish()
        assert Marker.objects.count() == 20
        api.sync_marked()
        assert recorded().published_version == "v1"

    def test_182_publishes_are_a_few_wake_ups(self, monkeypatch, shelf, sent):
        """The number of wake-ups depends on the seconds that the publishes take. They lead to one run."""
        waker = Waker(tasks.wake_sync, rest=lambda: 0.5)
        monkeypatch.setattr(handlers, "waker", waker)
        began = time.monotonic()
        for at in range(182):
            shelf.put(a_course(f"v{at}", units=1 + at % 5))
            handlers.on_course_published(sender=None, course_key=KEY)
        waker.finish()
        assert 1 <= len(named(sent, "sync_marked")) <= 2 + (time.monotonic() - began) / 0.5
        age(10)
        tasks.sync_marked()
        assert recorded().runs.count() == 1
        assert recorded().published_version == "v181"

    def test_none(self, real_waker, shelf):
        """An eager Celery has no worker, and no task may run in the author's process."""
        shelf.put(a_course("v1"))
        with broker("", task_always_eager=True):
            assert self.publish() < AT_ONCE
            real_waker.finish()
        assert Marker.objects.count() == 20
        assert shelf.reads == 0


@pytest.fixture
def sent(monkeypatch) -> Iterator[list[tuple[str, tuple, dict]]]:
    """Return a list that collects the tasks, instead of a broker."""
    messages: list[tuple[str, tuple, dict]] = []

    def take(self: Task, args: tuple = (), **options: Any) -> None:
        messages.append((self.name.rpartition(".")[2], tuple(args), options))

    monkeypatch.setattr(Task, "apply_async", take)
    with broker("memory://"):
        yield messages


def named(messages: list, name: str) -> list[tuple]:
    return [message for message in messages if message[0] == name]


def age(seconds: float) -> None:
    """Change all markers so that they are ``seconds`` seconds old."""
    Marker.objects.update(seen_at=DatabaseNow(-seconds))


@pytest.mark.django_db
class TestTheTask:
    @pytest.fixture(autouse=True)
    def _five_seconds(self, settings):
        settings.COURSE_SYNC_QUIET_SECONDS = 5
        settings.COURSE_SYNC_MAX_WAIT_SECONDS = 60

    def test_a_wake_up_is_for_when_the_course_is_quiet(self, sent):
        tasks.wake_sync()
        ((name, args, options),) = sent
        assert (name, args, options["countdown"], options["retry"]) == ("sync_marked", (), 5, False)

    @pytest.mark.parametrize("queue", [None, "edx.cms.core.high"])
    def test_the_queue_is_the_configured_one(self, sent, settings, queue):
        settings.COURSE_SYNC_CELERY_QUEUE = queue
        tasks.wake_sync()
        assert sent[0][2]["queue"] == queue

    def test_it_comes_back_for_a_course_that_is_not_quiet(self, shelf, sent):
        shelf.publish(a_course("v1"))
        tasks.sync_marked()
        (again,) = named(sent, "sync_marked")
        assert again == ("sync_marked", (5,), {"countdown": 5, "queue": None, "retry": False})

    def test_it_does_not_come_back_for_nothing(self, shelf, sent):
        shelf.publish(a_course("v1"))
        age(5)
        tasks.sync_marked()
        assert recorded().published_version == "v1"
        assert named(sent, "sync_marked") == []

    @pytest.mark.parametrize(("quiet", "most"), [(5, 14), (0, 62), (90, 2)])
    def test_it_comes_back_so_many_times_and_no_more(self, sent, settings, monkeypatch, quiet, most):
        """The course is held by another worker, or published all the time. The next publish wakes another task."""
        settings.COURSE_SYNC_QUIET_SECONDS = quiet
        monkeypatch.setattr(api, "sync_marked", lambda seconds, done: max(quiet, SHORTEST_WAIT))
        arguments, calls = (), 0
        while arguments is not None and calls < 200:
            calls += 1
            sent.clear()
            tasks.sync_marked(*arguments)
            arguments = sent[0][1] if sent else None
        assert calls <= most

    def test_at_the_end_of_its_time_it_hands_on_at_once(self, shelf, sent, monkeypatch):
        keys = [f"course-v1:Org+Course+Run{at}" for at in range(3)]
        for key in keys:
            shelf.publish(a_course("v1", course=key))
        age(10)
        monkeypatch.setattr(tasks, "LONGEST", -1)
        tasks.sync_marked()
        assert sent[0] == ("sync_marked", (0,), {"countdown": 0, "queue": None, "retry": False})

    def test_what_was_recorded_is_delivered_by_tasks(self, shelf, sent, receiver):
        shelf.publish(a_course("v1"))
        age(10)
        tasks.sync_marked()
        assert [message[1] for message in named(sent, "deliver_lane")] == [(Lane.objects.get().pk,)]
        tasks.deliver_lane(Lane.objects.get().pk)
        assert receiver.equals(a_course("v1"))

    @pytest.mark.parametrize("left_out", [[], ["course-v1:Org+Course+Run1", "course-v1:Org+Course+Run4"]])
    def test_more_lanes_than_are_woken_at_once_are_all_delivered(self, shelf, sent, receiver, monkeypatch, left_out):
        keys = [f"course-v1:Org+Course+Run{at}" for at in range(7)]
        for key in keys:
            shelf.publish(a_course("v1", course=key, sections=1, units=1))
        age(10)
        monkeypatch.setattr(tasks.wake_lanes, "__defaults__", (2,))
        tasks.sync_marked()
        monkeypatch.setattr(toggles, "is_excluded", left_out.__contains__)
        assert len(named(sent, "deliver_lane")) == 2
        for _name, args, _options in (waiting := named(sent, "deliver_lane")):
            sent.clear()
            tasks.deliver_lane(*args)
            waiting.extend(named(sent, "deliver_lane"))
        delivered = [key for key in keys if receiver.equals(a_course("v1", course=key, sections=1, units=1))]
        assert delivered == [key for key in keys if key not in left_out]
        assert len(waiting) <= 9

    def test_a_broker_that_refuses_does_not_fail_the_task(self, shelf, sent, receiver, monkeypatch, caplog):
        def refuse(*args, **options):
            raise OperationalError("connection refused")

        monkeypatch.setattr(Task, "apply_async", refuse)
        shelf.publish(a_course("v1"))
        age(10)
        tasks.sync_marked()
        tasks.sweep()
        assert recorded().published_version == "v1"
        assert "the due work stays in the database" in caplog.text

    def test_a_broker_that_refuses_is_asked_once_however_many_lanes_are_due(self, shelf, sent, receiver, monkeypatch):
        asked = []

        def refuse(*args, **options):
            asked.append(args)
            raise OperationalError("connection refused")

        for at in range(5):
            shelf.publish(a_course("v1", course=f"course-v1:Org+Course+Run{at}"))
            api.sync_course(f"course-v1:Org+Course+Run{at}")
        monkeypatch.setattr(Task, "apply_async", refuse)
        tasks.wake_lanes()
        assert len(asked) == 1

    def test_the_sweep_wakes_what_it_found(self, shelf, sent):
        shelf.publish(a_course("v1"))
        age(10)
        tasks.sync_marked()
        shelf.put(a_course("v2"))
        sent.clear()
        tasks.sweep()
        assert Marker.objects.count() == 1
        assert named(sent, "sync_marked")

    def test_an_eager_celery_runs_nothing_in_the_caller(self, shelf):
        shelf.publish(a_course("v1"))
        age(10)
        for call in (tasks.wake_sync, tasks.wake_lanes, tasks.sweep):
            call()
        assert Marker.objects.count() == 1

    def test_tasks_carry_no_keys_and_no_data(self, shelf, sent, receiver):
        """Tasks are only wake-ups: their arguments are numbers."""
        shelf.publish(a_course("v1"))
        tasks.sync_marked()
        age(10)
        tasks.sync_marked()
        assert {type(value) for _name, args, _options in sent for value in args} <= {int, float}


def test_a_command_that_ends_at_once_still_wakes(tmp_path):
    """A real process uses a broker of files: the message is there after the process has ended."""
    code = """
        import sys, django
        from celery import Celery
        folder = sys.argv[1]
        app = Celery("test", broker="filesystem://")
        app.conf.broker_transport_options = {
            "data_folder_out": folder, "data_folder_in": folder, "control_folder": folder
        }
        app.set_default()
        django.setup()
        app.set_current()
        from django.core.management import call_command
        from opaque_keys.edx.keys import CourseKey
        call_command("migrate", verbosity=0)
        from course_sync_plugin.signals import handlers
        handlers.on_course_published(None, CourseKey.from_string("course-v1:Org+Course+Run"))
    """
    (tmp_path / "queue").mkdir()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "sandbox.settings", "SANDBOX_VAR": str(tmp_path)}
    environment.pop("DATABASE_URL", None)
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), str(tmp_path / "queue")],
        cwd=ROOT, env=environment, check=True, timeout=60,
    )  # fmt: skip
    (message,) = Path(tmp_path / "queue").glob("*.msg")
    assert "course_sync_plugin.sync_marked" in message.read_text()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "wakes"),
    [
        (["sweep"], 1),
        (["backfill"], 1),
        (["retry", "crm", "--yes"], 1),
        (["retry", "crm"], 0),
        (["reset", "crm"], 0),
        (["skip", "crm", "--yes", "--token", "0a1b2c3d4e5f"], 1),
        (["skip", "crm", "--id", "261fd25b-4574-47d8-9594-4a4d68f4bdaf", "--yes"], 1),
        (["resume", "crm", "--yes"], 1),
        (["approve", "--yes", "--token", "0a1b2c3d4e5f"], 1),
        (["set-url", "crm", "http://127.0.0.1:1/"], 1),
        (["status"], 0),
        (["targets"], 0),
        (["pause", "crm", "--yes"], 0),
        (["sync", "--plan"], 0),
        (["approve"], 0),
        (["skip", "crm"], 0),
        (["set-context", "course-v1:Org+Course+Run", "crm", "level=A2"], 1),
        (["set-context", "course-v1:Org+Course+Run", "crm"], 0),
        (["backfill", "--dry-run"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_workers_are_told_of_what_an_operator_made_due(shelf, receiver, sent, command, wakes):
    """A site with only Celery does the work at once. A command that only shows a plan makes nothing due."""
    with contextlib.suppress(SystemExit):  # no run is held, and no operation has failed
        call_command("course_sync", *command, stdout=StringIO(), stderr=StringIO())
    assert len(named(sent, "sync_marked")) == wakes


@pytest.mark.django_db
def test_a_broker_that_hangs_does_not_hold_up_an_operator(shelf):
    with silent_server() as port, broker(f"redis://127.0.0.1:{port}//"):
        assert seconds_of(lambda: call_command("course_sync", "sweep", stdout=StringIO())) < 6
