"""Law 9: workers are killed at each request to Canvas and Discourse, and yet each object is created once."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, DatabaseNow, Intent, Lane, RateBudget
from course_sync_plugin.testing.canvas import faults as canvas_faults
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import living
from course_sync_plugin.testing.discourse import DiscourseServer
from course_sync_plugin.testing.discourse import faults as discourse_faults
from tests.integration.courses import COURSE, a_course
from tests.integration.replication import forums
from tests.integration.replication.canvas_course import Author
from tests.integration.replication.canvas_tree import as_lines, expected, objects_in, titles_of, tree_of
from tests.integration.replication.conftest import link_to_canvas
from tests.services.host import publish
from tests.services.processes import Process, eventually

#: Many more than are needed. Then a delivery that never ends fails the test.
MOST_WORKERS = 400
TITLE = "A part that somebody else had before"


class Killer:
    """Kills the worker twice at each kind of request: before it is carried out, then before it is answered.

    Two requests are of one kind if they create the same object, or read the same list. ``kills``: how often each kind
    was met by a worker that died.
    """

    def __init__(self) -> None:
        self.kills: Counter[str] = Counter()
        self._worker: int | None = None
        self._known = threading.Event()

    def set_worker(self, number: int | None) -> None:
        """Tell which process makes the requests from now on; None: it has ended."""
        self._worker = number
        (self._known.clear if number is None else self._known.set)()

    def wants(self, kind: str) -> bool:
        """Tell whether the worker dies at this request."""
        self.kills[kind] += 1
        return self.kills[kind] <= 2

    def kill(self) -> None:
        assert self._known.wait(10)
        assert self._worker is not None
        os.kill(self._worker, signal.SIGKILL)


def kind_of(method: str, path: str, parameters: Any) -> str:
    """Return what tells a request from others. The token of a creation is another one each time."""
    values = {name: value for one in parameters.values() if isinstance(one, dict) for name, value in one.items()}
    names = ("name", "title", "page_url", "content_id")
    return " ".join([method, path, *(str({**parameters, **values}.get(name, "")) for name in names)]).strip()


class DeadlyInCanvas(canvas_faults.Fault):
    """Lets the killer act on requests to Canvas."""

    def __init__(self, killer: Killer):
        super().__init__(times=None)
        self.killer = killer

    def concerns(self, request: Any) -> bool:
        kind = kind_of(request.method, request.path, request.parameters)
        self.processed = self.killer.kills[kind] == 1
        return self.killer.wants(kind)

    def respond(self, answer: Any) -> Any:
        self.killer.kill()
        return attrs.evolve(answer, cut=True)


class DeadlyAtTheForum(discourse_faults.Fault):
    """Lets the killer act on requests to a forum."""

    def __init__(self, killer: Killer):
        super().__init__(times=None)
        self.killer = killer

    def concerns(self, asked: Any) -> bool:
        kind = kind_of(asked.method, asked.path, asked.parameters)
        self.processed = self.killer.kills[kind] == 1
        return self.killer.wants(kind)

    def answer(self, answer: Any) -> Any:
        self.killer.kill()
        return attrs.evolve(answer, cut=True)


@pytest.fixture
def workers(host) -> Process:
    """Return the process that forks the workers. Leases are short, so that the next worker can go on soon."""
    host.set(
        COURSE_SYNC_LEASE_SECONDS=0.5,
        COURSE_SYNC_RETRY_SCHEDULE=[1] * 100,
        LMS_ROOT_URL="https://lms.example.org",
    )
    process = host.processes.start(
        "workers", "-m", "tests.services.forking_worker", environment=host.environment, talks=True
    )
    process.read()
    return process


def work_and_die(workers: Process, killer: Killer) -> int:
    """Let one worker after another deliver until nothing is left to do. Return how many of them were killed."""
    killed = 0
    for _worker in range(MOST_WORKERS):
        killer.set_worker(int(workers.ask("deliver")))
        status = int(workers.read())
        killer.set_worker(None)
        assert status in (0, -signal.SIGKILL)
        if status == 0 and api.status()["targets"][0]["state"] == "in step":
            return killed
        killed += status != 0
        let_a_minute_pass()
        eventually(api.due_lane_ids, "the end of the lease")
    raise AssertionError(f"not in step after {MOST_WORKERS} workers: {api.status()['targets'][0]}")


def let_a_minute_pass() -> None:
    """Let the time pass for which the reads of Canvas may be late, and in which the budget of a forum fills again."""
    Intent.objects.update(began_at=DatabaseNow(-60))
    Attempt.objects.update(began_at=DatabaseNow(-60))
    RateBudget.objects.update(counted_at=DatabaseNow(-60))
    Lane.objects.filter(lease_token="").exclude(due_at=None).update(due_at=DatabaseNow())


@pytest.fixture
def canvas() -> Iterator[CanvasFake]:
    with CanvasFake() as running:
        yield running


@pytest.fixture
def forum() -> Iterator[DiscourseServer]:
    with DiscourseServer() as running:
        yield running


def a_small_course() -> Author:
    author = Author.new(SimpleNamespace(publish=publish))
    author.children = {
        "course": ["s0", "s1"], "s0": ["s0.b"], "s0.b": ["s0.a1", "s0.a2"], "s0.a1": ["talk"], "s1": ["s1.a"],
        "s1.a": ["s1.a1"],
    }  # fmt: skip
    return author


@pytest.mark.story(34)
def test_workers_are_killed_at_each_request_of_a_first_fill_of_canvas(host, workers, canvas):
    there = canvas.add_course()
    module = canvas.teacher.add_module(there.id, "s0")["id"]
    canvas.teacher.add_item(there.id, module, type="SubHeader", title="s0.b")
    canvas.teacher.add_page(there.id, "s0.a1", "theirs")
    structure = a_small_course().publish()
    link_to_canvas(canvas, there, "envelope_operations=5")
    killer = Killer()
    canvas.faults.append(DeadlyInCanvas(killer))
    killed = work_and_die(workers, killer)
    created = [kind for kind in killer.kills if kind.startswith("POST")]
    assert len(created) == objects_in(structure) == 14
    assert killed >= 2 * len(created)
    check_canvas(there, structure)
    canvas.faults.clear()
    begin = len(canvas.requests)
    api.reset("crm")
    assert work_and_die(workers, killer) == 0
    assert [one for one in canvas.requests[begin:] if one.method != "GET"] == []


def check_canvas(there, structure) -> None:
    """Check that ours are there once and in their order, and that the objects of the teacher are as they were."""
    assert titles_of(there)[0] == ["s0", "s0.b"]
    found = [line.replace("s0.a1-2", "s0.a1") for line in as_lines(tree_of(there)[1:])]
    assert found == as_lines(expected(structure))
    (theirs,) = (page for page in living(there.pages.values()) if page.body == "theirs")
    assert theirs.title == "s0.a1"
    tables = (there.modules, there.items, there.pages, there.assignments, there.topics)
    assert sum(len(table) for table in tables) == 3 + objects_in(structure)
    assert not Intent.objects.exists()


@pytest.mark.story(34)
def test_workers_are_killed_at_each_request_of_a_first_fill_of_a_forum(host, workers, forum):
    publish(a_course("v1", sections=3, units=1))
    api.sync_course(COURSE)
    seen = forums.Seen(forum, int(forums.a_category(forum)))
    forums.add_target(forum, "envelope_operations=5")
    forums.link(str(seen.category_id))
    theirs = forum.person("admin").create_topic(TITLE, "What is it about, please?", seen.category_id)
    killer = Killer()
    forum.faults.append(DeadlyAtTheForum(killer))
    killed = work_and_die(workers, killer)
    created = [kind for kind in killer.kills if kind.startswith("POST")]
    assert (len(created), killed >= 2 * len(created)) == (6, True)
    ours = {f"section-{at}": [forums.title(f"subsection-{at}", f"section-{at}")] for at in range(3)}
    assert seen.tree() == {"": [TITLE], **ours}
    assert theirs.deleted_at is None
    assert not Intent.objects.exists()
    forum.faults.clear()
    forum.requests.clear()
    api.reset("crm")
    assert work_and_die(workers, killer) == 0
    assert forums.calls(forum) == []
