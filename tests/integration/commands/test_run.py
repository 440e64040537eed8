"""``course_sync run``: the process that does all the work, run as on a real site."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from django.core.management import call_command
from django.db import OperationalError

from course_sync_plugin import api
from course_sync_plugin.management.subcommands import run
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.testing.faults import Fault, Response
from course_sync_plugin.testing.receiver import Receiver
from tests.conftest import ROOT, SAMPLE

COURSE = "course-v1:Meadow+BEES101+2026"


class Site:
    """A sandbox of its own, driven by its commands."""

    def __init__(self, folder: Path):
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "sandbox.settings",
            "SANDBOX_VAR": str(folder),
            "COURSE_SYNC_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
            "LOG_LEVEL": "INFO",
        }
        self.environment.pop("DATABASE_URL", None)
        self.environment.pop("CELERY_BROKER_URL", None)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "manage.py", *arguments],
            cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    def publish(self, *paths: Path) -> None:
        """Publish exports one after the other in one process, without a sync or a delivery."""
        code = (
            "import sys, django; django.setup();"
            "from sandbox.published.publishing import publish;"
            "[publish(path) for path in sys.argv[1:]]"
        )
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *map(str, paths)],
            cwd=ROOT, env=self.environment, check=True, timeout=60,
        )  # fmt: skip

    def lane(self) -> dict[str, Any]:
        return json.loads(self("course_sync", "status", "--json"))["courses"][0]["lanes"][0]


@pytest.fixture
def site(tmp_path) -> Site:
    made = Site(tmp_path)
    made("migrate", "--verbosity", "0")
    return made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running_receiver:
        yield running_receiver


def until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


RUNS = "course_sync is running; stop it with Ctrl-C.\n"
STOPS = "course_sync is stopping. Running requests and reads get 4 seconds to finish.\n"


@attrs.define(eq=False)
class Gate(Fault):
    """A receiver that applies a message at once and answers when the gate is opened."""

    open: threading.Event = attrs.field(factory=threading.Event)

    def respond(self, response: Response) -> Response:
        self.open.wait(60)
        return response


def test_it_ends_when_its_time_is_up(site):
    began = time.monotonic()
    process = site.start("course_sync", "run", "--seconds", "1")
    out, _err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, RUNS + STOPS)
    assert time.monotonic() - began >= 1


def test_it_syncs_and_delivers(site, receiver):
    site("course_sync", "add-target", "crm", "--url", receiver.url, "--secret", receiver.secret)
    site("publish_olx", str(SAMPLE / "old"))
    process = site.start("course_sync", "run", "--interval", "0.1")
    try:
        until(lambda: receiver.equals(read_olx(SAMPLE / "old")))
    finally:
        process.terminate()
        _out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert receiver.difference(read_olx(SAMPLE / "old")) == []
    assert receiver.violations == []
    assert "course_sync: sweep missed=0 unknown=0 lanes=0" in err
    assert f"target=crm course={COURSE} envelopes=1 operations=33" in err
    status = json.loads(site("course_sync", "status", "--json"))
    assert status["last_run_at"], "it has noted that it was at work"
    assert status["last_sweep_at"]
    assert not status["not_running"]
    assert receiver.secret not in err


def test_what_is_published_while_it_runs_arrives_and_a_signal_lets_it_finish(site, receiver):
    """SIGTERM comes while a receiver holds a message: the process waits for the answer and records it."""
    site("course_sync", "add-target", "crm", "--url", receiver.url, "--secret", receiver.secret)
    process = site.start("course_sync", "run", "--interval", "0.1")
    try:
        assert process.stdout.readline() == RUNS
        site.publish(SAMPLE / "old")
        until(lambda: receiver.equals(read_olx(SAMPLE / "old")))
        gate = Gate()
        receiver.faults.append(gate)
        requests = len(receiver.requests)
        site.publish(SAMPLE / "new")
        until(lambda: len(receiver.requests) > requests)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == STOPS
        gate.open.set()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        process.communicate()
    assert len(receiver.requests) == requests + 1  # the move out of the deleted subsection comes first
    assert site.lane()["state"] == "pending"
    site("course_sync", "deliver")
    assert receiver.difference(read_olx(SAMPLE / "new")) == []
    assert (len(receiver.requests), receiver.counters["duplicates"]) == (requests + 2, 0)
    assert site.lane()["state"] == "in step"


class TestWhatHangsWhenItIsStopped:
    """Container platforms kill a process ten seconds after SIGTERM."""

    def stop(self, process: subprocess.Popen[str]) -> str:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert time.monotonic() - began < 30  # 4 seconds, and some more for a busy machine; the request takes 60
        return err

    def test_a_receiver_that_never_answers_counts_as_no_answer(self, site, receiver):
        site("course_sync", "add-target", "crm", "--url", receiver.url, "--secret", receiver.secret)
        site("publish_olx", str(SAMPLE / "old"))
        receiver.hold = 60
        process = site.start("course_sync", "run", "--interval", "0.1")
        try:
            until(lambda: receiver.requests)
            err = self.stop(process)
        finally:
            process.kill()
        assert "The receiver had not answered when the process was stopped" in err
        lane = site.lane()
        assert (lane["state"], lane["error"][:18]) == ("retrying", "The receiver had n")
        assert lane["next_attempt"]

    def test_a_course_that_is_being_read_can_be_read_at_once(self, site, tmp_path):
        site.environment["COURSE_SYNC_SOURCE"] = "tests.integration.hanging.HangingSource"
        site.environment["HANGING_COURSES"] = COURSE
        site.environment["HANGING_READ"] = str(tmp_path / "reads")
        site.publish(SAMPLE / "old")
        process = site.start("course_sync", "run", "--interval", "0.1")
        try:
            until(lambda: (tmp_path / "reads").exists())
            self.stop(process)
        finally:
            process.kill()
        del site.environment["COURSE_SYNC_SOURCE"]
        assert "recorded" in site("course_sync", "sync")


def test_two_of_them_do_not_disturb_each_other(site, receiver):
    site("course_sync", "add-target", "crm", "--url", receiver.url, "--secret", receiver.secret)
    both = [site.start("course_sync", "run", "--interval", "0.02") for _ in range(2)]
    try:
        for process in both:
            process.stdout.readline()
        site.publish(*[SAMPLE / ("new" if at % 2 else "old") for at in range(10)])
        until(lambda: receiver.equals(read_olx(SAMPLE / "new")))
    finally:
        for process in both:
            process.terminate()
        logs = [process.communicate(timeout=30)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert receiver.violations == []
    assert "Traceback" not in "".join(logs)
    assert site.lane()["state"] == "in step"


def test_without_tables_every_command_says_what_is_missing(tmp_path):
    site = Site(tmp_path)
    for command in (["status"], ["deliver"], ["add-target", "crm", "--url", "https://example.org/"]):
        process = site.start("course_sync", *command)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (1, "")
        assert re.fullmatch(r"The database said: no such table: \w+\. Was 'migrate' run\?", err.splitlines()[-1])
        assert "Traceback" not in err


def test_without_tables_it_waits_for_them(tmp_path, receiver):
    site = Site(tmp_path)
    process = site.start("course_sync", "run", "--interval", "0.1")
    try:
        assert process.stdout.readline() == RUNS
        site("migrate", "--verbosity", "0")
        site("course_sync", "add-target", "crm", "--url", receiver.url, "--secret", receiver.secret)
        site.publish(SAMPLE / "old")
        until(lambda: receiver.equals(read_olx(SAMPLE / "old")))
    finally:
        process.terminate()
        _out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


@pytest.mark.django_db(transaction=True)
class TestARound:
    @pytest.fixture(autouse=True)
    def _handlers(self):
        """Check that the command restores the signal handlers of the process."""
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        yield
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before

    def run(self, monkeypatch, **steps: Any) -> list[str]:
        """Run three rounds, and stop as an operator does; return the names of the steps."""
        taken: list[str] = []

        def step(name: str) -> Any:
            def take() -> None:
                taken.append(name)
                if taken.count("deliver_due") == 3:
                    signal.raise_signal(signal.SIGTERM)
                steps.get(name, lambda: None)()

            take.__name__ = name
            return take

        monkeypatch.setattr(api, "sweep", step("sweep"))
        monkeypatch.setattr(api, "restore_due_catalog_columns", step("restore"))
        monkeypatch.setattr(api.SyncPool, "sync_due", lambda self: step("sync_due")())
        monkeypatch.setattr(api.LanePool, "deliver_due", lambda self: step("deliver_due")())
        call_command("course_sync", "run", "--interval", "0.01")
        return taken

    def test_a_sweep_now_and_then_the_rest_all_the_time(self, monkeypatch, capsys):
        taken = self.run(monkeypatch)
        assert taken.count("sweep") == taken.count("restore") == 1
        assert taken.count("sync_due") == taken.count("deliver_due") == 3

    @pytest.mark.parametrize("failing", ["sweep", "sync_due", "deliver_due"])
    @pytest.mark.parametrize("error", [OperationalError("gone away"), RuntimeError("a broken source")], ids=repr)
    def test_whatever_fails_the_rest_goes_on(self, monkeypatch, caplog, capsys, failing, error):
        def fail():
            raise error

        taken = self.run(monkeypatch, **{failing: fail})
        assert taken.count("deliver_due") == 3
        assert "the next round tries again" in caplog.text

    def test_no_time_at_all(self, monkeypatch, capsys):
        call_command("course_sync", "run", "--seconds", "0")
        assert capsys.readouterr().out == RUNS + STOPS

    def test_the_sweep_comes_again(self, monkeypatch, capsys):
        monkeypatch.setattr(run, "SWEEP_INTERVAL", 0)
        assert self.run(monkeypatch).count("sweep") > 1

    def test_a_sweep_that_hangs_holds_up_nothing(self, monkeypatch, capsys):
        """A sweep that waits for the source or for a lock holds up neither the rounds nor the end of the process."""
        go_on = threading.Event()
        try:
            assert self.run(monkeypatch, sweep=lambda: go_on.wait(60)).count("deliver_due") == 3
            assert not go_on.is_set()
        finally:
            go_on.set()


def test_a_reader_that_has_ended_causes_no_traceback(site):
    """As in ``course_sync status --json | head -c 1``."""
    site("migrate", "--verbosity", "0")
    process = site.start("course_sync", "status", "--json")
    process.stdout.close()
    assert "BrokenPipe" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
