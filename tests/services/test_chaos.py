"""A short campaign (``tests/chaos``): workers are killed at their work, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.chaos.servers import MariaDB, missing_programs
from tests.services.processes import ROOT
from tests.services.servers import required


@pytest.mark.timeout(960)
def test_a_short_campaign():
    if missing := missing_programs():
        required(", ".join(missing), FileNotFoundError("it is not installed"))
    goals = ("--courses", "5", "--operations", "100", "--kills", "5", "--seconds", "300")
    command = [sys.executable, "-m", "tests.chaos", "--seed", "1", *goals]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}"


def test_a_database_that_cannot_be_installed_says_why(tmp_path):
    if missing := missing_programs():
        required(", ".join(missing), FileNotFoundError("it is not installed"))
    (tmp_path / "mariadb").write_text("no folder")
    with pytest.raises(RuntimeError, match=r"mariadb-install-db failed with 1: .*mariadb"):
        MariaDB(tmp_path)
