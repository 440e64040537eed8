"""The real journal, lanes and envelopes, with the interface of the model that the protocol's machine uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

import attrs
from django.db import connection
from django.db.models import F, Q

from course_sync_plugin import api
from course_sync_plugin.data import Answer, Message, Operation, Structure
from course_sync_plugin.exceptions import ConfigurationError, CourseSyncError, UnknownName
from course_sync_plugin.lanes.deliver import deliver_lane
from course_sync_plugin.lanes.excluded import recorded_tree
from course_sync_plugin.lanes.problems import open_problems
from course_sync_plugin.models import Course as CourseRow
from course_sync_plugin.models import DatabaseNow, JournalOperation, Problem
from course_sync_plugin.models import Lane as LaneRow
from course_sync_plugin.models import Target as TargetRow
from course_sync_plugin.sync.course import Outcome
from course_sync_plugin.targets.base import Target, TestReport
from tests.integration.courses import SHELF, approve

Send = Callable[[Message], Answer]


class Killed(BaseException):
    """The process was killed. No code in it can catch this."""


class Broken(BaseException):
    """The test itself is wrong. Not a subclass of Exception, because lanes catch the errors of a target."""


@contextmanager
def killed_after(queries: int) -> Iterator[None]:
    """Kill this process after ``queries`` queries, before the next one; writes outside a transaction stay."""
    left = queries

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return execute(*arguments)

    with connection.execute_wrapper(count):
        yield


class ScriptedTarget(Target):
    """A target with a network that the machine controls."""

    networks: ClassVar[dict[str, Send]] = {}

    def send(self, message: Message) -> Answer:
        try:
            return self.networks[self.config.name](message)
        except CourseSyncError:
            raise
        except Exception as error:
            raise Broken from error

    def test(self) -> TestReport:
        return TestReport(ok=True, explanation="scripted", status=None, seconds=0)


@attrs.define(eq=False)
class Course:
    """A course: its published versions, its recorded structure and its journal."""

    key: str
    structure: Structure
    versions: dict[str, Structure] = attrs.field(factory=dict)
    made: int = 0

    def record(self, new: Structure) -> None:
        """Publish a version and sync it; an operator approves every mass deletion."""
        CourseRow.objects.update(lease_until=DatabaseNow(-1))  # the lease of a killed worker
        version = new.published_version if new.entities else ""  # a deleted course has no version
        self.structure = self.versions[version] = new
        if new.entities:
            SHELF.put(new)
        elif self.key in SHELF.courses:
            SHELF.delete(self.key)
        if api.sync_course(self.key).outcome == Outcome.HELD:
            approve(self.key)

    @property
    def journal(self) -> list[Row]:
        rows = JournalOperation.objects.select_related("run").order_by("position")
        return [Row(row.as_operation(), row.run) for row in rows]

    def add_lane(self, name: str, keep: bool = False, types: Collection[str] = ()) -> Lane:
        options = ["on_course_deleted=keep"] if keep else []
        api.add_target(name, backend="scripted", entity_types=types, options=options)
        return Lane(name, self, keep, types)

    def replace_lane(self, old: Lane) -> Lane:
        api.remove_target(old.name)
        return self.add_lane(old.name, old.keep, old.types)


@attrs.frozen
class Row:
    """An operation in the journal."""

    operation: Operation
    run: Any


@attrs.frozen
class OpenProblem:
    """A problem of a lane."""

    pk: int
    operation: Operation
    state: str


@attrs.define(eq=False)
class Lane:
    """A lane; its state is read from its row."""

    name: str
    course: Course
    keep: bool = False
    types: Collection[str] = ()
    messages: int = 0

    @property
    def row(self) -> LaneRow | None:
        return LaneRow.objects.filter(target__name=self.name).first()

    @property
    def due(self) -> bool:
        return bool(self.row and self.row.due_at)

    @property
    def paused(self) -> bool:
        return bool(self.row and self.row.paused)

    @paused.setter
    def paused(self, paused: bool) -> None:
        if self.row:
            (api.pause if paused else api.resume)(self.name, self.course.key)

    def claimable(self) -> bool:
        row = self.row
        return bool(row and row.due_at and not (row.paused or row.failing))

    def let_time_pass(self) -> None:
        """End every wait and every lease, and let the target be probed if its breaker is open."""
        TargetRow.objects.filter(~Q(breaker_opened_at=None), name=self.name).update(breaker_probe_at=DatabaseNow())
        rows = LaneRow.objects.filter(target__name=self.name)
        rows.filter(~Q(due_at=None)).update(due_at=DatabaseNow())
        rows.filter(~Q(lease_until=None)).update(lease_until=DatabaseNow(-1))

    def work(self, network: Send, seconds: float) -> bool:
        """Let a worker have a turn; return whether the lane could be claimed."""
        self.let_time_pass()
        ScriptedTarget.networks[self.name] = network
        return deliver_lane(self.row.pk, seconds) is not None

    def open_problems(self) -> list[OpenProblem]:
        row = self.row
        return (
            [OpenProblem(one.pk, one.operation.as_operation(), one.state) for one in open_problems(row)] if row else []
        )

    def retry(self, chosen: Callable[[Any], bool]) -> None:
        failed = self._failed()
        if self.row and all(map(chosen, failed)):
            api.retry(self.name, self.course.key)
            return
        for problem in filter(chosen, failed):
            api.retry(self.name, self.course.key, str(problem.uuid))

    def skip(self, chosen: Callable[[Any], bool]) -> None:
        failed = self._failed()
        if self.row and all(map(chosen, failed)):
            chosen = api.Filters(self.name, self.course.key)
            api.skip_shown([plan.token for plan in api.skip_plans(chosen)], chosen)
            return
        for problem in filter(chosen, failed):
            api.skip(self.name, str(problem.uuid), self.course.key)

    def exclude(self, entity_id: str) -> None:
        with suppress(ConfigurationError):  # unknown, or excluded already
            api.exclusion_plan(self.name, entity_id)
            api.exclude(self.name, entity_id)

    def include(self, entity_id: str) -> None:
        with suppress(UnknownName):
            api.include(self.name, entity_id)

    def held_without_reason(self) -> list[Problem]:
        row = self.row
        if row is None:
            return []
        ids = set(row.target.exclusions.values_list("entity_id", flat=True))
        tree = recorded_tree(row, ids, row.course.last_position)
        held = row.problems.filter(state="excluded", behind=None).select_related("operation")
        return [problem for problem in held if not tree.covers(problem.operation.entity_id)]

    def _failed(self) -> list[Any]:
        failed = Problem.objects.filter(lane=self.row, state="failed")
        return list(failed.annotate(uuid=F("operation__operation_id")))
