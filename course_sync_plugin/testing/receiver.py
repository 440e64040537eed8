"""A webhook receiver for tests: a real HTTP server that keeps a replica of every course that it receives.

In a test::

    with Receiver() as receiver:
        ...  # a target with receiver.url and receiver.secret
        assert receiver.difference(structure) == []
        assert receiver.violations == []

As a process: ``python -m course_sync_plugin.testing.receiver --port 8000 --secret whsec_… --state replica.sqlite3``.
``GET /`` returns courses, counters and violations as JSON, ``GET /replica?course_id=…`` the replica of a course.
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
from course_sync_plugin.sanitize.limits import ANSWER_DELAY
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.testing.faults import Fault, Response, choose_fault
from course_sync_plugin.testing.inbox import Inbox
from course_sync_plugin.testing.replica import Replica
from course_sync_plugin.testing.server import Request, Server, port_number, port_refusal, wait_for_interrupt
from course_sync_plugin.testing.verification import VerificationError, verify


class Receiver:
    """A receiver on 127.0.0.1. Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    ``faults``: the faults that act on messages (:mod:`course_sync_plugin.testing.faults`). ``requests``: every request
    as it came. ``state`` and ``entity_types``: as for the :class:`Inbox`. ``port`` 0: any free port. ``hold``: seconds
    between carrying out a message and answering it. ``tls``: use https. ``digests``: the number of entities in one
    answer about digests; 0: the receiver does not offer digests.
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
        digests: int = 1000,
    ):
        self.secrets = tuple(secrets) or (generate_secret(),)
        self.inbox = Inbox(state, entity_types)
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.hold = hold
        self.digests = digests
        self._lock = threading.Lock()
        self._server = Server(port, self._post, self._get, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """The URL to which messages are sent."""
        return self._server.url

    @property
    def secret(self) -> str:
        """The first secret. One of the secrets must have signed a message."""
        return self.secrets[0]

    @property
    def counters(self) -> Counter[str]:
        """The counters: ``requests``, ``rejected`` (bad signatures), and those of the :class:`Inbox`."""
        return self.inbox.counters

    @property
    def violations(self) -> list[str]:
        """The breaches of the contract that the receiver has noticed."""
        return self.inbox.violations

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of all requests, decoded."""
        return [json.loads(request.body) for request in self.requests]

    @property
    def unanswered(self) -> frozenset[int]:
        """The ports of the clients whose requests have come and are not answered yet."""
        return frozenset(self._server.unanswered)

    def replica(self, course_id: str) -> Replica:
        """Return the replica of a course."""
        return self.inbox.replica(course_id)

    def equals(self, structure: Structure) -> bool:
        """Tell whether the replica of the course equals this structure."""
        return self.replica(structure.course_id).equals(structure)

    def difference(self, structure: Structure) -> list[str]:
        """Return the differences between the replica and the expected course, one readable line each."""
        return self.replica(structure.course_id).difference(structure)

    def start(self) -> Receiver:
        """Start serving."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection, as if the process had died."""
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
            message = json.loads(request.body)
            fault = choose_fault(self.faults, message)
            if self.digests and message["type"] == "course_sync.digests":
                answer = Response.of(200, self.inbox.digests(message["data"], self.digests))
                return fault.respond(attrs.evolve(answer, hold=self.hold))
            return self._take(message_id, request.body, fault)

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
    """Run a receiver until it is interrupted. The first line that it prints is its URL."""
    parser = argparse.ArgumentParser(
        prog="python -m course_sync_plugin.testing.receiver",
        description="A webhook receiver on 127.0.0.1 that keeps a replica of every course that it receives.",
        epilog="example: python -m course_sync_plugin.testing.receiver --port 8000 --state replica.sqlite3",
    )
    parser.add_argument("--port", type=port_number, default=0, help="the port (default: any free port)")
    help_text = "the secret of the signatures, only for tests: the list of processes shows it (default: a new one)"
    parser.add_argument("--secret", help=help_text)
    parser.add_argument("--state", type=Path, help="the SQLite file that stores the received messages")
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
        wait_for_interrupt()


if __name__ == "__main__":
    main()
