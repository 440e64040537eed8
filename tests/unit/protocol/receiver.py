"""The receivers of the model: the real inbox with faults, and checks of the promises that we make to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import attrs

from course_sync_plugin.data import Answer, FailedOperation, Structure
from course_sync_plugin.exceptions import PermanentError, TransientError
from course_sync_plugin.testing.inbox import Inbox
from tests.unit.protocol.model import Envelope, Lane, Network


@attrs.define(eq=False)
class Receiver:
    """The receiver of one lane, with its faults.

    ``failing``: entities whose operations fail, each with whether the receiver asks for a retry. ``poisonous``:
    entities for which it refuses the whole message. ``skipped``: an operation was skipped. ``excluding``: an entity may
    be excluded. ``stale``: it has data of a removed lane. ``broken_promises``: violations of the laws.
    """

    lane: Lane
    inbox: Inbox = attrs.field(init=False)
    failing: dict[str, bool] = attrs.field(factory=dict)
    poisonous: set[str] = attrs.field(factory=set)
    broken_promises: list[str] = attrs.field(factory=list)
    skipped: bool = False
    excluding: bool = False
    stale: bool = False
    sequence: int = 0

    def __attrs_post_init__(self) -> None:
        self.inbox = Inbox(entity_types=self.lane.types)

    def begin_anew(self, lane: Lane) -> None:
        """Serve another lane from now on, and keep the replica."""
        self.lane, self.skipped, self.excluding, self.stale = lane, False, False, True

    def mend(self) -> None:
        self.failing.clear()
        self.poisonous.clear()

    def has_the_course(self) -> bool:
        """Tell whether it has the course. It also counts if nothing was sent, or a deleted course is kept."""
        course = self.lane.course.structure
        if not self.lane.messages or (self.lane.keep and not course.entities):
            return True
        return self.replica().complete and not self.difference(course)

    def has_nothing_to_get(self) -> bool:
        """Tell whether nothing was sent, or the course was deleted before the receiver had accepted a part of it."""
        nothing_is_there = not self.lane.course.structure.entities and not self.replica().structure().entities
        return not self.lane.messages or nothing_is_there

    def network(self, condition: Callable[[], str]) -> Network:
        """Return the network to it: ``condition`` returns ``fine``, ``lost`` or ``answer lost`` for each message."""
        return lambda envelope: self._take(envelope, condition())

    def replica(self) -> Any:
        return self.inbox.replica(self.lane.course.key)

    def difference(self, structure: Structure) -> list[str]:
        """Return the differences from the course, without the order of children if some types are not sent."""
        lines = self.replica().difference(structure)
        return [line for line in lines if not (self.lane.types and line.startswith("children of"))]

    def unexplained_differences(self) -> list[str]:
        """Return the entities that differ from the course, although no problem of the lane is about them."""
        course = self.lane.course.structure
        if not self.lane.messages or (self.lane.keep and not course.entities):
            return []
        here, about = (
            self.replica().structure().entities,
            {one.operation.entity_id for one in self.lane.open_problems()},
        )
        wanted = {
            key for key, one in course.entities.items() if not self.lane.types or one.entity_type in self.lane.types
        }
        differing = {key for key in wanted | here.keys() if here.get(key) != course.entities.get(key)}
        return sorted(differing - about)

    def _take(self, envelope: Envelope, condition: str) -> Answer:
        data = json.loads(envelope.body)["data"]
        if condition == "lost":
            raise TransientError("nothing arrived")
        if data["sequence"] < self.sequence:  # it was answered or withdrawn before
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
        """Check that only snapshots and repairs create entities that may exist already."""
        ids = {row.operation.id for row in self.lane.course.journal if row.run.kind == "changes"}
        for operation in data["operations"]:
            fresh = operation["id"] in ids and operation["id"] not in self.inbox.operation_ids
            is_there = operation["entity_id"] in self.replica().structure().entities
            if operation["operation"] == "create" and fresh and is_there:
                self.broken_promises.append(f"created twice: {operation['entity_id']}")

    def _waits(self, operation_id: str) -> bool:
        """Tell whether the new parent of an operation has itself not been moved yet."""
        parents = [row.operation.parent_id for row in self.lane.course.journal if row.operation.id == operation_id]
        moves = [one.operation for one in self.lane.open_problems() if one.operation.operation == "move"]
        unmoved = {move.entity_id for move in moves if move.previous["parent_id"] != move.parent_id}
        return not unmoved.isdisjoint(parents)

    def _check(self, data: dict[str, Any], failed: list[dict[str, Any]]) -> None:
        """Check, if there are no faults, that operations fit and that the replica equals the course after a run."""
        if self.skipped or any(one["reason"] == "scripted" for one in failed):
            return
        misfits = [one["reason"] for one in failed if "below itself" not in one["reason"] or self._waits(one["id"])]
        self.broken_promises += [f"does not fit: {reason}" for reason in misfits]
        if data["end_of_run"] and not failed and not self.excluding:
            self.broken_promises += self.difference(self.lane.course.versions[data["published_version"]])
