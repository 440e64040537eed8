"""The part of one turn in a lane that concerns the circuit breaker of its target (:mod:`.breaker`)."""

from __future__ import annotations

import attrs

from course_sync_plugin.lanes import breaker
from course_sync_plugin.lanes.verdict import Signal, Verdict
from course_sync_plugin.models import Lane


class BreakerTurn:
    """Tells the breaker what a turn learns about the target, and gives back its probe.

    ``lane``: the lane that the worker has just claimed, with its target. ``is_probe``: the next request of the turn is
    the probe of the target. ``limit``: the number of requests without an answer that opens the breaker.
    """

    def __init__(self, lane: Lane):
        self._lane = lane
        self.is_probe = breaker.is_probe(lane)
        self.limit = breaker.FAILURES

    def tell(self, verdict: Verdict) -> None:
        """Tell the breaker what an attempt says about the target. No transaction is open."""
        target = self._lane.target
        if verdict.signal is Signal.ANSWERED:
            if self.is_probe or target.breaker_failures or target.breaker_opened_at:
                breaker.answered(target)
            self.is_probe = False
        elif self.is_probe:
            self._end_probe(verdict)
        elif verdict.signal is Signal.LIMITED:
            breaker.failed(target, verdict.error, self.limit, wait=verdict.wait)
        elif verdict.signal is Signal.UNANSWERED:
            at_once = verdict.stop and breaker.is_only_hope(self._lane)
            breaker.failed(target, verdict.error, self.limit, at_once=at_once)

    def put_back(self, wait: float = 0) -> None:
        """Give back a probe that was not sent. The next one may be sent after ``wait`` seconds."""
        if self.is_probe:
            breaker.put_back_probe(self._lane.target, self._lane.lease_token, wait)

    def without_attempt(self, verdict: Verdict) -> Verdict:
        """Return the verdict as it is for a probe: without an answer it uses up no attempt, and the lane goes on."""
        if not (self.is_probe and verdict.signal is Signal.UNANSWERED):
            return verdict
        return attrs.evolve(verdict, attempts=self._lane.attempts, wait=self.probe_wait(), stop=False)

    def probe_wait(self) -> float:
        """Return the seconds until the next probe, if this one gets no answer."""
        return breaker.probe_wait((self._lane.target.breaker_probes or 0) + 1)

    def _end_probe(self, verdict: Verdict) -> None:
        self.is_probe = False
        target, wait = self._lane.target, verdict.wait or 0
        if verdict.signal is Signal.UNANSWERED:
            breaker.probe_failed(target, self._lane.lease_token, verdict.error, wait)
        else:
            breaker.put_back_probe(target, self._lane.lease_token, wait)
