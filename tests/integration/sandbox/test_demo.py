"""``make demo`` as a new user runs it: in a process of its own, with only Python installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from course_sync_plugin.testing.receiver import Receiver
from tests.conftest import ROOT, SAMPLE, shared_data


def demo(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the demo; return exit status, output and errors."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.demo", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def shown() -> str:
    status, out, err = demo()
    assert (status, err) == (0, "")
    return out


@pytest.mark.parametrize(
    "kind",
    [
        "move       unit        A year in the hive",  # reordered
        "move       unit        Why bees swarm           from “Swarming” to “Opening the hive”",  # out of a deleted one
        "create     unit        Wax and candles",
        "display_name: Smoker and veil → Smoker, veil and gloves",
        "due: 2026-05-03T22:00:00Z → 2026-05-10T22:00:00Z",
        "delete     subsection  Swarming",
    ],
)
def test_every_kind_of_change_is_in_the_table(shown, kind):
    assert kind in shown


def test_it_ends_in_step(shown):
    assert shown.splitlines()[-1] == "In step: the receiver's replica equals the course (34 entities)."
    assert "Delivered: 11 operations in 2 envelopes, signed." in shown


def test_it_says_nothing_secret(shown):
    assert "whsec" not in shown


def test_whatever_the_shell_says(tmp_path):
    """Settings and services in the environment, or a terminal without Unicode, do no harm. No file is left behind."""
    status, out, err = demo(
        DATABASE_URL="mysql://nobody@127.0.0.1:1/none",
        CELERY_BROKER_URL="redis://127.0.0.1:1",
        SANDBOX_VAR=str(tmp_path / "mine"),
        COURSE_SYNC_SECRET_KEYS="no key",
        COURSE_SYNC_MASS_DELETE_PERCENT="nonsense",
        COURSE_SYNC_ALLOWED_PRIVATE_HOSTS="10.0.0.1",
        PYTHONIOENCODING="ascii",
        TMPDIR=str(tmp_path),
    )
    assert (status, err) == (0, "")
    assert "In step" in out
    assert list(tmp_path.iterdir()) == []


def test_any_two_exports():
    courses = shared_data() / "courses"
    status, out, _err = demo(courses / "test101__r1.tar.gz", courses / "test101__r2.tar.gz")
    assert status == 0
    assert "2 create, 30 move, 36 update, 5 delete" in out
    assert "equals the course (295 entities)" in out


def test_two_that_delete_nearly_all():
    courses = shared_data() / "courses"
    status, out, _err = demo(courses / "demox__quince.tar.gz", courses / "demox__new0.tar.gz")
    assert status == 0
    assert "The run would delete 147 entities, so it is held. The demo approves it as an operator would." in out


def test_one_that_can_be_read_in_part(tmp_path):
    """The entities below the unreadable place stay, at the receiver too. So both are in step, and the demo says why."""
    shutil.copytree(SAMPLE / "new", tmp_path / "new")
    chapter = tmp_path / "new" / "chapter" / "before.xml"
    chapter.write_text(chapter.read_text().replace('"colony"', '"no name for a block"'))
    status, out, _err = demo(SAMPLE / "old", tmp_path / "new")
    assert status == 0
    assert "A part could not be read" in out
    assert "delete     subsection  Swarming" in out
    assert "The colony" not in out


@pytest.mark.parametrize("arguments", [["nowhere.tar.gz", SAMPLE / "new"], [SAMPLE / "old", "nowhere.tar.gz"]], ids=str)
def test_what_is_not_there_is_told(arguments):
    status, out, err = demo(*arguments)
    assert status == 1
    assert "is published" not in out
    assert "nowhere.tar.gz" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [[SAMPLE / "old"], [SAMPLE / "old", ""], ["", SAMPLE / "new"]], ids=str)
def test_one_export_alone_is_wrong_usage(arguments):
    """The Makefile passes an empty argument for an export that was not given."""
    status, _out, err = demo(*arguments)
    assert status == 2
    assert "name two exports, or none" in err


@pytest.mark.django_db
def test_a_difference_is_shown_and_is_exit_status_1(settings, monkeypatch, capsys):
    """The receiver has lost an entity. This shows that the demo can fail."""
    from sandbox.demo import Demo

    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with Receiver() as receiver:
        receiver.inbox.replica("course-v1:Meadow+BEES101+2026")
        original = Demo._compare

        def lossy(self, structure):
            tree = receiver.replica(structure.course_id)._tree
            tree.entities.popitem()
            return original(self, structure)

        monkeypatch.setattr(Demo, "_compare", lossy)
        assert Demo(receiver).run(str(SAMPLE / "old"), str(SAMPLE / "new")) is False
    assert "NOT in step" in capsys.readouterr().out
