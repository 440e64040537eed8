"""Those who make trouble: faults of both systems, kills, notices that are lost or forged; and an operator."""

from __future__ import annotations

import http.client
import time
from typing import Any
from urllib.parse import urlsplit

from course_sync_plugin import api
from course_sync_plugin.models import Lane, Target
from course_sync_plugin.testing.canvas import faults as canvas_faults
from course_sync_plugin.testing.discourse import faults as forum_faults
from course_sync_plugin.testing.discourse.limits import address_throttle
from tests.chaos.actors import Actor
from tests.chaos.two_way.author import COURSE


class Weather(Actor):
    """Lets requests to both systems fail in all their ways, and reads of Canvas be late."""

    def act(self) -> None:
        self.rest(0.1, 0.5)
        self.world.canvas.replica.catch_up()
        self.world.canvas.replica.writes_behind = self.chance.choice([0, 0, 1, 3])
        name = self.chance.choice(["canvas", "forum"])
        faults = {"canvas": self.world.canvas, "forum": self.world.forum}[name].faults
        if all(one.times in (0, None) for one in faults) and self.chance.random() < 0.6:
            what = self._disturb_canvas() if name == "canvas" else self._disturb_the_forum()
            self.done[f"faults of {name}: {what}"] += 1

    def _disturb_canvas(self) -> str:
        canvas, method = self.world.canvas, self.chance.choice(["", "POST", "PUT"])
        processed = self.chance.random() < 0.5
        fault: Any
        what, fault = self.chance.choice([
            ("401", canvas_faults.Refuse(401, method=method)),
            ("throttled 403", canvas_faults.throttled(403)),
            ("throttled 429", canvas_faults.throttled(429)),
            ("5xx", canvas_faults.Refuse(self.chance.choice([500, 502, 504]), method=method, processed=processed)),
            ("maintenance", canvas_faults.maintenance(self.chance.choice([200, 503]), times=2)),
            ("lost answer", canvas_faults.Drop(method=method, processed=processed)),
            ("lost answer", canvas_faults.Drop(method="POST", processed=True)),
            ("slow", canvas_faults.Hang(seconds=self.chance.uniform(0.3, 1.5), method=method)),
            ("full bucket", None),
        ])  # fmt: skip
        if fault:
            canvas.faults.append(fault)
        else:
            canvas.throttle.fill(canvas.token, 560)
        return what

    def _disturb_the_forum(self) -> str:
        forum, method = self.world.forum, self.chance.choice([None, "POST", "PUT"])
        processed = self.chance.random() < 0.5
        status = self.chance.choice([500, 502, 504])
        fault: Any
        what, fault = self.chance.choice([
            ("429 as JSON", forum_faults.Refuse(instead=forum_faults.throttle(1))),
            ("429 as HTML", forum_faults.Refuse(instead=address_throttle(1, html=True))),
            ("429 as text", forum_faults.Refuse(instead=address_throttle(1))),
            ("5xx", forum_faults.Refuse(instead=forum_faults.server_error(status), method=method, processed=processed)),
            ("maintenance", forum_faults.Refuse(instead=forum_faults.maintenance_page(), times=2)),
            ("lost answer", forum_faults.Drop(method=method, processed=processed)),
            ("lost answer", forum_faults.Drop(method="POST", processed=True)),
            ("slow", forum_faults.Hang(seconds=self.chance.uniform(0.3, 1.5), processed=processed, method=method)),
            ("read-only", None),
            ("403", forum_faults.Refuse(instead=forum_faults.Answer.json({"errors": ["no"]}, 403), method="GET")),
        ])  # fmt: skip
        if fault:
            forum.faults.append(fault)
        else:
            self.world.forum.read_only = True
            self.rest(0.3, 1)
            self.world.forum.read_only = False
        return what

    def clear(self) -> None:
        """End all faults."""
        for system in (self.world.canvas, self.world.forum):
            del system.faults[1:]
        self.world.forum.read_only = False
        self.world.canvas.throttle.fill(self.world.canvas.token, 0)
        self.world.canvas.replica.writes_behind = 0
        self.world.canvas.replica.catch_up()


class DeadlyInCanvas(canvas_faults.Fault):
    """Kills the workers that are connected to Canvas at this request. ``processed``: after it was carried out."""

    def __init__(self, world: Any, **options: Any):
        super().__init__(**options)
        self.world, self.killed = world, 0

    def respond(self, answer: Any) -> Any:
        self.killed = kill_at(self.world, "canvas")
        return canvas_faults.Answer(0, cut=True)


class DeadlyAtTheForum(forum_faults.Fault):
    """Kills the workers that are connected to the forum at this request."""

    def __init__(self, world: Any, **options: Any):
        super().__init__(**options)
        self.world, self.killed = world, 0

    def answer(self, answer: Any) -> Any:
        self.killed = kill_at(self.world, "forum")
        return forum_faults.Answer(cut=True)


def kill_at(world: Any, name: str) -> int:
    """Kill the workers that are connected to a system. Return how many."""
    workers = world.workers_at(name)
    for worker in workers:
        worker.kill()
    return len(workers)


class TwoWaySaboteur(Actor):
    """Kills workers: at any moment, or between a request and its answer."""

    def act(self) -> None:
        self.rest(0.5, 2)
        where = self.chance.choice(["any moment", "canvas", "canvas", "forum"])
        if where == "any moment":
            self.chance.choice(list(self.world.workers.values())).kill()
            self.done["kills at any moment"] += 1
        else:
            self._kill_at_a_request(where)
        self.world.replace_the_dead()

    def _kill_at_a_request(self, name: str) -> None:
        options = {
            "method": self.chance.choice(["POST", "POST", "PUT", "GET"]),
            "processed": self.chance.random() < 0.6,
        }
        system: Any
        fault: Any
        if name == "canvas":
            system, fault = self.world.canvas, DeadlyInCanvas(self.world, **options)
        else:
            system, fault = self.world.forum, DeadlyAtTheForum(self.world, **options)
        system.faults.insert(1, fault)
        ends_at = time.monotonic() + 3
        while not fault.killed and time.monotonic() < ends_at and not self.world.over.is_set():
            time.sleep(0.01)
        if fault in system.faults:
            system.faults.remove(fault)
        when = "after" if fault.processed else "before"
        self.done[f"kills {when} a request was carried out"] += fault.killed


class Postman(Actor):
    """Carries notices: some are lost, doubled, late, or in another order; some are forged."""

    def __init__(self, world: Any, name: str):
        super().__init__(world, name)
        world.forum.webhooks.add(world.address("forum"), world.secrets["forum"])

    def act(self) -> None:
        self.rest(0.2, 0.8)
        hooks, events = self.world.forum.webhooks, self.world.canvas.live_events
        for queue in (hooks, events):
            chosen = self.chance.random()
            if chosen < 0.25:
                queue.pending = queue.pending[::2]
                self.done["times that notices were lost"] += 1
            elif chosen < 0.5:
                queue.pending = [*reversed(queue.pending), *queue.pending]
                self.done["times that notices were doubled and reversed"] += 1
        if self.chance.random() < 0.6:  # else they are late
            hooks.deliver()
            events.deliver(self.world.address("canvas"))
            self.done["times that notices came"] += 1
        if self.chance.random() < 0.2:
            self._forge()

    def _forge(self) -> None:
        """Send a notice that nobody has signed. It must be refused."""
        address = urlsplit(self.world.address("forum"))
        connection = http.client.HTTPConnection(address.netloc, timeout=10)
        connection.request("POST", address.path, b'{"topic": {"id": 1}}', {"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        assert status == 401, f"a forged notice was answered {status}"
        self.done["forged notices"] += 1


class TwoWayOperator(Actor):
    """Looks at both systems at any time, sweeps, and resumes and retries what stands still."""

    def act(self) -> None:
        self.rest(0.3, 1.2)
        what = self.chance.choice([self._look, self._look, self._sweep, mend])
        what()
        self.done[f"times that the operator did: {what.__name__.strip('_')}"] += 1

    def _look(self) -> None:
        api.poll_now(self.chance.choice(["canvas", "forum", ""]), COURSE)

    def _sweep(self) -> None:
        api.sweep()


def mend() -> None:
    """Resume and retry what stands still."""
    for target in Target.objects.all():
        stopped = target.paused or target.disabled_reason or Lane.objects.filter(target=target, failing=True).exists()
        if stopped:
            api.resume(target.name)
        api.retry(target.name)
