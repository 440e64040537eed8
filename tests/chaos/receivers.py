"""A receiver that misbehaves at random."""

from __future__ import annotations

import random
import threading
from typing import Any

import attrs

from course_sync_plugin.testing import faults
from course_sync_plugin.testing.faults import Fault, Response
from course_sync_plugin.testing.receiver import Receiver
from course_sync_plugin.testing.server import Request


class ChaosReceiver(Receiver):
    """A receiver whose faults ``chance`` chooses while ``is_calm`` is False. ``misdeeds`` counts them."""

    def __init__(self, chance: random.Random, **options: Any):
        super().__init__(**options)
        self.is_calm = False
        self.misdeeds = 0
        self._chance = chance
        self._guard = threading.Lock()

    def _post(self, request: Request) -> Response:
        with self._guard:
            self.faults[:] = [] if self.is_calm else self._chosen()
            self.hold = 0 if self.is_calm else self._chance.uniform(0.1, 0.4)
        return super()._post(request)

    def _take(self, message_id: str, body: bytes, fault: Fault) -> Response:
        """Take a message. Nobody knows whether the sender sees the answer: it may be killed before it comes."""
        failed = self.inbox.deliver(message_id, body, fault.verdict, answered=False) if fault.processed else []
        return fault.respond(attrs.evolve(Response.of(200, {"failed": failed}), hold=self.hold))

    def _chosen(self) -> list[Fault]:
        if self._chance.random() < 0.7:
            return []
        self.misdeeds += 1
        return [
            self._chance.choice(
                [
                    faults.Refuse(500),
                    faults.Refuse(503, processed=True),
                    faults.Refuse(429, headers={"Retry-After": "1"}),
                    faults.Refuse(400),
                    faults.Refuse(200, body=b"<html>welcome</html>", processed=True),
                    faults.Drop(),
                    faults.Drop(processed=True),
                    faults.Hold(8),
                    faults.Drip(pause=0.2),
                    faults.Garble(form=self._chance.choice(sorted(faults.GARBLED))),
                    SomeFail(self._chance),
                ]
            )
        ]


class SomeFail(faults.Fault):
    """Reports each operation as failed with a chance of one in three, some of them to be sent again."""

    answers = True

    def __init__(self, chance: random.Random):
        super().__init__()
        self._chance = chance

    def verdict(self, operation: Any) -> dict[str, Any] | None:
        if self._chance.random() > 1 / 3:
            return None
        return {"reason": "by chance", "retry": self._chance.random() < 0.5}
