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
        page = sign_in(session, address_of(running), "operator")
        assert "the title is taken" in page.text
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


def address_of(running: subprocess.Popen[str]) -> str:
    lines = iter(running.stdout.readline, "")
    shown = ""
    while "Ctrl-C" not in shown:
        shown += next(lines)
    return re.findall(r"http://\S+", shown)[0]


def sign_in(session: requests.Session, address: str, name: str) -> requests.Response:
    form = session.get(address, timeout=60)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)[0]
    values = {"username": name, "password": name, "csrfmiddlewaretoken": token}
    return session.post(form.url, data=values, headers={"Referer": form.url}, timeout=60)
