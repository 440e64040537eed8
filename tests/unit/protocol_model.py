"""A small in-memory model of journal, lane and envelope: what ``lanes/`` does, without a database.

It uses the real rules wherever they are pure: the diff, verdicts, repairs, what a problem holds back. Everything
between two ``yield`` of :meth:`Turn.run` is one transaction: a worker may be killed at each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator

import attrs

from course_sync_plugin.data import Answer, Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.problems import to_retry
from course_sync_plugin.lanes.repairs import Undone, repairs
from course_sync_plugin.lanes.verdict import Verdict, judge

SIZE = 4  # operations per envelope
SCHEDULE = (1, 1, 1)
OPEN = ("failed", "parked", "misplaced", "retrying")


class LeaseLost(Exception):
    """Another worker has taken over."""


@attrs.define(eq=False)
class Run:
    kind: str
    version: str
    lane: Lane | None = None

    @property
    def mode(self) -> str:
        return "snapshot" if self.kind in ("initial", "snapshot") else "changes"


@attrs.define(eq=False)
class Row:
    """One operation in the journal."""

    position: int
    operation: Operation
    run: Run


@attrs.define(eq=False)
class Problem:
    pk: int
    row: Row
    state: str
    behind: Problem | None = None

    @property
    def operation(self) -> Operation:
        return self.row.operation

    @property
    def operation_id(self) -> int:
        return self.row.position

    @property
    def behind_id(self) -> int | None:
        return self.behind.pk if self.behind else None

    def as_undone(self) -> Undone:
        return Undone(self.operation, self.state == "misplaced")


@attrs.define(eq=False)
class Envelope:
    message_id: str
    sequence: int
    last: int
    operation_ids: tuple[str, ...]
    body: bytes
    version: str
    end_of_run: bool


@attrs.define(eq=False)
class Course:
    """What is published, what is recorded of it, and the journal."""

    key: str
    structure: Structure
    journal: list[Row] = attrs.field(factory=list)
    lanes: list[Lane] = attrs.field(factory=list)
    versions: dict[str, Structure] = attrs.field(factory=dict)
    made: int = 0

    def record(self, new: Structure) -> None:
        operations = diff(self.structure, new)
        kind = "deletion" if not new.entities else "changes" if self.structure.entities else "initial"
        self.structure = self.versions[new.published_version] = new
        if operations:
            self.append(operations, Run(kind, new.published_version))
            for lane in self.lanes:
                lane.end, lane.due = self.last_position, True

    def replace_lane(self, old: Lane) -> Lane:
        self.lanes.remove(old)
        return self.add_lane(old.name, old.keep, old.types)

    @property
    def last_position(self) -> int:
        return len(self.journal)

    def append(self, operations: list[Operation], run: Run) -> None:
        start = self.last_position + 1
        self.journal += [Row(position, operation, run) for position, operation in enumerate(operations, start)]

    def add_lane(self, name: str, keep: bool = False, types: Collection[str] = ()) -> Lane:
        """Add a lane. Sequences grow even where a target is removed and added again, as the time does."""
        self.made += 1
        self.lanes.append(Lane(name, self, end=self.last_position, keep=keep, types=types, sequence=1000 * self.made))
        return self.lanes[-1]


@attrs.define(eq=False)
class Lane:
    name: str
    course: Course
    end: int
    cursor: int | None = None
    token: object = None
    keep: bool = False
    types: Collection[str] = ()
    due: bool = True
    attempts: int = 0
    sequence: int = 1
    answered: int = 0
    isolate_size: int | None = None
    isolate_until: int | None = None
    closing: bool = False
    paused: bool = False
    failing: bool = False
    nudged: bool = False
    envelope: Envelope | None = None
    problems: list[Problem] = attrs.field(factory=list)
    messages: int = 0

    def claimable(self) -> bool:
        return self.due and not (self.paused or self.failing)

    def claim(self) -> object:
        """Take the lane, maybe out of the hands of somebody who is too slow."""
        self.attempts += self.token is not None and self.envelope is not None
        self.token = object()
        return self.token

    def open_problems(self) -> list[Problem]:
        return sorted((one for one in self.problems if one.state in OPEN), key=lambda one: one.row.position)

    def blocked(self) -> Blocked:
        blocked = Blocked()
        for problem in self.open_problems():
            blocked.add(problem, problem.operation)
        return blocked

    def add_problem(self, row: Row, state: str, behind: Problem | None, blocked: Blocked) -> None:
        assert all(problem.row is not row for problem in self.problems)
        problem = Problem(len(self.problems) + 1, row, state, behind)
        self.problems.append(problem)
        blocked.add(problem, row.operation)

    def nudge(self) -> None:
        self.due, self.nudged, self.attempts, self.failing = True, True, 0, False

    def retry(self, chosen: Callable[[Problem], bool]) -> None:
        self._mark(chosen, "retrying")

    def skip(self, chosen: Callable[[Problem], bool]) -> None:
        self._mark(chosen, "skipped")

    def _mark(self, chosen: Callable[[Problem], bool], state: str) -> None:
        for problem in self.problems:
            if problem.state == "failed" and chosen(problem):
                problem.state = state
        self.nudge()

    def visible(self, behind: int) -> list[Row]:
        return [row for row in self.course.journal[behind:] if row.run.lane in (None, self)]

    def wanted(self, behind: int) -> list[Row]:
        return [row for row in self.visible(behind) if not self.types or row.operation.entity_type in self.types]


Network = Callable[[Envelope], Answer]


class Turn:
    """One worker's turn in a lane."""

    def __init__(self, lane: Lane, network: Network, in_time: Callable[[], bool]):
        self.lane = lane
        self.network = network
        self.in_time = in_time
        self.blocked = Blocked()
        self.token: object = None
        self.end = 0

    def run(self) -> Iterator[str]:
        """Yield between the transactions the name of what comes next."""
        self.token = self.lane.claim()
        try:
            yield "begin"
            envelope = yield from self._begin()
            while envelope:
                yield "send"
                verdict = self._send(envelope)
                yield "settle"
                self._hold()
                self._settle(envelope, verdict)
                if not (verdict.done or verdict.isolate) or not self.in_time():
                    self.lane.token = None
                    return
                envelope = self._make()
                yield "go on"
                envelope = envelope or (yield from self._rest())
        except LeaseLost:
            return

    def _hold(self) -> None:
        if self.lane.token is not self.token:
            raise LeaseLost

    def _rest(self) -> Iterator[str]:
        return None if not self.blocked and self._sleep() else (yield from self._begin())

    def _begin(self) -> Iterator[str]:
        while True:
            self._hold()
            self.lane.nudged = False
            self.end = self.lane.end
            self.blocked = self.lane.blocked()
            envelope = self.lane.envelope or (yield from self._look())
            if envelope:
                return envelope
            yield "sleep"
            if self._sleep():
                return None

    def _sleep(self) -> bool:
        self._hold()
        if self.end != self.lane.end or self.lane.nudged:
            return False
        self.lane.due, self.lane.token = False, None
        return True

    def _look(self) -> Iterator[str]:
        if self.lane.cursor is None:
            yield "plan a baseline"
            self._hold()
            self._plan_baseline()
        yield "make"
        self._hold()
        envelope = self._make()
        while envelope is None and to_retry(self.lane.open_problems()):
            yield "plan repairs"
            self._hold()
            self._plan_repairs()
            self.blocked = self.lane.blocked()
            yield "make"
            self._hold()
            envelope = self._make()
        return envelope

    def _plan_baseline(self) -> None:
        lane, course = self.lane, self.lane.course
        shared = [row for row in course.journal if row.run.lane is None]
        if shared and shared[-1].run.kind == "initial":
            lane.cursor = next(row.position for row in shared if row.run is shared[-1].run) - 1
            return
        lane.cursor = course.last_position
        operations = diff(Structure.empty(course.key), course.structure)
        course.append(operations, Run("snapshot", course.structure.published_version, lane))
        lane.end = course.last_position

    def _plan_repairs(self) -> None:
        lane, course = self.lane, self.lane.course
        if not lane.visible(lane.cursor):
            problems = to_retry(lane.open_problems())
            operations = repairs(course.structure, [problem.as_undone() for problem in problems])
            course.append(operations, Run("repair", course.structure.published_version, lane))
            for problem in problems:
                problem.state = "retried"
        lane.end = course.last_position

    def _make(self) -> Envelope | None:
        rows, last, is_end = self._slice()
        lane = self.lane
        if rows and not lane.answered and rows[0].run.mode != "snapshot":
            lane.envelope = self._freeze(rows[0].run, [], lane.cursor, False, "snapshot")
        elif rows:
            lane.envelope = self._freeze(rows[0].run, rows, last, is_end and self._may_end(rows[0].run))
        elif lane.closing and not self.blocked:
            run = [row.run for row in lane.visible(0) if row.position <= lane.cursor][-1]
            lane.envelope = self._freeze(run, [], lane.cursor, True)
        return lane.envelope

    def _may_end(self, run: Run) -> bool:
        return not (self.blocked or (run.mode == "snapshot" and self.lane.closing))

    def _slice(self) -> tuple[list[Row], int, bool]:
        lane = self.lane
        size = lane.isolate_size or SIZE
        while rows := lane.wanted(lane.cursor)[: size + 1]:
            run = rows[0].run
            if lane.keep and run.kind == "deletion":
                if lane.closing and not self.blocked:
                    return [], lane.cursor, False
                self._pass_by(rows[0])
                continue
            fitting = list(self._fitting(rows[:size], run))
            going = list(self._park_what_must_wait(fitting))
            last = fitting[-1].position
            if going:
                return going, last, not any(row.run is run for row in rows[len(fitting) :])
            lane.cursor = last
        lane.cursor = max(lane.cursor, lane.end)
        return [], lane.cursor, False

    def _pass_by(self, row: Row) -> None:
        """The receiver keeps what it has of a deleted course: nothing of it matters any more."""
        for problem in self.lane.open_problems():
            problem.state = "retried"
        self.blocked = Blocked()
        self.lane.cursor, self.lane.closing, self.lane.answered = row.position, False, 0

    def _park_what_must_wait(self, rows: list[Row]) -> Iterator[Row]:
        for row in rows:
            waits = row.position in self.blocked.parked
            holder = None if waits else self.blocked.holder_of(row.operation)
            if holder:
                self.lane.add_problem(row, "parked", holder, self.blocked)
            if holder or waits:
                self.lane.closing = True
            else:
                yield row

    def _fitting(self, rows: list[Row], run: Run) -> Iterator[Row]:
        left = set()
        for row in rows:
            operation = row.operation
            if row.run is not run or (operation.operation == "delete" and operation.entity_id in left):
                return
            if operation.operation == "move":
                left.add(operation.previous["parent_id"])
            yield row

    def _freeze(self, run: Run, rows: list[Row], last: int, end_of_run: bool, mode: str = "") -> Envelope:
        lane = self.lane
        lane.messages += 1
        data = {
            "course_id": lane.course.key,
            "mode": mode or (run.mode if rows else "changes"),
            "published_version": run.version,
            "sequence": lane.sequence,
            "previous_sequence": lane.answered,
            "end_of_run": end_of_run,
            "operations": [row.operation.as_dict() for row in rows],
        }
        body = json.dumps({"type": "course_sync.operations", "data": data}).encode()
        ids = tuple(row.operation.id for row in rows)
        return Envelope(f"{lane.name}-{lane.sequence}", lane.sequence, last, ids, body, run.version, end_of_run)

    def _send(self, envelope: Envelope) -> Verdict:
        try:
            result: Answer | CourseSyncError = self.network(envelope)
        except CourseSyncError as error:
            result = error
        return judge(result, envelope.operation_ids, self.lane.attempts, SCHEDULE)

    def _settle(self, envelope: Envelope, verdict: Verdict) -> None:
        lane = self.lane
        lane.attempts = verdict.attempts
        lane.failing = verdict.stop
        if not (verdict.done or verdict.isolate):
            return
        lane.envelope = None
        lane.sequence = envelope.sequence + 1
        if verdict.isolate:
            lane.isolate_size, lane.isolate_until = len(envelope.operation_ids) // 2, envelope.last
            return
        lane.cursor = envelope.last
        lane.closing = not (verdict.accepted and envelope.end_of_run and not verdict.failures)
        if verdict.accepted:
            lane.answered = envelope.sequence
        if lane.isolate_until and (verdict.failures or envelope.last >= lane.isolate_until):
            lane.isolate_size = lane.isolate_until = None
        self._write_problems(envelope, dict(verdict.failures))

    def _write_problems(self, envelope: Envelope, failures: dict[str, str]) -> None:
        for row in self.lane.course.journal:
            if row.operation.id in failures:
                holder = self.blocked.holder_of(row.operation)
                self.lane.add_problem(row, "parked" if holder else "failed", holder, self.blocked)
            elif row.operation.id in envelope.operation_ids:
                self._write_carried_out(row)

    def _write_carried_out(self, row: Row) -> None:
        operation = row.operation
        for problem in self.lane.open_problems():
            about_place = problem.operation.operation == "move" or problem.state == "misplaced"
            settled = operation.operation == "delete" or (operation.operation == "move" and about_place)
            if settled and problem.operation.entity_id == operation.entity_id:
                problem.state = "retried"
        self.blocked = self.lane.blocked()
        displacer = self.blocked.displacer_of(operation)
        if displacer:
            self.lane.add_problem(row, "misplaced", displacer, self.blocked)
