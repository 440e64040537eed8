"""``make demo-two-way`` as a new user runs it: a course at three sites, with edits on each and a conflict."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import ROOT


def test_it_ends_in_step_at_three_sites():
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.demo_two_way"],
        cwd=ROOT, env={**os.environ, "COURSE_SYNC_LEASE_SECONDS": "1"}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "In step at three sites: Open edX, Canvas and Discourse agree on 36 titles."
    assert "    In Studio it is a draft: Smoker, veil, gloves" in lines
    assert "• The author publishes it. Requests that write: Canvas 0, Discourse 0." in lines
    assert "• Canvas gets it too. Requests that write: Canvas 1, Discourse 0." in lines
    assert any("base: 'Honey'; openedx: 'Sweet honey'; remote: 'Honey and wax'" in line for line in lines)
