"""What the campaign for two-way targets runs: both systems, the address for notices, workers, and the linked course."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_sync_plugin.testing.canvas import faults as canvas_faults
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import living
from course_sync_plugin.testing.discourse import DiscourseServer
from course_sync_plugin.testing.discourse import faults as forum_faults
from tests.chaos.environment import TWO_WAY
from tests.chaos.servers import MariaDB, Redis, free_port
from tests.chaos.two_way.author import COURSE, publish_first
from tests.chaos.two_way.edits import Edits
from tests.chaos.two_way.members import name_in
from tests.chaos.two_way.overtaken import Witness
from tests.chaos.two_way.pace import LEAK_PER_SECOND
from tests.chaos.two_way.teacher import tables, values_of
from tests.chaos.world import Workers
from tests.services.processes import Process, eventually

#: Which workers there are: the supported process, and Celery.
WORKERS = ("run", "celery-1")

#: Which conflict strategies there are.
STRATEGIES = (
    *("prefer_openedx", "prefer_canvas", "prefer_discourse", "prefer_most_recent"),
    *("merge_prefer_openedx", "merge_prefer_canvas", "merge_prefer_discourse", "manual"),
)


class Watch:
    """A fault that disturbs nothing: it notes each request with its time, in ``seen``."""

    def __init__(self) -> None:
        super().__init__(times=None)
        self.seen: list[tuple[float, Any]] = []

    def concerns(self, request: Any) -> bool:
        self.seen.append((time.monotonic(), request))
        return False


class CanvasWatch(Watch, canvas_faults.Fault):
    """Watches Canvas."""


class ForumWatch(Watch, forum_faults.Fault):
    """Watches the forum."""


class TwoWayWorld(Workers):
    """Both systems, and what people do there.

    ``states``: the state that the teacher gave to objects of ours. ``deleted``: the entities of which people deleted an
    object, by target. ``moved``: the topics that people moved. ``replies``: the texts of replies. ``overtaken``: the
    number of edits that were overwritten before they could be read.
    """

    options = ("--quick",)
    settings = TWO_WAY

    def __init__(self, folder: Path, database: MariaDB, broker: Redis, seed: int, mutant: str):
        super().__init__(folder, database, broker, seed, mutant)
        self.edits = Edits()
        self.canvas, self.forum = CanvasFake().start(), DiscourseServer().start()
        self.canvas.throttle.outflow_per_second = LEAK_PER_SECOND
        self.course_there = self.canvas.add_course("Bees")
        self.category_id = 0
        self.watches = {"canvas": CanvasWatch(), "forum": ForumWatch()}
        self.canvas.faults.append(self.watches["canvas"])
        self.forum.faults.append(self.watches["forum"])
        self.witnesses = self._watch_requests()
        self.states: dict[int, str] = {}
        self.deleted: dict[str, set[str]] = {"canvas": set(), "forum": set()}
        self.moved: set[int] = set()
        self.replies: dict[int, str] = {}
        self.secrets: dict[str, str] = {}
        self.overtaken = 0
        self.policy = self.chance.choice(["manual", "recreate", "respect"])
        self.strategy = self.chance.choice(STRATEGIES)
        self._web_port = free_port()
        self._web: Process | None = None

    def begin(self) -> None:
        """Create the tables, publish the course and link it to both systems."""
        from django.contrib.auth.models import User
        from django.core.management import call_command

        from course_sync_plugin import api

        call_command("migrate", verbosity=0)
        User.objects.create(username=TWO_WAY["COURSE_SYNC_WRITE_BACK_USER"])
        publish_first(self.edits)
        api.sync_course(COURSE)
        options = [f"on_remote_delete={self.policy}", f"conflict_strategy={self.strategy}"]
        added = {
            "canvas": api.add_target("canvas", backend="canvas", url=self.canvas.url, token=self.canvas.token,
                                     options=options),
            "forum": api.add_target("forum", backend="discourse", url=self.forum.url, token=self.forum.key,
                                    options=options),
        }  # fmt: skip
        self.secrets = {name: one.secret for name, one in added.items()}
        self.link("canvas", str(self.course_there.id))
        self.link("forum", "")
        self._start_web()

    def link(self, name: str, remote: str) -> None:
        """Link the course to its counterpart; without one, make it."""
        from course_sync_plugin import api

        plan = api.link_plan(COURSE, name, remote, "openedx")
        done = api.link_shown(COURSE, name, remote, "openedx", plan.token)
        assert not done.error, done.error
        if name == "forum":
            self.category_id = int(done.remote_id)

    def values_there(self) -> set[str]:
        """Return the values of all that exists at both systems."""
        return self._values_in_canvas() | self._values_at_the_forum()

    def _values_in_canvas(self) -> set[str]:
        things = [one for table in tables(self.course_there) for one in living(table.values())]
        return {value for one in things for value in values_of(one)}

    def _values_at_the_forum(self) -> set[str]:
        forum = self.forum.forum
        topics = {name_in(one.title) for one in forum.topics.values() if one.deleted_at is None}
        return topics | {one.name for one in forum.categories.values()}

    def _watch_requests(self) -> dict[str, Witness]:
        """Let a witness see each request to both systems, as it is carried out and while nobody else edits."""
        canvas, forum = self.canvas.application, self.forum
        witnesses = {
            "canvas": Witness(self.edits, "canvas", self._values_in_canvas),
            "forum": Witness(self.edits, "forum", self._values_at_the_forum),
        }
        for name, system, lock in (
            ("canvas", canvas, canvas.lock),
            ("forum", forum, forum.person("admin").lock),
        ):
            system.answer = _witnessed(witnesses[name], lock, system.answer)
        return witnesses

    def address(self, name: str) -> str:
        """Return the address for notices of a target."""
        from course_sync_plugin.targets.inbound.path_secret import path_form

        address = f"http://127.0.0.1:{self._web_port}/api/course_sync/v1/inbound/{name}"
        return f"{address}/{path_form(self.secrets[name])}" if name == "canvas" else address

    def workers_at(self, name: str) -> list[Process]:
        """Return the workers that have a connection with a system."""
        port = int({"canvas": self.canvas, "forum": self.forum}[name].url.rpartition(":")[2])
        return [one for one in list(self.workers.values()) if port in one.peers()]

    def close(self) -> None:
        super().close()
        self.canvas.stop()
        self.forum.stop()

    def _start_web(self) -> None:
        arguments = ("manage.py", "runserver", "--noreload", "--skip-checks", f"127.0.0.1:{self._web_port}")
        self._web = self.processes.start("web", *arguments, environment=self.environment)
        web = self._web
        eventually(lambda: self._web_port in web.ports(), "the start of the web process")


def _witnessed(witness: Witness, lock: Any, act: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        with lock:
            return witness.carry_out(request, act)

    return answer
