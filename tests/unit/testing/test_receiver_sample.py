"""Tests the sample receiver as its users run it: it must be correct, short, and need no other package."""

from __future__ import annotations

import ast
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import count

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings

from course_sync_plugin.data import Answer, Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.receiver_repairs import compare
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.targets.webhook import WebhookTarget
from course_sync_plugin.testing.contract import envelope
from tests.conftest import ROOT
from tests.unit.strategies import COURSE_ID, structure_pairs

SAMPLE = ROOT / "docs" / "receiver_sample.py"


class Sample:
    """The sample as a process, and a target that sends to it."""

    def __init__(self, folder):
        self.path = folder / "replica.sqlite3"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        secret = generate_secret()
        command = [sys.executable, str(SAMPLE), str(self.port), str(self.path)]
        self.process = subprocess.Popen(
            command, env={**os.environ, "WEBHOOK_SECRET": secret}, stderr=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{self.port}/"
        self.config = TargetConfig("crm", url, (secret,), deadline_seconds=5, allowed_private_hosts=("127.0.0.1",))
        self.target = WebhookTarget(self.config)
        self.sequences = count(1)
        self.wait()

    def wait(self) -> None:
        for _ in range(200):
            if self.target.test().ok:
                return
            time.sleep(0.05)
        raise AssertionError("the sample does not answer")

    def send(self, *operations: Operation, mode: str = "changes", end_of_run: bool = True) -> None:
        sequence = next(self.sequences)
        values = {"course_id": COURSE_ID, "published_version": f"v{sequence}", "mode": mode, "end_of_run": end_of_run}
        message = envelope(*operations, sequence=sequence, previous_sequence=sequence - 1, **values)
        assert self.target.send(message) == Answer()

    def rows(self, query: str) -> list[tuple]:
        database = sqlite3.connect(self.path)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def check(self, structure: Structure) -> None:
        """Compare entities, fields, parents and order."""
        found, order = {}, {}
        for key, parent, fields in self.rows("SELECT id, parent_id, fields FROM entity ORDER BY place"):
            found[key] = (parent, {name: value for name, value in json.loads(fields).items() if value is not None})
            order.setdefault(parent, []).append(key)
        assert found == {key: (entity.parent_id, entity.fields) for key, entity in structure.entities.items()}
        assert {parent: kids for parent, kids in order.items() if parent} == {
            parent: list(kids) for parent, kids in structure.children.items() if kids
        }

    def stop(self) -> None:
        self.target.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Iterator[Sample]:
    sample = Sample(tmp_path_factory.mktemp("sample"))
    yield sample
    sample.stop()


def test_it_is_short_and_needs_nothing_else():
    text = SAMPLE.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 85
    assert "SPDX-License-Identifier: Apache-2.0" in text.splitlines()[0]
    nodes = list(ast.walk(ast.parse(text)))
    imported = {alias.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module.partition(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)


@given(structure_pairs())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_snapshot_and_then_changes_give_the_course(sample, pair):
    old, new = pair
    assume(old.entities)
    everything = diff(Structure.empty(COURSE_ID), old)
    half = len(everything) // 2
    sample.send(*everything[:half], mode="snapshot", end_of_run=False)
    sample.send(*everything[half:], mode="snapshot")
    sample.check(old)
    changes = diff(old, new)
    sample.send(*changes)
    sample.check(new)
    sample.send(*changes)  # again, in another envelope
    sample.check(new)
    held = sample.target.digests(COURSE_ID)
    assert held is not None
    assert not compare(new, held.entities)
    last = next(sample.sequences) - 1
    assert (held.sequence, held.published_version) == (last, f"v{last}")
    assert sample.rows("SELECT version, since FROM run") == [(f"v{last}", None)]


def test_a_stranger_is_turned_away(sample):
    before = sample.rows("SELECT count(*) FROM done")
    stranger = WebhookTarget(attrs.evolve(sample.config, secrets=(generate_secret(),)))
    with pytest.raises(ConfigurationError):
        stranger.send(envelope(Operation("create", "course", COURSE_ID, "course")))
    stranger.close()
    assert sample.rows("SELECT count(*) FROM done") == before


def test_a_stranger_is_told_nothing(sample):
    """The answer 401 does not report on operations, so it names no failed ones."""
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(sample.config.url, data=b"{}", timeout=5)
    with error.value as answer:
        assert (answer.code, answer.read()) == (401, b"")


@pytest.mark.parametrize(
    ("secret", "arguments"),
    [
        (None, ["0", "replica"]),
        ("", ["0", "replica"]),
        ("whsec_", ["0", "replica"]),
        ("whsec_AAAA", []),
        ("whsec_AAAA", ["0"]),
    ],
    ids=str,
)
def test_without_a_secret_or_its_arguments_it_does_not_start(tmp_path, secret, arguments):
    """With an empty secret, everyone could make a valid signature."""
    environment = {name: value for name, value in os.environ.items() if name != "WEBHOOK_SECRET"}
    environment |= {"WEBHOOK_SECRET": secret} if secret is not None else {}
    command = [sys.executable, str(SAMPLE), *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Give a secret, a port and a file: WEBHOOK_SECRET=")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("away", [-301, 301])
def test_an_old_message_is_turned_away(sample, monkeypatch, away):
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + away)
    with pytest.raises(ConfigurationError):
        sample.target.send(envelope())


def test_what_it_answered_survives_its_end(tmp_path):
    sample = Sample(tmp_path)
    sample.send(Operation("create", "course", COURSE_ID, "course", fields={"display_name": "Übung 🐝"}))
    sample.stop()
    ((title,),) = sample.rows("SELECT fields FROM entity")
    assert json.loads(title) == {"display_name": "Übung 🐝"}
    assert len(sample.rows("SELECT * FROM done")) == 1
