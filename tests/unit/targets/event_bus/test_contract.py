"""The target ``event-bus`` passes the contract suite, with the real producer of edx-event-bus-redis."""

from __future__ import annotations

from unittest import SkipTest

import attrs
import pytest

from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.event_bus.target import EventBusTarget
from course_sync_plugin.testing.contract import TITLE, TargetContract, course_creation, envelope


class TestContract(TargetContract):
    target_class = EventBusTarget

    @pytest.fixture(autouse=True)
    def _redis(self, fake_redis):
        self.redis = fake_redis

    def config(self, **changes):
        return attrs.evolve(TargetConfig("bus", "", ()), **changes)

    def effect(self):
        """Consumers drop an event whose id they have seen."""
        return {event[b"id"]: event[b"event_data"] for event in self.redis.added}

    def make_silent(self):
        self.redis.silent = True

    def make_unreachable(self):
        self.redis.stop()

    def make_broken(self):
        self.redis.answer = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"

    def make_busy(self, seconds):
        raise SkipTest("Redis does not ask to wait")

    def make_refuse(self):
        self.redis.answer = b"-ERR Protocol error: invalid bulk length\r\n"

    def make_gone(self):
        raise SkipTest("Redis does not say that it is gone")

    def make_fail(self, operation_id):
        raise SkipTest("nobody answers for single operations on the bus")

    @pytest.mark.parametrize(
        "break_it", ["make_silent", "make_unreachable", "make_broken", "make_refuse"], ids=lambda name: name
    )
    def test_what_the_producer_logs_shows_no_content(self, caplog, break_it):
        """It logs the whole event when it cannot send it, and nobody has set the level of its logger."""
        getattr(self, break_it)()
        message = envelope(*course_creation(), context={"token": TITLE})
        self.error_of(message, deadline_seconds=0.2)
        assert "Error delivering message to Redis event bus" in caplog.text
        assert "CourseOperationsData(schema_version=1" in caplog.text
        assert TITLE not in caplog.text
        assert "the-password" not in caplog.text
