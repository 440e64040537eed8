"""Starts a process of the campaign: ``manage.py`` or Celery, with a wrong clock or a mutant if the campaign asks.

``python -m tests.chaos.worker --clock 200 manage course_sync run``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import time_machine

from tests.chaos.mutants import MUTANTS
from tests.chaos.two_way.pace import quicken


def main() -> None:
    """Start the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clock", type=float, default=0, help="seconds by which the clock of this process is wrong")
    parser.add_argument("--mutant", choices=MUTANTS)
    parser.add_argument("--quick", action="store_true", help="wait less, as the campaign with people does")
    parser.add_argument("program", choices=["manage", "celery"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    if chosen.clock:
        time_machine.travel(time.time() + chosen.clock, tick=True).start()
    if chosen.mutant or chosen.quick:
        import django

        django.setup()
    if chosen.quick:
        quicken()
    if chosen.mutant:
        MUTANTS[chosen.mutant]()
    _run(chosen.program, chosen.arguments)


def _run(program: str, arguments: list[str]) -> None:
    if program == "manage":
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *arguments])
    else:
        from celery.bin.celery import main as celery

        sys.argv = ["celery", *arguments]
        celery()


if __name__ == "__main__":
    main()
