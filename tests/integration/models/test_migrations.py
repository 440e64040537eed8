"""The tables can be made, removed and made again: docs/how-tos/operate.rst, "How do I take the plugin out?"."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE


@pytest.fixture
def site(tmp_path):
    """Return a function that runs ``manage.py`` on a sandbox of its own, and the path of its database."""
    environment = {**os.environ, "SANDBOX_VAR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("DATABASE_URL", None)

    def manage(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return manage, tmp_path / "sandbox.sqlite3"


def tables(database: Path) -> set[str]:
    with sqlite3.connect(database) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_tables_can_be_removed_and_made_again(site):
    manage, database = site
    manage("migrate", "--verbosity", "0")
    before = tables(database)
    manage("publish_olx", str(SAMPLE / "old"))
    manage("course_sync", "add-target", "here", "--backend", "local")
    assert "33 operations" in manage("course_sync", "deliver")
    manage("migrate", "course_sync_plugin", "zero")
    assert {name for name in before if not name.startswith("course_sync_")} == tables(database)
    manage("migrate", "course_sync_plugin")
    assert tables(database) == before
    assert "No course is recorded yet." in manage("course_sync", "status")


def test_the_tables_can_be_removed_after_a_target_was(site):
    """The journal keeps the snapshot of the lane that is gone. The first release had a foreign key there."""
    manage, database = site
    manage("migrate", "--verbosity", "0")
    manage("publish_olx", str(SAMPLE / "old"))
    manage("publish_olx", str(SAMPLE / "new"))
    manage("course_sync", "add-target", "here", "--backend", "local")
    manage("course_sync", "deliver")
    manage(
        "course_sync",
        "remove-target",
        "here",
        "--yes",
        "--token",
        token_of(manage("course_sync", "remove-target", "here")),
    )
    assert rows_without_lane(database) > 0
    manage("migrate", "course_sync_plugin", "zero")
    assert not [name for name in tables(database) if name.startswith("course_sync_")]


def token_of(plan: str) -> str:
    return re.search(r"--token (\w+)", plan)[1]


def rows_without_lane(database: Path) -> int:
    gone = "lane_id IS NOT NULL AND lane_id NOT IN (SELECT id FROM course_sync_lane)"
    with sqlite3.connect(database) as connection:
        return connection.execute(f"SELECT COUNT(*) FROM course_sync_run WHERE {gone}").fetchone()[0]
