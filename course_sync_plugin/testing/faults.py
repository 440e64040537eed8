"""Faults of a receiver that a test can script: ``receiver.faults.append(Refuse(503, times=2))``.

The first fault in the list that concerns a message acts on it. After ``times`` messages the fault is used up (None:
never).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs


@attrs.frozen
class Response:
    """An answer, and how it is sent: after ``hold`` seconds, not at all (``cut``), or byte by byte without end.

    ``drip``: the part that is sent byte by byte, ``headers`` or ``body``. ``pause``: seconds between two bytes.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    hold: float = 0
    cut: bool = False
    drip: str = ""
    pause: float = 0

    @classmethod
    def of(cls, status: int, value: Any) -> Response:
        """Return an answer with a JSON body."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@attrs.define(kw_only=True)
class Fault:
    """A fault that acts on messages. This base class changes nothing.

    It acts ``times`` times, on every message, or on those with an operation on ``entity_id``. ``processed``: the
    receiver carries out the message all the same.
    """

    #: Whether the sender gets the result of the message.
    answers: ClassVar[bool] = False

    times: int | None = 1
    entity_id: str | None = None
    processed: bool = True

    def concerns(self, message: Mapping[str, Any]) -> bool:
        """Tell whether the fault acts on a message (its decoded body)."""
        operations = message["data"].get("operations", ())
        return self.entity_id is None or any(operation["entity_id"] == self.entity_id for operation in operations)

    def verdict(self, operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the failure to report for an operation; None: it is carried out."""

    def respond(self, response: Response) -> Response:
        """Return the answer that is sent instead of ``response``."""
        return response


class NoFault(Fault):
    """No fault: the message is carried out and answered."""

    answers = True


@attrs.define
class Refuse(Fault):
    """Answers with its own status, headers and body. It carries out the message only if ``processed``."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    body: bytes = attrs.field(default=b"", kw_only=True)
    processed: bool = attrs.field(default=False, kw_only=True)

    def respond(self, response: Response) -> Response:
        return Response(self.status, self.body, self.headers)


@attrs.define
class Drop(Fault):
    """Closes the connection without an answer, before the message is carried out, or after (``processed``)."""

    processed: bool = attrs.field(default=False, kw_only=True)

    def respond(self, response: Response) -> Response:
        return attrs.evolve(response, cut=True)


@attrs.define
class Hold(Fault):
    """Carries out the message and waits before it answers. If not ``processed``: waits and closes the connection."""

    seconds: float

    def respond(self, response: Response) -> Response:
        return attrs.evolve(response, hold=self.seconds, cut=not self.processed)


@attrs.define(kw_only=True)
class Drip(Fault):
    """Carries out the message, then sends the headers or the body of its answer one byte at a time, without end."""

    part: str = attrs.field(default="headers", validator=attrs.validators.in_(("headers", "body")))
    pause: float = 0.05

    def respond(self, response: Response) -> Response:
        return attrs.evolve(response, drip=self.part, pause=self.pause)


@attrs.define(kw_only=True)
class Fail(Fault):
    """Reports the operation ``operation_id``, or those on ``entity_id``, as failed, and carries out the rest."""

    answers = True

    operation_id: str | None = None
    reason: str = "scripted to fail"
    retry: bool = False

    def concerns(self, message: Mapping[str, Any]) -> bool:
        return any(self.verdict(operation) for operation in message["data"].get("operations", ()))

    def verdict(self, operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if operation["id"] == self.operation_id or operation["entity_id"] == self.entity_id:
            return {"reason": self.reason, "retry": self.retry}
        return None


def _garbled(report: str) -> dict[str, Response]:
    packed = gzip.compress(report.encode(), mtime=0)
    return {
        "gzip": Response(200, packed, {"Content-Encoding": "gzip"}),
        "gzip without a header": Response(200, packed),
        "latin-1": Response(200, report.encode("latin-1")),
        "cut off": Response(200, report[:20].encode()),
        "no list": Response.of(200, {"failed": {"261fd25b-4574-47d8-9594-4a4d68f4bdaf": "no such class"}}),
        "texts": Response.of(200, {"failed": ["261fd25b-4574-47d8-9594-4a4d68f4bdaf"]}),
        "unknown id": Response.of(200, {"failed": [{"id": "42", "reason": "no such class"}]}),
    }


#: Reports of failed operations that cannot be understood, by the name of their defect.
GARBLED: Mapping[str, Response] = _garbled(
    '{"failed": [{"id": "261fd25b-4574-47d8-9594-4a4d68f4bdaf", "reason": "Die Klasse gehört nicht dazu"}]}'
)


@attrs.define
class Garble(Fault):
    """Carries out the message, and reports a failure in one of the forms of ``GARBLED``."""

    answers = True

    form: str = attrs.field(default="gzip", validator=attrs.validators.in_(GARBLED))

    def respond(self, response: Response) -> Response:
        return attrs.evolve(GARBLED[self.form], hold=response.hold)


def poison(entity_id: str, status: int = 400) -> Refuse:
    """Return a fault that refuses every message with an operation on this entity."""
    return Refuse(status, entity_id=entity_id, times=None)


def choose_fault(faults: list[Fault], message: Mapping[str, Any]) -> Fault:
    """Return the first fault in the list that acts on a message, and count its use."""
    fault = next((fault for fault in faults if fault.times != 0 and fault.concerns(message)), NoFault(times=None))
    if fault.times is not None:
        fault.times -= 1
    return fault
