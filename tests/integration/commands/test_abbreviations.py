"""Options have no abbreviations, and no message repeats what could be a token or a secret."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

TOKEN = "7~c29tZS1zZWNyZXQ"

WRONG = {
    "an abbreviation": ["add-target", "canvas", "--token", TOKEN],
    "with an equals sign": ["add-target", "canvas", f"--token={TOKEN}"],
    "an abbreviation of the secret": ["rotate-secret", "canvas", "--secr", TOKEN],
    "a typing error": ["set-token", "canvas", "--token-file", "-", "--tokn", TOKEN],
    "an argument too many": ["set-token", "canvas", TOKEN, "--token-file", "-"],
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "course_sync", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_a_token_is_not_repeated(words):
    done = run(*words)
    assert done.returncode in (1, 2)
    assert "--" in done.stderr
    assert TOKEN not in done.stderr + done.stdout


def test_the_right_option_is_suggested():
    assert (
        "there is no option --token; did you mean --token-file?" in run("add-target", "canvas", "--token", "X").stderr
    )


def test_a_value_too_many_is_counted():
    assert "1 argument is too many" in run("pause", "crm", "another").stderr
