"""One campaign for two-way targets: people edit while all breaks; then all comes to rest and is compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from course_sync_plugin import api
from course_sync_plugin.models import Attempt, Conflict, DatabaseNow, Intent, Lane, Proposal
from tests.chaos.actors import Actor
from tests.chaos.campaign import Report
from tests.chaos.two_way.account import account, open_rows
from tests.chaos.two_way.author import COURSE, TwoWayAuthor, decide_all, publish_all
from tests.chaos.two_way.members import Members
from tests.chaos.two_way.teacher import Teacher
from tests.chaos.two_way.trouble import Postman, TwoWayOperator, TwoWaySaboteur, Weather, mend
from tests.chaos.two_way.world import WORKERS, TwoWayWorld
from tests.chaos.world import wait_for_workers

#: Seconds that the workers have to come in step, once the faults have ended.
PATIENCE = 40

#: Rounds of looks, decisions and deliveries after which all must be at rest.
ROUNDS = 12


def run(world: TwoWayWorld, seconds: float) -> Report:
    """Run a campaign whose faults end after some seconds, and return its report."""
    began = time.monotonic()
    world.begin()
    for name in WORKERS:
        world.start_worker(name)
    wait_for_workers(world)
    people = [Teacher(world, "teacher"), Members(world, "members")]
    weather, author = Weather(world, "weather"), TwoWayAuthor(world, "author")
    others = [TwoWaySaboteur(world, "saboteur"), Postman(world, "postman"), TwoWayOperator(world, "operator")]
    actors: list[Actor] = [author, *people, weather, *others]
    for actor in actors:
        actor.start()
    world.over.wait(seconds)
    world.over.set()
    for actor in actors:
        actor.join(60)
    weather.clear()
    restless = _come_to_rest(world)
    _log_requests(world)
    findings = account(world, people)
    counts = _counts(world, actors)
    findings["not at rest"] = restless
    findings["crashes of the campaign itself"] = [line for one in actors for line in one.crash.splitlines()[-3:]]
    return Report(counts, findings, (), time.monotonic() - began)


def _come_to_rest(world: TwoWayWorld) -> list[str]:
    """Let the workers finish, then decide about what waits, until nothing changes any more. Return what goes on."""
    world.replace_the_dead()
    ends_at = time.monotonic() + PATIENCE
    while time.monotonic() < ends_at and open_rows():
        mend()
        time.sleep(0.5)
    for worker in world.workers.values():
        worker.stop()
    take = world.chance.choice(["openedx", "remote"])
    decision = world.chance.choice(["accept", "reject"])
    errors: list[str] = []
    for _round in range(ROUNDS):
        before = _state(world)
        errors = _round_of_looks(take, decision)
        if _state(world) == before and not errors:
            return []
    return [f"after {ROUNDS} rounds: {one}" for one in errors or ["it still changes"]]


def _round_of_looks(take: str, decision: str) -> list[str]:
    _let_time_pass()
    mend()
    publish_all()
    api.sync_course(COURSE)
    looked = [one.error or "busy" for one in api.poll_now(course=COURSE) if one.error or one.busy]
    errors = decide_all(take, decision)
    publish_all()
    api.sync_course(COURSE)
    _let_time_pass()
    api.deliver_until_empty()
    return [*looked, *errors]


def _let_time_pass() -> None:
    """Let the seconds pass in which reads may be late: the faults have ended, so none is late."""
    for rows in (Attempt.objects, Intent.objects):
        rows.update(began_at=DatabaseNow(-60))
    Lane.objects.update(lease_until=None, lease_token="")
    Lane.objects.exclude(due_at=None).update(due_at=DatabaseNow())


def _state(world: TwoWayWorld) -> Any:
    proposals = list(Proposal.objects.order_by("pk").values_list("pk", "state"))
    conflicts = list(Conflict.objects.order_by("pk").values_list("pk", "state"))
    return _writes(world), proposals, conflicts, open_rows()


def _writes(world: TwoWayWorld) -> int:
    return sum(one.method != "GET" for watch in world.watches.values() for _at, one in watch.seen)


def _log_requests(world: TwoWayWorld) -> None:
    """Write all requests and edits beside the logs, for whoever looks for the cause of a finding."""
    for name, watch in world.watches.items():
        lines = [(at, f"{one.method} {one.path} {one.status} {one.parameters}") for at, one in watch.seen]
        lines += [(one.at, f"a person: {one}") for one in world.edits.by_site(name)]
        text = "".join(f"{at:.3f} {line}\n" for at, line in sorted(lines, key=lambda one: one[0]))
        (world.processes.folder / f"requests-{name}.txt").write_text(text)


def _counts(world: TwoWayWorld, actors: Sequence[Actor]) -> Counter[str]:
    counts = sum((actor.done for actor in actors), Counter())
    counts["kills in all"] = sum(count for what, count in counts.items() if what.startswith("kills"))
    for name, watch in world.watches.items():
        counts[f"requests to {name}"] = len(watch.seen)
        counts[f"writes to {name}"] = sum(one.method != "GET" for _at, one in watch.seen)
    counts["conflicts"] = Conflict.objects.count()
    counts["proposals"] = Proposal.objects.count()
    counts["edits overwritten before they could be read (ADR 28)"] = world.overtaken
    counts["values that people wrote"] = len(world.edits.written)
    return counts
