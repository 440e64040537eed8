"""Serves the pages of ``make dashboard``: a site with a course, three targets, a problem and a conflict in it."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.demo import set_up

MANAGE = Path(__file__).resolve().parent.parent / "manage.py"

#: Who may sign in, with the same word as the password. Each sees and may do something else.
PEOPLE = {"operator": "the whole site", "watcher": "sees the whole site", "teacher": "admin of the course"}


def main(arguments: list[str] | None = None) -> int:
    """Serve the pages until it is interrupted. Return 0."""
    options = _options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets programs in the background ignore the first
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="course-sync-pages-") as folder:
        set_up(folder)
        from course_sync_plugin.testing.canvas.fake import CanvasFake
        from course_sync_plugin.testing.discourse import DiscourseServer
        from course_sync_plugin.testing.receiver import Receiver
        from sandbox.site_with_work import Systems, fill

        with Receiver() as receiver, CanvasFake() as canvas, DiscourseServer() as forum:
            key = fill(Systems(receiver, canvas, forum))
            _add_people(key)
            with _background_work():
                _serve(options.port, key)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make dashboard", description=__doc__)
    parser.add_argument(
        "--port", type=int, default=8010, help="the port on 127.0.0.1 (default: %(default)s; 0: a free one)"
    )
    return parser.parse_args(arguments)


def _add_people(key: str) -> None:
    from django.contrib.auth.models import Group, User

    operator, watcher, teacher = (User.objects.create_user(name, password=name) for name in PEOPLE)
    User.objects.filter(pk__in=[operator.pk, watcher.pk]).update(is_staff=True)
    User.objects.filter(pk=operator.pk).update(is_superuser=True)
    teacher.groups.add(Group.objects.create(name=f"admin of {key}"))


@contextmanager
def _background_work() -> Iterator[None]:
    """Run ``manage.py course_sync run`` beside the pages, as a site does."""
    running = subprocess.Popen([sys.executable, str(MANAGE), "course_sync", "run"], stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        yield
    finally:
        running.terminate()
        running.wait()


def _serve(port: int, course_key: str) -> None:
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    with ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler) as server:
        server.daemon_threads = True  # a browser keeps its connection open
        server.set_app(StaticFilesHandler(get_wsgi_application()))
        pages = f"http://127.0.0.1:{server.server_port}/course_sync/"
        print(f"\nThe pages are at {pages}")
        print(f"The page for course staff is at {pages}staff/{course_key}/")
        for name, role in PEOPLE.items():
            print(f"  sign in as {name}, password {name}: {role}")
        print("Ctrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Ended.")


if __name__ == "__main__":
    sys.exit(main())
