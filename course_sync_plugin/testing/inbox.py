"""Processes messages as a receiver does, after the check of the signature.

It has no HTTP, so that models and state machines in tests can use it too.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from course_sync_plugin.data import Operation
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.testing.replica import Replica

#: Returns why an operation is reported as failed, as ``{"reason", "retry"}``; None: it is carried out.
Verdict = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


def carry_out(operation: Mapping[str, Any]) -> None:
    """Return None: a receiver without faults carries out every operation."""


class Inbox:
    """Carries out each operation once, keeps one replica per course, and notes breaches of the contract.

    ``counters``: ``applied``, ``duplicates`` (operations that were known), ``failed``, ``redelivered`` (messages that
    were known), ``late`` (messages that came again after a later one, and were ignored), each kind of operation that
    was applied (``create unit``), each other type of message.

    With ``state``, a SQLite file, the inbox stores every message and its failures before it answers. An inbox that is
    opened on that file later, or by another process, has the same replicas. ``entity_types``: those the target is
    subscribed to; empty: all.
    """

    def __init__(self, state: str | Path | None = None, entity_types: Collection[str] = ()):
        self.replicas: dict[str, Replica] = {}
        self.violations: list[str] = []
        self.counters: Counter[str] = Counter()
        self.operation_ids: set[str] = set()
        self._entity_types = entity_types
        self._digests: dict[str, bytes] = {}
        self._taken: Counter[str] = Counter()  # per course: the last sequence that was carried out
        self._answered: Counter[str] = Counter()  # per course: the last sequence whose answer the sender has
        self._log = _Log(state) if state else None
        for message_id, body, failed, answered in self._log.read() if self._log else ():
            self._take(message_id, body, _stored_verdict(failed), answered)

    def replica(self, course_id: str) -> Replica:
        """Return the replica of a course; an empty one if no message has come."""
        return self.replicas.setdefault(course_id, Replica(course_id, self._entity_types))

    def deliver(
        self, message_id: str, body: bytes, verdict: Verdict = carry_out, answered: bool = True
    ) -> list[dict[str, Any]]:
        """Process a message and return the list ``failed`` of its answer.

        ``answered`` False: the sender will not see the answer.
        """
        failed = self._take(message_id, body, verdict, answered)
        if self._log:
            self._log.write(message_id, body, failed, answered)
        return failed

    def digests(self, data: Mapping[str, Any], most: int) -> dict[str, Any]:
        """Return the answer to a message that asks for digests: at most ``most`` entities, after ``data["after"]``."""
        self.counters["course_sync.digests"] += 1
        replica = self.replica(data["course_id"])
        entities = replica.digests()
        keys = sorted(key for key in entities if key > data.get("after", ""))
        following = {"next": keys[most - 1]} if len(keys) > most else {}
        return {
            "course_id": data["course_id"],
            "published_version": replica.published_version,
            "sequence": self._taken[data["course_id"]],
            "entities": {key: entities[key] for key in keys[:most]},
            **following,
        }

    def close(self) -> None:
        """Close the file."""
        if self._log:
            self._log.close()

    def _take(self, message_id: str, body: bytes, verdict: Verdict, answered: bool) -> list[dict[str, Any]]:
        message = json.loads(body)
        if message["type"] != "course_sync.operations":
            self.counters[message["type"]] += 1
            return []
        data = message["data"]
        if message_id in self._digests and data["sequence"] < self._taken[data["course_id"]]:
            self.counters["late"] += 1  # the sender had its answer, or withdrew it, before it made a later one
            return []
        self._check_order(message_id, body, data)
        failed = list(self._carry_out(data, verdict))
        self._taken[data["course_id"]] = max(self._taken[data["course_id"]], data["sequence"])
        if answered:
            self._answered[data["course_id"]] = self._taken[data["course_id"]]
        return failed

    def _carry_out(self, data: Mapping[str, Any], verdict: Verdict) -> Iterator[dict[str, Any]]:
        """Carry out the operations of a message, and yield those that fail."""
        replica = self.replica(data["course_id"])
        replica.begin_envelope(data)
        for operation in data["operations"]:
            if operation["id"] in self.operation_ids:
                self.counters["duplicates"] += 1
                continue
            refusal = verdict(operation) or self._apply(replica, operation)
            if refusal:
                replica.fail(Operation.from_dict(operation))
                self.counters["failed"] += 1
                yield {"id": operation["id"], **refusal}
        replica.end_envelope(data)

    def _apply(self, replica: Replica, operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        try:
            replica.apply(Operation.from_dict(operation))
        except PermanentError as error:
            return {"reason": error.message, "retry": False}
        self.operation_ids.add(operation["id"])
        self.counters["applied"] += 1
        self.counters[f"{operation['operation']} {operation['entity_type']}"] += 1
        return None

    def _check_order(self, message_id: str, body: bytes, data: Mapping[str, Any]) -> None:
        digest = hashlib.sha256(body).digest()
        if message_id in self._digests:
            self.counters["redelivered"] += 1
            if self._digests[message_id] != digest:
                self.violations.append(f"{message_id}: other bytes with the same webhook-id")
            return
        self._digests[message_id] = digest
        taken, answered = self._taken[data["course_id"]], self._answered[data["course_id"]]
        sequence, previous = data["sequence"], data["previous_sequence"]
        if sequence <= taken:
            self.violations.append(f"{message_id}: sequence {sequence} came after {taken}")
        elif not (answered <= previous <= taken or (previous == 0 and data["mode"] == "snapshot")):
            self.violations.append(f"{message_id}: previous_sequence is {previous}, but {answered} was answered")


def _stored_verdict(failed: Collection[Mapping[str, Any]]) -> Verdict:
    """Return the verdict for a stored message: an operation that failed before fails again."""
    reasons = {entry["id"]: {name: entry[name] for name in ("reason", "retry")} for entry in failed}
    return lambda operation: reasons.get(operation["id"])


class _Log:
    """The processed messages, in a SQLite file. One row stores the effect and the operation ids of a message."""

    def __init__(self, path: str | Path):
        # The threads of a server share the connection; one thread uses it at a time.
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._database:
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS message"
                " (position INTEGER PRIMARY KEY, message_id TEXT, body BLOB, failed TEXT, answered BOOLEAN)"
            )

    def read(self) -> Iterator[tuple[str, bytes, list[dict[str, Any]], bool]]:
        """Yield the messages in the order in which they were processed."""
        rows = self._database.execute("SELECT message_id, body, failed, answered FROM message ORDER BY position")
        for message_id, body, failed, answered in rows:
            yield message_id, body, json.loads(failed), bool(answered)

    def write(self, message_id: str, body: bytes, failed: list[dict[str, Any]], answered: bool) -> None:
        """Store a message. It is permanently stored when this method returns."""
        with self._database:
            self._database.execute(
                "INSERT INTO message (message_id, body, failed, answered) VALUES (?, ?, ?, ?)",
                (message_id, body, json.dumps(failed), answered),
            )

    def close(self) -> None:
        self._database.close()
