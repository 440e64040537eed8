"""How measurements are made: fresh processes, interleaved rounds, medians, and ratios instead of seconds.

A measuring script prints one JSON value. ``run.py`` starts it several times and judges what came out.
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
    """One measured figure. ``least`` and ``most`` are its budget; neither: it is shown and judged by nobody.

    ``unit`` follows the value where it is printed.
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
    """Run a measuring script of this folder and return what it prints. Raises CalledProcessError."""
    command, environment = _command(script, arguments, environment)
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)


def taking_turns(rounds: int, script: str, *arguments: Any, environments: Mapping[str, Mapping[str, str]]) -> list[Any]:
    """Run a script in several environments at once, each of which measures in turn, and only then.

    Returns for each round what each of them printed, by the name of its environment.
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
    """Return the seconds of each competitor in each round; in every other round the order is turned round.

    The garbage collector is off meanwhile, as in ``timeit``: when it strikes is chance.
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
    """Return the median over all rounds of all processes of ``over`` in terms of ``under``.

    Ratios are taken round by round: what slowed one competitor down, slowed the other one down as well.
    """
    return median(
        above / below for process in measured for above, below in zip(process[over], process[under], strict=True)
    )
