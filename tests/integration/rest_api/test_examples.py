"""The examples of the page about the API, and the sample of a consumer, against a real server."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from textwrap import dedent

import pytest
from django.contrib.auth.models import User

from course_sync_plugin import api
from course_sync_plugin.models import DatabaseNow, JournalOperation, OperatorAction, Run
from course_sync_plugin.upkeep.reports.feed import SETTLED_SECONDS
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course
from tests.integration.rest_api.test_actions import token_of

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (ROOT / "docs" / "references" / "api.rst").read_text("utf-8")
SAMPLE = ROOT / "docs" / "feed_sample.py"
EXAMPLES = [
    (language, dedent(text))
    for language, text in re.findall(r"\.\. code-block:: (bash|python)\n\n((?:    .*\n|\n)+)", PAGE)
]
COMMANDS = {"bash": ["bash", "-euc"], "python": [sys.executable, "-W", "error", "-c"]}


@pytest.fixture
def environment(site, live_server) -> dict[str, str]:
    Run.objects.update(ended_at=DatabaseNow(-SETTLED_SECONDS - 1))
    user = User.objects.create_user("program", is_superuser=True, is_staff=True)
    token = token_of(user)["HTTP_AUTHORIZATION"].removeprefix("JWT ")
    return {**os.environ, "SITE": live_server.url, "TOKEN": token, "NO_PROXY": "*"}


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_examples_work(environment):
    assert [language for language, _text in EXAMPLES] == ["bash", "python", "bash", "python"]
    problems, lanes, feed, retry = (run([*COMMANDS[language], text], environment) for language, text in EXAMPLES)
    assert problems.count('"state":"failed"') == 2
    assert f"{COURSE} crm problems" in lanes
    assert feed.count('"operation_id"') == JournalOperation.objects.filter(lane=None).count()
    assert "2 failed operations would be planned again" in retry
    assert "done: Target crm: 6 operations are planned again" in retry
    assert OperatorAction.objects.get(action="retry").note == "the receiver is mended"


def test_the_sample_follows_the_feed(environment, shelf, tmp_path):
    path = tmp_path / "entities.sqlite3"

    def entities() -> dict[str, str]:
        run([sys.executable, str(SAMPLE), str(path), "--once"], environment)
        with sqlite3.connect(path) as replica:
            return dict(replica.execute("SELECT id, fields FROM entity WHERE course = ?", [COURSE]))

    assert entities().keys() == a_course("2", units=4).entities.keys()
    shelf.publish(a_course("3", titles={"unit-0-0": "new"}))
    api.sync_course(COURSE)
    Run.objects.update(ended_at=DatabaseNow(-SETTLED_SECONDS - 1))
    found = entities()
    assert found.keys() == a_course("3").entities.keys()
    assert '"display_name": "new"' in found[next(key for key in found if key.endswith("unit-0-0"))]


def test_the_sample_is_short_and_needs_no_other_package():
    text = SAMPLE.read_text("utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 40
    (imported,) = re.findall(r"^import (.*?)  #", text, re.MULTILINE)
    assert {name.strip().split(".")[0] for name in imported.split(",")} <= sys.stdlib_module_names
