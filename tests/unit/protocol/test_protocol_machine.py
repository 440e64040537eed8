"""Laws 2 and 3, tested with the model: kills, losses, refusals, failures and edits at any time."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.unit.protocol.machine import ProtocolMachine, which_lane
from tests.unit.protocol.model import Course, Lane, Turn


class ModelMachine(ProtocolMachine):
    """A worker may be killed, or overtaken and continue, between any two transactions."""

    make_course = Course

    def __init__(self) -> None:
        super().__init__()
        self.course.long_backlog = self.long_backlog
        self.workers: dict[Lane, Iterator[str]] = {}
        self.overtaken: list[Iterator[str]] = []

    @rule(at=which_lane)
    def kill(self, at):
        """The worker of the lane dies; its lease runs out later."""
        self.workers.pop(self._lane(at), None)

    @precondition(lambda self: self.workers)
    @rule(at=which_lane)
    def overtake(self, at):
        """The lease runs out while its worker is still alive."""
        if self._lane(at) in self.workers:
            self.overtaken.append(self.workers.pop(self._lane(at)))

    @precondition(lambda self: self.overtaken)
    @rule(steps=st.integers(1, 3))
    def work_without_a_lease(self, steps):
        """The message that it was about to send arrives late."""
        if all(next(self.overtaken[0], None) for _ in range(steps)):
            return
        self.overtaken.pop(0)

    def _advance(self, lane: Lane, steps: int) -> None:
        for _ in range(steps):
            if lane not in self.workers:
                if not lane.claimable():
                    return
                network = self.receivers[lane].network(self._condition)
                self.workers[lane] = Turn(lane, network, self._in_time).run()
            if next(self.workers[lane], None) is None:
                del self.workers[lane]


class SkippingMachine(ModelMachine):
    """Operators skip some operations: the receivers may then differ from the course, but no lane gets stuck."""

    skips = True


class ExcludingMachine(ModelMachine):
    """Operators exclude entities, and include them again: then every receiver equals the course."""

    excludes = True


class LongBacklogMachine(ModelMachine):
    """Long backlogs are sent as the difference: every receiver still equals the course."""

    long_backlog = 3


_SETTINGS = settings(
    max_examples=200, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TestProtocol = ModelMachine.TestCase
TestProtocol.settings = _SETTINGS
TestProtocolWithSkips = SkippingMachine.TestCase
TestProtocolWithSkips.settings = _SETTINGS
TestProtocolWithExclusions = ExcludingMachine.TestCase
TestProtocolWithExclusions.settings = _SETTINGS
TestProtocolWithLongBacklogs = LongBacklogMachine.TestCase
TestProtocolWithLongBacklogs.settings = _SETTINGS
