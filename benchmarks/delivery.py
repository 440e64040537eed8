"""``delivery.py RECEIVER LANES``: measures the delivery of courses to a receiver in another process, and bare sessions.

Each of LANES lanes delivers a course of its own, at the same time, in the threads of ``course_sync run``. Each bare
session posts the same bodies as one lane, in a thread of its own. RECEIVER is one of these: ``durable``, the receiver
kit, which stores each message before it answers, as the contract requires; ``distant``, the same, but each answer takes
20 milliseconds longer; ``far``, a server that only reads the body and answers 200 after 20 milliseconds;
``forgetful``, the kit without a file; ``empty``, the server of ``far`` without the wait.

The kit carries out one message at a time, which takes 4 to 5 milliseconds of one processor. So it can answer two
hundred messages in a second, and eight sessions could send more. ``far`` can answer ten times as many.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import host
import requests
from courses import numbered_course, plain_course, structure_of
from measuring import interleaved

from course_sync_plugin.targets.http.client import HttpClient

#: Entities of the course, which are the operations of the delivered snapshot; rounds.
SIZE, ROUNDS = 3000, 7

Captured = list[tuple[str, dict[str, str], bytes]]


#: Seconds that a distant receiver waits before it answers.
DISTANCE = "0.02"


def command(kind: str, folder: str) -> list[str]:
    """Return the command that runs a receiver of this kind, with its file in ``folder``."""
    hold = ["--hold", DISTANCE] if kind in ("distant", "far") else []
    if kind in ("far", "empty"):
        return [sys.executable, str(Path(__file__).with_name("empty_receiver.py")), *hold]
    state = ["--state", str(Path(folder, "state.sqlite3"))] if kind in ("durable", "distant") else []
    return [sys.executable, "-m", "course_sync_plugin.testing.receiver", "--secret", host.SECRET, *state, *hold]


@contextmanager
def receiver(kind: str) -> Iterator[str]:
    """Run a fresh receiver in a process of its own; yield its URL."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command(kind, folder), stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Competitors:
    """Sends the same courses in both ways: by their lanes, and by bare sessions."""

    def __init__(self, lanes: int) -> None:
        from course_sync_plugin.models import Lane, Target
        from course_sync_plugin.secrets import encrypt

        self.target = Target.objects.create(name="local", backend="webhook", secret=encrypt(host.SECRET))
        course = plain_course(SIZE)
        for number in range(lanes):
            host.record(structure_of(*numbered_course(course, number)))
        self.lane_ids = list(Lane.objects.values_list("pk", flat=True))
        self.captured: dict[int, Captured] = {lane_id: [] for lane_id in self.lane_ids}

    def go_back(self, url: str) -> None:
        """Reset the lanes to the state before any delivery, and lead the target to ``url``."""
        from course_sync_plugin.models import DatabaseNow, Lane, Target

        Target.objects.update(url=url)
        Lane.objects.update(cursor=None, sequence=1, answered_sequence=0, closing=False, due_at=DatabaseNow())

    def lanes(self) -> None:
        """Deliver the lanes: one in this thread, several in a pool as ``course_sync run`` has it."""
        from course_sync_plugin import api
        from course_sync_plugin.models import Lane

        if len(self.lane_ids) == 1:
            api.deliver_lane(self.lane_ids[0], seconds=600)
        else:
            pool = api.LanePool(len(self.lane_ids))
            pool.deliver_due()
            pool.wait(600)
        assert not Lane.objects.exclude(due_at=None).exists()

    def sessions(self, url: str) -> None:
        """Post the same bodies."""
        at_once([lambda captured=captured: post(url, captured) for captured in self.captured.values()])

    def capture(self, kind: str) -> None:
        """Deliver each lane once and keep the sent headers and bodies."""
        send = HttpClient.request

        with receiver(kind) as url:
            self.go_back(url)
            for lane_id, captured in self.captured.items():

                def kept(client, method, url, headers, body=None, captured=captured):
                    captured.append((headers, body))
                    return send(client, method, url, headers, body)

                from course_sync_plugin import api

                with mock.patch.object(HttpClient, "request", kept):
                    assert api.deliver_lane(lane_id, seconds=600).operations == SIZE


def post(url: str, captured: Captured) -> None:
    """Post messages with a session of their own."""
    with requests.Session() as session:
        for headers, body in captured:
            session.post(url, data=body, headers=headers).raise_for_status()


def at_once(jobs: list[Callable[[], None]]) -> None:
    """Do several jobs at the same time, or one in this thread."""
    if len(jobs) == 1:
        jobs[0]()
        return
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(kind: str, lanes: int) -> None:
    """Print the seconds of each round as JSON."""
    host.start()
    competitors = Competitors(lanes)
    competitors.capture(kind)
    seconds: dict[str, list[float]] = {"lanes": [], "sessions": []}
    for at in range(ROUNDS):
        with receiver(kind) as first, receiver(kind) as second:
            competitors.go_back(first)
            both = {"lanes": competitors.lanes, "sessions": lambda url=second: competitors.sessions(url)}
            turn = interleaved(1, dict(list(both.items())[:: -1 if at % 2 else 1]))
        for name, values in turn.items():
            seconds[name] += values
    envelopes = sum(map(len, competitors.captured.values()))
    print(json.dumps({**seconds, "envelopes": envelopes}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
