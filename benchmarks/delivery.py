"""``delivery.py RECEIVER``: delivering a course to a receiver in another process; a bare session posts it just so.

RECEIVER is ``durable``, the receiver kit writing down each message before it answers, as the contract wants it;
``distant``, the same 20 milliseconds away; ``forgetful``, without a file; ``empty``, a server that reads a body and
answers 200.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import host
import requests
from courses import plain_course, structure_of
from measuring import interleaved

from course_sync_plugin.targets.http.client import HttpClient

#: Entities of the course, and so operations of the snapshot that is delivered; rounds.
SIZE, ROUNDS = 3000, 7

Captured = list[tuple[str, dict[str, str], bytes]]


@contextmanager
def receiver(kind: str) -> Iterator[str]:
    """Run a fresh receiver in a process of its own; yield its URL."""
    with tempfile.TemporaryDirectory() as folder:
        state = ["--state", str(Path(folder, "state.sqlite3"))] if kind in ("durable", "distant") else []
        state += ["--hold", "0.02"] if kind == "distant" else []
        kit = ["-m", "course_sync_plugin.testing.receiver", "--secret", host.SECRET, *state]
        empty = [str(Path(__file__).with_name("empty_receiver.py"))]
        command = [sys.executable, *(empty if kind == "empty" else kit)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()


class Competitors:
    """Both ways of sending the same course. Each goes to the receiver that is at ``url`` now."""

    def __init__(self) -> None:
        from course_sync_plugin.models import Lane, Target
        from course_sync_plugin.secrets import encrypt

        self.target = Target.objects.create(name="local", backend="webhook", secret=encrypt(host.SECRET))
        host.record(structure_of(plain_course(SIZE)))
        self.lane = Lane.objects.get()
        self.captured: Captured = []

    def go_back(self, url: str) -> None:
        """Put the lane where nothing has been delivered yet."""
        from course_sync_plugin.models import DatabaseNow, Lane, Target

        Target.objects.update(url=url)
        Lane.objects.update(cursor=None, sequence=1, answered_sequence=0, closing=False, due_at=DatabaseNow())

    def lanes(self) -> None:
        """Deliver the lane."""
        from course_sync_plugin import api

        done = api.deliver_lane(self.lane.pk, seconds=600)
        assert done.operations == SIZE, done

    def session(self, url: str) -> None:
        """Post the same bodies."""
        with requests.Session() as session:
            for headers, body in self.captured:
                session.post(url, data=body, headers=headers).raise_for_status()

    def capture(self, kind: str) -> None:
        """Deliver once and keep what was sent."""
        send = HttpClient.request

        def kept(client, method, url, headers, body=None):
            self.captured.append((headers, body))
            return send(client, method, url, headers, body)

        with receiver(kind) as url, mock.patch.object(HttpClient, "request", kept):
            self.go_back(url)
            self.lanes()


def main(kind: str) -> None:
    """Print the seconds of each round as JSON."""
    host.start()
    competitors = Competitors()
    competitors.capture(kind)
    seconds: dict[str, list[float]] = {"lanes": [], "session": []}
    for _ in range(ROUNDS):
        with receiver(kind) as first, receiver(kind) as second:
            competitors.go_back(first)
            turn = interleaved(1, {"lanes": competitors.lanes, "session": lambda: competitors.session(second)})
        for name, values in turn.items():
            seconds[name] += values
    print(json.dumps({**seconds, "envelopes": len(competitors.captured)}))


if __name__ == "__main__":
    main(sys.argv[1])
