"""Laws 2 and 3 against the model: whatever is killed, lost, refused, failed or edited, and whenever."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.unit.protocol_machine import ProtocolMachine, which_lane
from tests.unit.protocol_model import Course, Lane, Turn


class ModelMachine(ProtocolMachine):
    """Workers may be killed, or overtaken and go on, between any two transactions."""

    make_course = Course

    def __init__(self) -> None:
        super().__init__()
        self.workers: dict[Lane, Iterator[str]] = {}
        self.overtaken: list[Iterator[str]] = []

    @rule(at=which_lane)
    def kill(self, at):
        """Whoever works on the lane dies; its lease runs out later."""
        self.workers.pop(self._lane(at), None)

    @precondition(lambda self: self.workers)
    @rule(at=which_lane)
    def overtake(self, at):
        """The lease runs out while its worker lives on."""
        if self._lane(at) in self.workers:
            self.overtaken.append(self.workers.pop(self._lane(at)))

    @precondition(lambda self: self.overtaken)
    @rule(steps=st.integers(1, 3))
    def work_without_a_lease(self, steps):
        """What it was about to send arrives late."""
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
    """Operators give up some operations: what they promised is off, but nothing gets stuck."""

    skips = True


_SETTINGS = settings(
    max_examples=200, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
TestProtocol = ModelMachine.TestCase
TestProtocol.settings = _SETTINGS
TestProtocolWithSkips = SkippingMachine.TestCase
TestProtocolWithSkips.settings = _SETTINGS
