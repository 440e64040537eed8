"""A webhook receiver to test against: a real HTTP server that keeps a replica of every course it is told of.

In a test::

    with Receiver() as receiver:
        ...  # a target with receiver.url and receiver.secret
        assert receiver.difference(structure) == []
        assert receiver.violations == []

As a process: ``python -m course_sync_plugin.testing.receiver --port 8000 --secret whsec_… --state replica.sqlite3``.
``GET /`` tells courses, counters and violations, ``GET /replica?course_id=…`` the replica of a course, as JSON.
"""

from __future__ import annotations

import argparse
import json
import ssl
import threading
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs

import attrs

from course_sync_plugin.data import Structure
from course_sync_plugin.limits import ANSWER_DELAY
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.testing.faults import Fault, Response, act
from course_sync_plugin.testing.inbox import Inbox
from course_sync_plugin.testing.replica import Replica
from course_sync_plugin.testing.server import Request, Server, port_number, port_refusal
from course_sync_plugin.testing.verification import VerificationError, verify


class Receiver:
    """A receiver on 127.0.0.1. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    ``faults`` is the script of what goes wrong (:mod:`course_sync_plugin.testing.faults`); ``requests`` holds every
    request as it came. ``state`` and ``entity_types`` are those of the :class:`Inbox`. ``port`` 0: any free one.
    ``hold``: seconds for which every message is held, carried out but not answered. ``tls``: speak https.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        secrets: Sequence[str] = (),
        state: str | Path | None = None,
        entity_types: Collection[str] = (),
        hold: float = 0,
        tls: ssl.SSLContext | None = None,
    ):
        self.secrets = tuple(secrets) or (generate_secret(),)
        self.inbox = Inbox(state, entity_types)
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.hold = hold
        self._lock = threading.Lock()
        self._server = Server(port, self._post, self._get, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Where messages are to be sent to."""
        return self._server.url

    @property
    def secret(self) -> str:
        """The first of the secrets, one of which must have signed a message."""
        return self.secrets[0]

    @property
    def counters(self) -> Counter[str]:
        """What was counted: ``requests``, ``rejected`` (bad signatures), and what the :class:`Inbox` counts."""
        return self.inbox.counters

    @property
    def violations(self) -> list[str]:
        """The breaches of the contract that were seen."""
        return self.inbox.violations

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of all requests, decoded."""
        return [json.loads(request.body) for request in self.requests]

    def replica(self, course_id: str) -> Replica:
        """Return the replica of a course."""
        return self.inbox.replica(course_id)

    def equals(self, structure: Structure) -> bool:
        """Tell whether the replica of the course is this structure."""
        return self.replica(structure.course_id).equals(structure)

    def difference(self, structure: Structure) -> list[str]:
        """Return what differs between the replica and the course as it should be, one readable line each."""
        return self.replica(structure.course_id).difference(structure)

    def start(self) -> Receiver:
        """Begin to serve."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and cut every connection, as if the process had died."""
        self._server.stop()
        self._thread.join()
        with self._lock:
            self.inbox.close()

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _post(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
            self.counters["requests"] += 1
            try:
                message_id = verify(self.secrets, request.headers, request.body)
            except VerificationError as error:
                self.counters["rejected"] += 1
                return Response.of(401, {"error": str(error)})
            return self._take(message_id, request.body, act(self.faults, json.loads(request.body)))

    def _take(self, message_id: str, body: bytes, fault: Fault) -> Response:
        failed = self.inbox.deliver(message_id, body, fault.verdict, fault.answers) if fault.processed else []
        return fault.respond(attrs.evolve(Response.of(200, {"failed": failed}), hold=self.hold))

    def _get(self, address: SplitResult) -> Response:
        with self._lock:
            if address.path == "/replica":
                course_id = parse_qs(address.query).get("course_id", [""])[0]
                return Response.of(200, self.replica(course_id).as_dict())
            courses = sorted(self.inbox.replicas)
            return Response.of(200, {"courses": courses, "counters": self.counters, "violations": self.violations})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a receiver until it is interrupted; its URL is the first line it prints."""
    parser = argparse.ArgumentParser(
        prog="python -m course_sync_plugin.testing.receiver",
        description="A webhook receiver on 127.0.0.1 that keeps a replica of every course it is told of.",
        epilog="example: python -m course_sync_plugin.testing.receiver --port 8000 --state replica.sqlite3",
    )
    parser.add_argument("--port", type=port_number, default=0, help="the port; left out: any that is free")
    help_text = "the secret of the signatures, for tests only: a list of processes shows it; left out: one is made"
    parser.add_argument("--secret", help=help_text)
    parser.add_argument("--state", type=Path, help="the SQLite file that keeps what was received")
    parser.add_argument(
        "--hold", type=ANSWER_DELAY.argument, default=0, help="seconds to wait before a message is answered"
    )
    chosen = parser.parse_args(arguments)
    secrets = [chosen.secret] if chosen.secret else []
    with port_refusal(chosen.port):
        receiver = Receiver(port=chosen.port, secrets=secrets, state=chosen.state, hold=chosen.hold)
    with receiver:
        print(receiver.url, flush=True)
        if not chosen.secret:
            print(receiver.secret, flush=True)
        _wait_for_interrupt()


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
