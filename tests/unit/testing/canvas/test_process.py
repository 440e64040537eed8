"""The fake as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from course_sync_plugin.testing.canvas.__main__ import main

ROOT = Path(__file__).resolve().parents[4]


def test_it_prints_its_course_and_tokens():
    command = [sys.executable, "-m", "course_sync_plugin.testing.canvas", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url, *rest = (process.stdout.readline().strip() for _line in range(5))
            told = dict(line.split(": ", 1) for line in rest)
            number = told["Course"].removeprefix(f"{url}/courses/")
            statuses = [_creation(f"{url}/api/v1/courses/{number}", token) for token in list(told.values())[1:]]
            assert statuses == [200, 200, 403]
        finally:
            process.terminate()


def _creation(course: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{course}/modules", headers=headers, json={"module": {"name": "Bees"}}, timeout=10)
    return answer.status_code


def test_a_bad_port_is_an_error_message():
    with pytest.raises(SystemExit):
        main(["--port", "70000"])
