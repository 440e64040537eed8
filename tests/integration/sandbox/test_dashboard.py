"""``make dashboard`` as a new user runs it: the pages are there, people sign in, and Ctrl-C ends everything."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.conftest import ROOT


def test_the_pages_are_there_until_it_is_interrupted():
    with dashboard() as running, requests.Session() as session:
        pages, for_staff = addresses_of(running)
        page = sign_in(session, pages, "operator")
        assert "the title is taken" in page.text
        with requests.Session() as another:
            page = sign_in(another, for_staff, "teacher")
        assert "is missing there" in page.text
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=60)
    assert (running.returncode, rest) == (0, "Ended.\n")
    assert all(re.match(r"\[.*\] \"(GET|POST) ", line) for line in errors.splitlines()), errors


@contextmanager
def dashboard() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "sandbox.dashboard", "--port", "0"]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.terminate()
        running.communicate(timeout=60)


def addresses_of(running: subprocess.Popen[str]) -> list[str]:
    """Return the address of the pages, and that of the page for the staff of the course."""
    lines = iter(running.stdout.readline, "")
    shown = ""
    while "Ctrl-C" not in shown:
        shown += next(lines)
    return re.findall(r"http://\S+", shown)


def sign_in(session: requests.Session, address: str, name: str) -> requests.Response:
    form = session.get(address, timeout=60)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)[0]
    values = {"username": name, "password": name, "csrfmiddlewaretoken": token}
    return session.post(form.url, data=values, headers={"Referer": form.url}, timeout=60)
