"""A small in-memory model of journal, lane and envelope: it does the same as ``lanes/``, without a database.

It uses the real rules that are pure: the diff, verdicts, repairs and blocked operations. The code between two ``yield``
of :meth:`Turn.run` is one transaction: a test may kill a worker at each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator

import attrs

from course_sync_plugin.data import Answer, Operation, Structure
from course_sync_plugin.diff.engine import diff
from course_sync_plugin.diff.reverse import reverse
from course_sync_plugin.exceptions import CourseSyncError
from course_sync_plugin.lanes.blocked import Blocked
from course_sync_plugin.lanes.excluded import Excluded
from course_sync_plugin.lanes.problems import to_retry
from course_sync_plugin.lanes.repairs import Undone, repairs
from course_sync_plugin.lanes.retry import Retries
from course_sync_plugin.lanes.skipped import lacking
from course_sync_plugin.lanes.verdict import Verdict, judge

SIZE = 4  # operations per envelope
SCHEDULE = Retries((1, 1, 1))
OPEN = ("failed", "parked", "misplaced", "retrying", "excluded", "beside_excluded")
EXCLUDED = ("excluded", "beside_excluded")


class LeaseLost(Exception):
    """Another worker has taken over the lane."""


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

    def leaves_its_parent(self) -> bool:
        move = self.operation
        return move.operation == "move" and move.previous["parent_id"] != move.parent_id

    def as_undone(self) -> Undone:
        return Undone(self.operation, self.state in ("misplaced", "beside_excluded"))


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
    """A course: its published versions, its recorded structure and its journal."""

    key: str
    structure: Structure
    journal: list[Row] = attrs.field(factory=list)
    lanes: list[Lane] = attrs.field(factory=list)
    versions: dict[str, Structure] = attrs.field(factory=dict)
    made: int = 0
    long_backlog: int = 0

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
        """Add a lane. Sequences grow, as time does, even if a target is removed and added again."""
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
    excluded: set[str] = attrs.field(factory=set)
    messages: int = 0

    def claimable(self) -> bool:
        return self.due and not (self.paused or self.failing)

    def claim(self) -> object:
        """Claim the lane, perhaps from a worker that is too slow."""
        self.attempts += self.token is not None and self.envelope is not None
        self.token = object()
        return self.token

    def open_problems(self) -> list[Problem]:
        return sorted((one for one in self.problems if one.state in OPEN), key=lambda one: one.row.position)

    def skipped(self) -> list[Problem]:
        """Return the skipped creations and moves to another parent since the last snapshot."""
        begins = (row for row in reversed(self.visible(0)) if row.run.mode == "snapshot")
        last = next((row.run for row in begins), None)
        start = next((row.position for row in self.visible(0) if row.run is last), 0)
        skipped = [one for one in self.problems if one.state == "skipped" and one.row.position >= start]
        return [one for one in skipped if one.operation.operation == "create" or one.leaves_its_parent()]

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

    def exclude(self, entity_id: str) -> None:
        """Exclude an entity; what failed of it, and what waits behind that, is excluded from now on."""
        if entity_id == self.course.key or entity_id not in self.course.structure.entities:
            return
        self.excluded.add(entity_id)
        excluded = self.excluded_at(self.course.last_position)
        chosen = {one.pk for one in self.problems if one.state == "failed" and excluded.holds(one.operation)}
        while more := {one.pk for one in self.open_problems() if one.behind_id in chosen} - chosen:
            chosen |= more
        for problem in self.problems:
            if problem.pk in chosen and problem.state != "retrying":
                problem.state = "beside_excluded" if problem.state == "misplaced" else "excluded"
        self.due = self.nudged = True

    def include(self, entity_id: str) -> None:
        self.excluded.discard(entity_id)
        excluded = self.excluded_at(self.course.last_position)
        for problem in self.open_problems():
            is_root = problem.state == "excluded" and not problem.behind
            if is_root and not excluded.covers(problem.operation.entity_id):
                problem.state = "retrying"
        self.due = self.nudged = True

    def held_without_reason(self) -> list[Problem]:
        """Return the excluded problems of entities that are not excluded, and do not wait behind another problem."""
        excluded = self.excluded_at(self.course.last_position)
        held = self.blocked().excluded.values()
        return [problem for problem in held if not excluded.covers(problem.operation.entity_id)]

    def excluded_at(self, position: int) -> Excluded:
        excluded = Excluded(frozenset(self.excluded))
        for row in self.course.journal[:position]:
            if row.run.lane is None:
                excluded.learn(row.operation)
        return excluded

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
        self.excluded: frozenset[str] = frozenset()
        self.token: object = None
        self.end = 0
        self.has_looked = False

    def run(self) -> Iterator[str]:
        """Run the turn. Between two transactions, yield the name of the next one."""
        self.token = self.lane.claim()
        try:
            yield "begin"
            envelope = yield from self._find_envelope_or_sleep()
            while envelope:
                yield "send"
                verdict = self._send(envelope)
                yield "apply the verdict"
                self._require_lease()
                self._apply_verdict(envelope, verdict)
                if not (verdict.done or verdict.isolate) or not self.in_time():
                    self.lane.token = None
                    return
                looks_again = self.lane.nudged or self._is_far_behind()
                envelope = None if looks_again else self._make_envelope()
                yield "go on"
                envelope = envelope or (yield from self._sleep_or_look_again())
        except LeaseLost:
            return

    def _require_lease(self) -> None:
        if self.lane.token is not self.token:
            raise LeaseLost

    def _sleep_or_look_again(self) -> Iterator[str]:
        asleep = not (self.blocked or self._is_far_behind()) and self._sleep()
        return None if asleep else (yield from self._find_envelope_or_sleep())

    def _find_envelope_or_sleep(self) -> Iterator[str]:
        while True:
            self._require_lease()
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
        self._require_lease()
        if self.end != self.lane.end or self.lane.nudged:
            return False
        self.lane.due, self.lane.token = False, None
        return True

    def _look(self) -> Iterator[str]:
        if self.lane.cursor is None:
            yield "plan a baseline"
            self._require_lease()
            self._plan_baseline()
        if self._is_far_behind():
            yield "plan the difference"
            self._require_lease()
            self._plan_difference()
        yield "make"
        self._require_lease()
        envelope = self._make_envelope()
        while envelope is None and to_retry(self.lane.open_problems()):
            yield "plan repairs"
            self._require_lease()
            self._plan_repairs()
            self.blocked = self.lane.blocked()
            yield "make"
            self._require_lease()
            envelope = self._make_envelope()
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

    def _is_far_behind(self) -> bool:
        lane, limit = self.lane, self.lane.course.long_backlog
        if self.has_looked or not limit or lane.cursor is None or lane.closing:
            return False
        return self.end - lane.cursor > limit and 0 < lane.answered == lane.sequence - 1

    def _plan_difference(self) -> None:
        """Replace what is ahead by the difference, if it is shorter and nothing speaks against it."""
        self.has_looked = True
        lane, course = self.lane, self.lane.course
        self.end = lane.end = course.last_position
        ahead = lane.visible(lane.cursor)
        kinds = {row.run.kind for row in ahead}
        if len(ahead) <= course.long_backlog or lane.open_problems() or "snapshot" in kinds:
            return
        if lane.keep and "deletion" in kinds:
            return
        own = [row.operation for row in ahead if row.run.lane]
        held = reverse(self._shared_runs(ahead), course.structure)
        operations = diff(held, course.structure)
        if own:
            operations = repairs(course.structure, [Undone(one) for one in [*own, *operations]])
        if len(operations) < len(ahead):
            kind = "difference" if course.structure.entities else "deletion"
            lane.cursor = course.last_position
            course.append(operations, Run(kind, course.structure.published_version, lane))
            self.end = lane.end = course.last_position

    def _shared_runs(self, ahead: list[Row]) -> Iterator[list[Operation]]:
        """Yield the operations of each run for all lanes, the newest first. The last may be one that is ended."""
        behind = {row.run for row in self.lane.course.journal[: self.lane.cursor]}
        runs = list(dict.fromkeys(row.run for row in ahead if not row.run.lane and row.run not in behind))
        for run in reversed(runs):
            yield [row.operation for row in ahead if row.run is run]

    def _plan_repairs(self) -> None:
        lane, course = self.lane, self.lane.course
        if not lane.visible(lane.cursor):
            problems = to_retry(lane.open_problems())
            asked = [problem for problem in problems if problem.state == "retrying"]
            missing = lacking(course.structure, asked, lane.skipped())
            operations = repairs(course.structure, [problem.as_undone() for problem in problems], missing)
            course.append(operations, Run("repair", course.structure.published_version, lane))
            for problem in problems:
                problem.state = "retried"
        lane.end = course.last_position

    def _make_envelope(self) -> Envelope | None:
        rows, last, is_end = self._next_batch()
        lane = self.lane
        if rows and not lane.answered and rows[0].run.mode != "snapshot":
            lane.envelope = self._freeze(rows[0].run, [], lane.cursor, False, "snapshot")
        elif rows:
            lane.envelope = self._freeze(rows[0].run, rows, last, is_end and self._may_end(rows[0].run))
        elif lane.closing and not self.blocked.has_trouble:
            run = [row.run for row in lane.visible(0) if row.position <= lane.cursor][-1]
            lane.envelope = self._freeze(run, [], lane.cursor, True)
        return lane.envelope

    def _may_end(self, run: Run) -> bool:
        return not (self.blocked.has_trouble or (run.mode == "snapshot" and self.lane.closing))

    def _next_batch(self) -> tuple[list[Row], int, bool]:
        lane = self.lane
        size = lane.isolate_size or SIZE
        while rows := lane.wanted(lane.cursor)[: size + 1]:
            run = rows[0].run
            if lane.keep and run.kind == "deletion":
                if lane.closing and not self.blocked.has_trouble:
                    return [], lane.cursor, False
                self._skip_deletion_run(rows[0])
                continue
            fitting = list(self._fitting(rows[:size], run))
            last = fitting[-1].position
            excluded = Excluded() if run.kind == "deletion" else lane.excluded_at(last)
            self._include_moved(excluded)
            going = list(self._park_what_must_wait(fitting, excluded))
            if going:
                return going, last, not any(row.run is run for row in rows[len(fitting) :])
            lane.cursor = last
        lane.cursor = max(lane.cursor, lane.end)
        self._include_moved(lane.excluded_at(lane.cursor))
        return [], lane.cursor, False

    def _include_moved(self, excluded: Excluded) -> None:
        for problem in list(self.blocked.excluded.values()):
            if not excluded.covers(problem.operation.entity_id):
                self.blocked.change_state(problem, "retrying")

    def _skip_deletion_run(self, row: Row) -> None:
        """Skip the deletion of the course, which the receiver keeps, and close all problems."""
        for problem in self.lane.open_problems():
            problem.state = "retried"
        self.blocked = Blocked()
        self.lane.cursor, self.lane.closing, self.lane.answered = row.position, False, 0

    def _park_what_must_wait(self, rows: list[Row], excluded: Excluded) -> Iterator[Row]:
        for row in rows:
            waits = row.position in self.blocked.parked
            held = not waits and excluded.holds(row.operation)
            holder = None if waits or held else self.blocked.holder_of(row.operation)
            if held or holder:
                state = "parked" if holder and holder.state not in EXCLUDED else "excluded"
                self.lane.add_problem(row, state, holder, self.blocked)
            if not (held or holder or waits):
                yield row
            elif self.blocked.has_trouble:
                self.lane.closing = True

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

    def _apply_verdict(self, envelope: Envelope, verdict: Verdict) -> None:
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
                behind = "excluded" if holder and holder.state in EXCLUDED else "parked"
                self.lane.add_problem(row, behind if holder else "failed", holder, self.blocked)
            elif row.operation.id in envelope.operation_ids:
                self._close_problems_of_applied(row)

    def _close_problems_of_applied(self, row: Row) -> None:
        operation = row.operation
        for problem in self.lane.open_problems():
            about_place = problem.operation.operation == "move" or problem.state in ("misplaced", "beside_excluded")
            settled = operation.operation == "delete" or (operation.operation == "move" and about_place)
            if settled and problem.operation.entity_id == operation.entity_id:
                problem.state = "retried"
        self.blocked = self.lane.blocked()
        displacer = self.blocked.displacer_of(operation)
        if displacer:
            state = "beside_excluded" if displacer.state in EXCLUDED else "misplaced"
            self.lane.add_problem(row, state, displacer, self.blocked)
