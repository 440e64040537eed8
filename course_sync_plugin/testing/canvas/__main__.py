"""Serve a fake Canvas with one empty course until interrupted: ``python -m course_sync_plugin.testing.canvas``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.server import port_number, port_refusal, wait_for_interrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve, and print the addresses of the site and of its course, and access tokens."""
    parser = argparse.ArgumentParser(prog="python -m course_sync_plugin.testing.canvas", description=__doc__)
    parser.add_argument("--port", type=port_number, default=18383, help="default: 18383")
    options = parser.parse_args(arguments)
    with port_refusal(options.port):
        canvas = CanvasFake(port=options.port)
    course = canvas.add_course("Bees 101, spring")
    with canvas:
        print(canvas.url, flush=True)
        print(f"Course: {canvas.url}/courses/{course.id}", flush=True)
        print(f"Token of the target: {canvas.token}", flush=True)
        print(f"Token of a teacher: {canvas.add_token(canvas.teacher.user)}", flush=True)
        print(f"Token of a student: {canvas.add_token(canvas.student.user)}", flush=True)
        wait_for_interrupt()


if __name__ == "__main__":
    main()
