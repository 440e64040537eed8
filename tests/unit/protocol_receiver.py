"""The receivers of the model: the real inbox, what goes wrong with it, and what it may expect of us."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs

from course_sync_plugin.data import Answer, FailedOperation, Structure
from course_sync_plugin.exceptions import PermanentError, TransientError
from course_sync_plugin.testing.inbox import Inbox
from tests.unit.protocol_model import Envelope, Lane, Network


@attrs.define(eq=False)
class Receiver:
    """The far side of one lane, with what is wrong with it.

    ``failing``: entities whose operations fail, and whether it wants to see them again. ``poisonous``: entities it
    refuses a whole message for. ``skipped``: something was given up; ``stale``: it has things of a lane that was
    removed. ``broken_promises``: what the laws forbid.
    """

    lane: Lane
    inbox: Inbox = attrs.field(init=False)
    failing: dict[str, bool] = attrs.field(factory=dict)
    poisonous: set[str] = attrs.field(factory=set)
    broken_promises: list[str] = attrs.field(factory=list)
    skipped: bool = False
    stale: bool = False
    sequence: int = 0

    def __attrs_post_init__(self) -> None:
        self.inbox = Inbox(entity_types=self.lane.types)

    def begin_anew(self, lane: Lane) -> None:
        """Belong to another lane, with what is there."""
        self.lane, self.skipped, self.stale = lane, False, True

    def mend(self) -> None:
        self.failing.clear()
        self.poisonous.clear()

    def has_the_course(self) -> bool:
        """Whether it has the course. A target that keeps what is deleted, or was sent nothing, has what it had."""
        course = self.lane.course.structure
        if not self.lane.messages or (self.lane.keep and not course.entities):
            return True
        return self.replica().complete and not self.difference(course)

    def network(self, condition: Callable[[], str]) -> Network:
        """The way to it: ``condition`` says, message by message, ``fine``, ``lost`` or ``answer lost``."""
        return lambda envelope: self._take(envelope, condition())

    def replica(self) -> Any:
        return self.inbox.replica(self.lane.course.key)

    def difference(self, structure: Structure) -> list[str]:
        """What differs from the course. Beside siblings of a type that it does not get there is no order."""
        lines = self.replica().difference(structure)
        return [line for line in lines if not (self.lane.types and line.startswith("children of"))]

    def _take(self, envelope: Envelope, condition: str) -> Answer:
        data = json.loads(envelope.body)["data"]
        if condition == "lost":
            raise TransientError("nothing arrived")
        if data["sequence"] < self.sequence:  # it was answered or withdrawn long ago
            return Answer()
        if any(operation["entity_id"] in self.poisonous for operation in data["operations"]):
            raise PermanentError("refused")
        self.sequence = data["sequence"]
        if not (self.skipped or self.stale or self.lane.keep):
            self._check_creations(data)
        failed = self.inbox.deliver(envelope.message_id, envelope.body, self._verdict, answered=False)
        self._check(data, failed)
        if condition == "answer lost":
            raise TransientError("no answer")
        return Answer(tuple(FailedOperation(one["id"], one["reason"], one["retry"]) for one in failed))

    def _verdict(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        if operation["entity_id"] in self.failing:
            return {"reason": "scripted", "retry": self.failing[operation["entity_id"]]}
        return None

    def _check_creations(self, data: dict[str, Any]) -> None:
        """Only snapshots and repairs create what may be there already."""
        ids = {row.operation.id for row in self.lane.course.journal if row.run.kind == "changes"}
        for operation in data["operations"]:
            fresh = operation["id"] in ids and operation["id"] not in self.inbox.operation_ids
            is_there = operation["entity_id"] in self.replica().structure().entities
            if operation["operation"] == "create" and fresh and is_there:
                self.broken_promises.append(f"created twice: {operation['entity_id']}")

    def _waits(self, operation_id: str) -> bool:
        """Tell whether an operation was to go below an entity that had not been moved itself."""
        parents = [row.operation.parent_id for row in self.lane.course.journal if row.operation.id == operation_id]
        moves = [one.operation for one in self.lane.open_problems() if one.operation.operation == "move"]
        unmoved = {move.entity_id for move in moves if move.previous["parent_id"] != move.parent_id}
        return not unmoved.isdisjoint(parents)

    def _check(self, data: dict[str, Any], failed: list[dict[str, Any]]) -> None:
        """Where nothing is wrong with the receiver, everything fits, and the end of a run is the course."""
        if self.skipped or any(one["reason"] == "scripted" for one in failed):
            return
        misfits = [one["reason"] for one in failed if "below itself" not in one["reason"] or self._waits(one["id"])]
        self.broken_promises += [f"does not fit: {reason}" for reason in misfits]
        if data["end_of_run"] and not failed:
            self.broken_promises += self.difference(self.lane.course.versions[data["published_version"]])
