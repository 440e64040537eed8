"""The processes of a test. Each has its own log. The test ends all of them, and no other process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent

#: Seconds after which an expected event counts as missing.
PATIENCE = 60


def eventually(condition: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> Any:
    """Return the first true value of a condition; fail if there is none in time."""
    ends_at = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > ends_at:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)
    return value


class Process:
    """One process. Its input is a pipe. Its output is a pipe if the test asks for one, else it goes to the log."""

    def __init__(self, log: Path, command: list[str], environment: Mapping[str, str], *, talks: bool = False):
        self.log = log
        with log.open("w") as errors:
            self._process = psutil.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if talks else errors,
                stderr=errors,
                text=True,
            )

    def says(self) -> str:
        """Return the content of the log."""
        return self.log.read_text()

    def has_said(self, words: str) -> bool:
        """Tell whether the log holds these words. Fails if the process has ended without them."""
        if words in self.says():
            return True
        assert self.is_running(), f"ended with {self._process.returncode}: {self.says()}"
        return False

    def ask(self, line: str) -> str:
        """Write a line to the input and return the line that the process answers."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> str:
        """Return the next line of the output."""
        line = self._process.stdout.readline()
        assert line, f"no answer: {self.says()}"
        return line.strip()

    def close_input(self) -> None:
        """Close the input, so that the process reads its end."""
        self._process.stdin.close()

    def is_running(self) -> bool:
        """Tell whether the process is still running."""
        return self._process.poll() is None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait until the process ends; return the exit status."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Ask the process to end (SIGTERM), as an operator does; return the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def suspend(self) -> None:
        """Stop the process until :meth:`resume` (SIGSTOP)."""
        self._process.suspend()

    def resume(self) -> None:
        """Let the process go on (SIGCONT)."""
        self._process.resume()

    def ports(self) -> set[int]:
        """Return the local ports of its connections; none if it has ended."""
        try:
            return {connection.laddr.port for connection in self._process.net_connections("tcp4")}
        except psutil.Error:
            return set()

    def peers(self) -> set[int]:
        """Return the remote ports of its connections; none if it has ended."""
        try:
            return {one.raddr.port for one in self._process.net_connections("tcp4") if one.raddr}
        except psutil.Error:
            return set()

    def kill(self) -> None:
        """Kill the process (SIGKILL) and its child processes."""
        if not self.is_running():
            return
        family = [*self._process.children(recursive=True), self._process]
        for process in family[::-1]:
            process.kill()
        psutil.wait_procs(family)

    def close(self) -> None:
        """Kill the process if it still runs, and close its pipes."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()


class Processes:
    """The processes of one test."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._all: list[Process] = []

    def start(self, name: str, *arguments: str, environment: Mapping[str, str], talks: bool = False) -> Process:
        """Start Python with these arguments."""
        log = self.folder / f"{len(self._all):02}-{name}.log"
        process = Process(log, [sys.executable, *arguments], environment, talks=talks)
        self._all.append(process)
        return process

    def tracebacks(self) -> list[str]:
        """Return the logs that hold a traceback."""
        return [process.says() for process in self._all if "Traceback" in process.says()]

    def close(self) -> None:
        """End all processes."""
        for process in self._all:
            process.close()
