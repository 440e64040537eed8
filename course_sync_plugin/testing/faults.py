"""What can go wrong at a receiver, to be scripted in tests: ``receiver.faults.append(Refuse(503, times=2))``.

The first fault of the list that concerns a message acts, and is used up after ``times`` (None: never).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs


@attrs.frozen
class Response:
    """What is answered, and how: after ``hold`` seconds, not at all (``cut``), or byte by byte without end.

    ``drip`` says what comes byte by byte, ``headers`` or ``body``, with ``pause`` seconds between two bytes.
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
        """Return an answer in JSON."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@attrs.define(kw_only=True)
class Fault:
    """Something that goes wrong with a message; this class itself is what goes right.

    It acts ``times`` times, on any message, or on those with an operation on ``entity_id``. ``processed``: the message
    is carried out all the same.
    """

    #: The sender learns what came of the message.
    answers: ClassVar[bool] = False

    times: int | None = 1
    entity_id: str | None = None
    processed: bool = True

    def concerns(self, message: Mapping[str, Any]) -> bool:
        """Tell whether the fault acts on a message (its decoded body)."""
        operations = message["data"].get("operations", ())
        return self.entity_id is None or any(operation["entity_id"] == self.entity_id for operation in operations)

    def verdict(self, operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return what is reported of an operation, None where it is carried out."""

    def respond(self, response: Response) -> Response:
        """Return what is answered instead."""
        return response


class NoFault(Fault):
    """Nothing goes wrong."""

    answers = True


@attrs.define
class Refuse(Fault):
    """Answers with a status, headers and body of its own; carries nothing out unless ``processed``."""

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
    """Carries the message out and waits before it answers. Not ``processed``: waits, and closes the connection."""

    seconds: float

    def respond(self, response: Response) -> Response:
        return attrs.evolve(response, hold=self.seconds, cut=not self.processed)


@attrs.define(kw_only=True)
class Drip(Fault):
    """Carries the message out, and then answers one byte at a time, without end: its headers, or its body."""

    part: str = attrs.field(default="headers", validator=attrs.validators.in_(("headers", "body")))
    pause: float = 0.05

    def respond(self, response: Response) -> Response:
        return attrs.evolve(response, drip=self.part, pause=self.pause)


@attrs.define(kw_only=True)
class Fail(Fault):
    """Reports the operation ``operation_id``, or those on ``entity_id``, as failed; the rest is carried out."""

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


#: Reports of failed operations that cannot be understood, by what is wrong with them.
GARBLED: Mapping[str, Response] = _garbled(
    '{"failed": [{"id": "261fd25b-4574-47d8-9594-4a4d68f4bdaf", "reason": "Die Klasse gehört nicht dazu"}]}'
)


@attrs.define
class Garble(Fault):
    """Carries the message out, and reports in one of the forms of ``GARBLED`` that something failed."""

    answers = True

    form: str = attrs.field(default="gzip", validator=attrs.validators.in_(GARBLED))

    def respond(self, response: Response) -> Response:
        return attrs.evolve(GARBLED[self.form], hold=response.hold)


def poison(entity_id: str, status: int = 400) -> Refuse:
    """Return the fault of a receiver that never takes a message with an operation on this entity."""
    return Refuse(status, entity_id=entity_id, times=None)


def act(faults: list[Fault], message: Mapping[str, Any]) -> Fault:
    """Return the fault of a script that acts on a message, and count its use."""
    fault = next((fault for fault in faults if fault.times != 0 and fault.concerns(message)), NoFault(times=None))
    if fault.times is not None:
        fault.times -= 1
    return fault
