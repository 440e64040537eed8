"""One campaign: everything works, then breaks at random, then is left alone until all is in step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import attrs
from django.db import Error, close_old_connections

from course_sync_plugin import api
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.models import JournalOperation, Lane, ProblemState, Target
from tests.chaos.account import account, left_over
from tests.chaos.actors import Actor, Author, Operator, Outages, Saboteur
from tests.chaos.world import World, wait_for_workers

#: Seconds that everything has to come in step after the last fault.
PATIENCE = 240


@attrs.frozen
class Goals:
    """When the faults end: after so many ``operations`` and ``kills``, or after ``seconds``."""

    operations: int
    kills: int
    seconds: float


@attrs.frozen
class Report:
    """What happened, and what was found. ``missed``: the goals that were not reached in time."""

    counts: Counter[str]
    findings: dict[str, list[str]]
    missed: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Tell whether all goals were reached and nothing was found."""
        return not self.missed and not any(self.findings.values())


def run(world: World, goals: Goals) -> Report:
    """Run a campaign and return its report."""
    began = time.monotonic()
    world.add_targets()
    actors = _actors(world)
    for name in ("run", "run-wrong-clock", "celery-1", "celery-2"):
        world.start_worker(name)
    wait_for_workers(world)
    for actor in actors:
        actor.start()
    while time.monotonic() - began < goals.seconds and _missed(world, actors, goals):
        time.sleep(0.5)
    world.over.set()
    for actor in actors:
        actor.join(60)
    missed = _missed(world, actors, goals)
    _calm_down(world)
    counts = sum((actor.done for actor in actors), Counter())
    counts["journal operations"] = JournalOperation.objects.count()
    counts["faults of receivers"] = sum(receiver.misdeeds for receiver in world.receivers.values())
    counts["requests to receivers"] = sum(receiver.counters["requests"] for receiver in world.receivers.values())
    crashes = {"crashes of the campaign itself": [line for actor in actors for line in actor.crash.splitlines()[-3:]]}
    return Report(counts, {**account(world), **crashes}, tuple(missed), time.monotonic() - began)


def _actors(world: World) -> list[Actor]:
    authors = [Author(world, f"author {at}", world.drafts[at::2]) for at in range(2)]
    for author in authors:
        for draft in world.drafts:
            if draft.course not in dict(world.source.published_versions()):
                author.publish(draft, "in order")
    return [*authors, Saboteur(world, "saboteur"), Outages(world, "outages"), Operator(world, "operator")]


def _missed(world: World, actors: Sequence[Actor], goals: Goals) -> list[str]:
    kills = sum(count for actor in actors for what, count in actor.done.items() if what.startswith("kills"))
    missed = [] if kills >= goals.kills else [f"{kills} of {goals.kills} kills"]
    try:
        close_old_connections()
        operations = JournalOperation.objects.count()
    except Error:  # an outage
        return [*missed, "the operations could not be counted"]
    return missed if operations >= goals.operations else [*missed, f"{operations} of {goals.operations} operations"]


def _calm_down(world: World) -> None:
    """End all faults, let the operator mend what is left, and wait until everything is in step."""
    for server in (world.broker, world.database):
        if not server.is_ready():
            server.start()
    for receiver in world.receivers.values():
        receiver.is_calm = True
    world.replace_the_dead()
    close_old_connections()
    for lane in Lane.objects.filter(problems__state=ProblemState.SKIPPED).distinct().select_related("target", "course"):
        api.reset(lane.target.name, [lane.course.key])
    ends_at = time.monotonic() + PATIENCE
    while time.monotonic() < ends_at and not _is_at_rest(world):
        _mend()
        time.sleep(1)


def _mend() -> None:
    for lane in Lane.objects.filter(paused=True).select_related("target", "course"):
        api.resume(lane.target.name, lane.course.key)
    for target in Target.objects.all():
        if target.paused or target.disabled_reason or target.lanes.filter(failing=True).exists():
            api.resume(target.name)
        try:
            api.retry(target.name)
        except CourseSyncError as error:
            print(f"retry of {target}: {error}")


def _is_at_rest(world: World) -> bool:
    published = dict(world.source.published_versions())
    recorded = all(one["published_version"] == one["recorded_version"] for one in api.status()["courses"])
    return recorded and len(published) == len(world.drafts) and not list(left_over())
