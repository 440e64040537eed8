"""The fake as a process of its own, and as a part of the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from course_sync_plugin.testing.discourse.__main__ import main
from tests.unit.testing.discourse.api import Api, ok

ROOT = Path(__file__).resolve().parents[4]


def test_it_prints_its_address_and_a_key():
    command = [sys.executable, "-m", "course_sync_plugin.testing.discourse", "--port", "0", "--limits"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url, key = process.stdout.readline().strip(), process.stdout.readline().strip().removeprefix("Api-Key: ")
            api = Api(type("Forum", (), {"url": url, "key": key}), "teacher")
            with api.session:
                for _ in range(50):
                    ok(api.get("/site.json"))
                assert api.get("/site.json").status_code == 429
        finally:
            process.terminate()


def test_a_bad_port_is_an_error_message():
    with pytest.raises(SystemExit):
        main(["--port", "70000"])


def test_it_needs_no_django():
    code = "import sys, course_sync_plugin.testing.discourse; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
