"""Laws 2 and 3, tested with the real lanes: the machine of the model, with processes that may die before any query."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from course_sync_plugin.data import Answer, Message
from course_sync_plugin.models import Course as CourseRow
from course_sync_plugin.models import JournalOperation, Marker, Run, Target
from course_sync_plugin.targets.registry import targets
from tests.integration.courses import SHELF
from tests.integration.lanes.protocol_site import Course, Killed, Lane, ScriptedTarget, killed_after
from tests.unit.protocol.machine import ProtocolMachine, chance, edit, which_lane

#: What may happen on a site while one of its workers waits for an answer.
MEANWHILE = ("nothing", "nothing", "nothing", "overtaken before", "overtaken after", "published", "retried")

#: No cache: with it, a switch is read from the database once a second. Then the number of queries would not give the
#: same place of death in each run, and hypothesis would give up (FlakyStrategyDefinition).
NO_CACHE = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


class RealMachine(ProtocolMachine):
    """A worker finishes its turn, dies before one of its queries, or is overtaken while it waits for an answer."""

    make_course = Course

    def __init__(self) -> None:
        SHELF.__init__()
        for model in (Target, JournalOperation, Run, CourseRow, Marker):
            model.objects.all().delete()
        super().__init__()

    @rule(at=which_lane, queries=st.integers(0, 60), weather=chance)
    def work_and_die(self, at, queries, weather):
        """A process is killed; its lease runs out later. The next sweep finds a publish that happened meanwhile."""
        self.weather = weather
        lane = self._lane(at)
        if lane.claimable():
            with suppress(Killed), killed_after(queries):
                lane.work(self._network(lane), seconds=20)
            self.course.record(self.course.structure)

    @rule(chance=chance, edits=st.integers(1, 4), queries=st.integers(0, 60))
    def publish_and_die(self, chance, edits, queries):
        """A process is killed while it records; the next one records all of it."""
        for _ in range(edits):
            edit(chance, self.draft)
        self.version += 1
        new = self.draft.structure(str(self.version))
        with suppress(Killed), killed_after(queries):
            self.course.record(new)
        self.course.record(new)

    def _advance(self, lane: Lane, steps: int) -> None:
        for _ in range(steps):
            if not lane.claimable():
                return
            lane.work(self._network(lane), seconds=20 if self._in_time() else 0)

    def _network(self, lane: Lane, *, is_overtaking: bool = False) -> Callable[[Message], Answer]:
        """Return the network to the receiver of a lane."""
        receiver = self.receivers[lane].network(self._condition)

        def send(message: Message) -> Answer:
            lane.messages += 1
            meanwhile = self.weather.choice(MEANWHILE) if self.weather and not is_overtaking else "nothing"
            if meanwhile == "overtaken before":
                self._overtake(lane)
            elif meanwhile == "published":
                edit(self.weather, self.draft)
                self.publish_without_a_change()
            elif meanwhile == "retried":
                lane.retry(lambda problem: True)
            try:
                return receiver(message)
            finally:
                if meanwhile == "overtaken after":
                    self._overtake(lane)

        return send

    def _overtake(self, lane: Lane) -> None:
        """The lease runs out, and another worker takes over and ends its turn first."""
        mine = ScriptedTarget.networks[lane.name]
        lane.work(self._network(lane, is_overtaking=True), seconds=20)
        ScriptedTarget.networks[lane.name] = mine


class SkippingMachine(RealMachine):
    """Operators skip some operations."""

    skips = True


class ExcludingMachine(RealMachine):
    """Operators exclude entities, and include them again."""

    excludes = True


class LongBacklogMachine(RealMachine):
    """Long backlogs are sent as the difference."""

    long_backlog = 3


# A killed worker does not close its cursors, and psycopg warns about that.
@pytest.mark.filterwarnings("ignore:.*Server(Side)?Cursor.* was deleted while still open:ResourceWarning")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("machine", [RealMachine, SkippingMachine, ExcludingMachine, LongBacklogMachine])
def test_the_protocol(machine, shelf, monkeypatch):
    monkeypatch.setitem(targets._loaded, "scripted", ScriptedTarget)
    # No shrinking here: it takes minutes. The model shrinks in seconds, and shows nearly every failure too.
    chosen = settings(
        max_examples=20 if connection.vendor == "sqlite" else 10,  # a server takes a minute for 40
        stateful_step_count=30,
        phases=[Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    site = {"COURSE_SYNC_ENVELOPE_OPERATIONS": 4, "COURSE_SYNC_RETRY_SCHEDULE": [1, 1, 1], "CACHES": NO_CACHE}
    with override_settings(**site, COURSE_SYNC_LONG_BACKLOG=machine.long_backlog):
        run_state_machine_as_test(machine, settings=chosen)
    gc.collect()  # while the filter for that warning is active
