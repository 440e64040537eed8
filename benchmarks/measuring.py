"""Runs measurements: in fresh processes, in interleaved rounds, with medians, and as ratios instead of seconds.

A measuring script prints one JSON value. ``run.py`` starts it several times and compares the results with the budgets.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import attrs

HERE = Path(__file__).resolve().parent


@attrs.frozen
class Figure:
    """One measured figure. ``least`` and ``most`` are its budget. A figure without a budget is only shown.

    ``unit`` is printed after the value.
    """

    what: str
    value: float
    unit: str = "×"
    least: float | None = None
    most: float | None = None

    @property
    def is_budget(self) -> bool:
        """Tell whether the figure has a budget."""
        return self.least is not None or self.most is not None

    @property
    def is_met(self) -> bool:
        """Tell whether the budget holds."""
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def __str__(self) -> str:
        if self.least == self.most:
            budget = f"= {self.most:g}" if self.is_budget else ""
        else:
            budget = f"≤ {self.most:g}" if self.least is None else f"≥ {self.least:g}"
        state = ("ok" if self.is_met else "MISSED") if self.is_budget else ""
        return f"{self.what:<80} {self.value:>8.3g} {self.unit:<8} {budget:<7} {state}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """Return the figure for the results."""
        return {**attrs.asdict(self), "met": self.is_met}


def in_fresh_process(script: str, *arguments: Any, **environment: str) -> Any:
    """Run a measuring script of this folder and return the JSON that it prints. Raises CalledProcessError."""
    return json.loads(run_in_fresh_process(script, *arguments, **environment))


def run_in_fresh_process(script: str, *arguments: Any, **environment: str) -> str:
    """Run a script of this folder and return what it prints. Raises CalledProcessError."""
    command, environment = _command(script, arguments, environment)
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout


def taking_turns(rounds: int, script: str, *arguments: Any, environments: Mapping[str, Mapping[str, str]]) -> list[Any]:
    """Run a script in several environments at the same time. The processes measure in turn, one at a time.

    Return for each round a dictionary of the printed values, by the name of the environment.
    """
    with ExitStack() as stack:
        running = {}
        for name, variables in environments.items():
            command, environment = _command(script, arguments, variables)
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            running[name] = stack.enter_context(process)
        return [{name: _turn(process) for name, process in running.items()} for _ in range(rounds)]


def _turn(process: subprocess.Popen[str]) -> Any:
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def _command(script: str, arguments: Any, environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return command, {**os.environ, "PYTHONPATH": str(HERE.parent), **environment}


def interleaved(rounds: int, competitors: Mapping[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Return the seconds of each competitor in each round. In every other round the order is reversed.

    The garbage collector is off meanwhile, as in ``timeit``: it would run at random times.
    """
    gc.collect()
    gc.disable()
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    for at in range(rounds):
        for name, competitor in list(competitors.items())[:: -1 if at % 2 else 1]:
            began = time.perf_counter()
            competitor()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(measured: list[Mapping[str, list[float]]], over: str, under: str) -> float:
    """Return the median, over all rounds of all processes, of the ratio of ``over`` to ``under``.

    Each ratio is of one round: a load on the machine slows both competitors of a round down.
    """
    return median(
        above / below for process in measured for above, below in zip(process[over], process[under], strict=True)
    )
