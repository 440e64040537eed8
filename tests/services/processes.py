"""Processes of a test: each with a log of its own, all of them ended with the test, and no other."""

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

#: Seconds after which what should have happened has not.
PATIENCE = 60


def eventually(condition: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> Any:
    """Return the first true value of a condition; fail where there is none in time."""
    ends_at = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > ends_at:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)
    return value


class Process:
    """One process, its input a pipe, its output a pipe where it is asked for, else in the log."""

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
        """Return what stands in the log."""
        return self.log.read_text()

    def has_said(self, words: str) -> bool:
        """Tell whether the log holds these words. Fails where the process has ended without them."""
        if words in self.says():
            return True
        assert self.is_running(), f"ended with {self._process.returncode}: {self.says()}"
        return False

    def ask(self, line: str) -> str:
        """Write a line and return the line that is answered."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.read()

    def read(self) -> str:
        """Return the next line of the output."""
        line = self._process.stdout.readline()
        assert line, f"no answer: {self.says()}"
        return line.strip()

    def close_input(self) -> None:
        """Let it read to the end."""
        self._process.stdin.close()

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for the end; return the exit status."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Ask it to end, as an operator does; return the exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once (SIGKILL), and what it has started."""
        if not self.is_running():
            return
        family = [*self._process.children(recursive=True), self._process]
        for process in family[::-1]:
            process.kill()
        psutil.wait_procs(family)

    def close(self) -> None:
        """End it whatever it does, and close its pipes."""
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
        """Return the logs that hold one."""
        return [process.says() for process in self._all if "Traceback" in process.says()]

    def close(self) -> None:
        """End all of them."""
        for process in self._all:
            process.close()
