"""A state machine of the events between a site and its receivers, for the model and for the real lanes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from course_sync_plugin.data import Structure
from tests.unit.protocol.receiver import Receiver
from tests.unit.strategies import COURSE_ID, Draft, entity_id

NUMBERS = range(7)

#: A plain target, one that keeps deleted courses, and one that wants only some entity types.
TARGETS = ({}, {"keep": True}, {"types": ("section", "unit")})

which_lane = st.integers(0, len(TARGETS) - 1)
some_entity = st.sampled_from([entity_id(number) for number in NUMBERS])
chance = st.randoms(use_true_random=False)


def edit(chance: Random, draft: Draft) -> None:
    """Make one small edit: a new block (maybe one that existed before), a deletion, a move or a new title."""
    kind = chance.choice(["add", "add", "delete", "move", "move", "rename"])
    free = [number for number in NUMBERS if entity_id(number) not in draft.children]
    if kind == "rename":
        draft.fields[chance.choice(list(draft.fields))] = {"display_name": chance.choice("abc")}
    elif kind == "add" and free:
        parent = chance.choice(list(draft.children))
        draft.add(entity_id(chance.choice(free)), parent, chance.randint(0, len(draft.children[parent])), {})
    elif kind == "delete" and draft.blocks():
        _delete(chance, draft, chance.choice(draft.blocks()))
    elif kind == "move" and draft.blocks():
        _move(chance, draft, chance.choice(draft.blocks()))


def _delete(chance: Random, draft: Draft, victim: str) -> None:
    """Delete a block; its children are deleted too, or move to its parent."""
    parent = next(parent for parent, kids in draft.children.items() if victim in kids)
    if chance.choice([True, False]):
        draft.children[parent].extend(draft.children[victim])
        draft.children[victim] = []
    draft.take_out(victim)
    for gone in list(draft.below(victim)):
        del draft.children[gone], draft.fields[gone]


def _move(chance: Random, draft: Draft, moving: str) -> None:
    below = set(draft.below(moving))
    parent = chance.choice([entity for entity in draft.children if entity not in below])
    draft.take_out(moving)
    draft.children[parent].insert(chance.randint(0, len(draft.children[parent])), moving)


class ProtocolMachine(RuleBasedStateMachine):
    """One course and up to three targets. No operation is skipped, so in the end every receiver must equal the course.

    ``course``: the site, made by ``make_course``; it adds the lanes.
    """

    skips = False
    excludes = False
    long_backlog = 0
    make_course: Callable[[str, Structure], Any]

    def __init__(self) -> None:
        super().__init__()
        self.draft = Draft()
        self.version = 0
        self.course = self.make_course(COURSE_ID, Structure.empty(COURSE_ID))
        self.receivers: dict[Any, Receiver] = {}
        self.weather = Random(0)

    # The site

    @initialize(chance=chance, edits=st.integers(0, 8))
    def begin(self, chance, edits):
        self.add_target()
        self.publish(chance, edits)

    @rule(chance=chance, edits=st.integers(1, 4))
    def publish(self, chance, edits):
        for _ in range(edits):
            edit(chance, self.draft)
        self._record(self.draft.structure)

    @precondition(lambda self: self.long_backlog)
    @rule(chances=st.lists(st.randoms(use_true_random=False), min_size=2, max_size=5), deletes=st.integers(0, 4))
    def publish_often(self, chances, deletes):
        """Publish several times while no lane gets on; one of them may be the deletion of the course."""
        for at, chance in enumerate(chances):
            self.delete_course() if at + 1 == deletes else self.publish(chance, 3)

    @rule()
    def delete_course(self):
        self._record(lambda version: Structure.empty(COURSE_ID, version))

    @rule()
    def publish_without_a_change(self):
        self._record(self.draft.structure)

    @precondition(lambda self: len(self.receivers) < len(TARGETS))
    @rule()
    def add_target(self):
        lane = self.course.add_lane(str(len(self.receivers)), **TARGETS[len(self.receivers)])
        self.receivers[lane] = Receiver(lane)

    @rule(at=which_lane)
    def add_target_again(self, at):
        """Remove a target and add it again; its receiver keeps its replica."""
        old = self._lane(at)
        receiver = self.receivers.pop(old)
        receiver.begin_anew(self.course.replace_lane(old))
        self.receivers[receiver.lane] = receiver

    # Workers

    @rule(at=which_lane, steps=st.integers(1, 12), weather=chance)
    def work(self, at, steps, weather):
        """A worker claims a free lane, or continues."""
        self.weather = weather
        self._advance(self._lane(at), steps)

    @rule(at=which_lane, steps=st.integers(1, 40))
    def work_in_fine_weather(self, at, steps):
        self.weather = None
        self._advance(self._lane(at), steps)

    # Receivers and operators

    @rule(at=which_lane, entity=some_entity, again=st.booleans())
    def entity_fails(self, at, entity, again):
        self.receivers[self._lane(at)].failing[entity] = again

    @rule(at=which_lane, entity=some_entity)
    def entity_is_poison(self, at, entity):
        self.receivers[self._lane(at)].poisonous.add(entity)

    @rule(at=which_lane)
    def mend(self, at):
        self.receivers[self._lane(at)].mend()

    @rule(at=which_lane, everything=st.booleans(), chosen=st.integers(0, 5))
    def retry(self, at, everything, chosen):
        self._lane(at).retry(lambda problem: everything or problem.pk % 6 == chosen)

    @precondition(lambda self: self.skips)
    @rule(at=which_lane, chosen=st.integers(0, 5))
    def skip(self, at, chosen):
        lane = self._lane(at)
        self.receivers[lane].skipped = True
        lane.skip(lambda problem: problem.pk % 6 == chosen)

    @precondition(lambda self: self.skips)
    @rule(at=which_lane, entities=st.sets(some_entity, min_size=1), chance=chance, edits=st.integers(1, 3))
    def publish_and_skip_what_is_refused(self, at, entities, chance, edits):
        """A receiver refuses some entities until the operator has skipped what was refused of a publish."""
        lane = self._lane(at)
        self.publish(chance, edits)
        self.receivers[lane].failing.update(dict.fromkeys(entities, False))
        self.work_in_fine_weather(at, 100)
        self.receivers[lane].skipped = True
        lane.skip(lambda problem: True)
        self.receivers[lane].mend()

    @precondition(lambda self: self.excludes)
    @rule(at=which_lane, entity=some_entity)
    def exclude(self, at, entity):
        lane = self._lane(at)
        self.receivers[lane].excluding = True
        lane.exclude(entity)

    @precondition(lambda self: self.excludes)
    @rule(at=which_lane, entity=some_entity)
    def include(self, at, entity):
        self._lane(at).include(entity)

    @precondition(lambda self: self.excludes)
    @rule()
    def everything_but_the_excluded_calms_down(self):
        """A lane with exclusions comes to rest, and what is excluded is not open trouble."""
        self.weather = None
        for lane, receiver in self.receivers.items():
            receiver.mend()
            lane.paused = False
            self._retry_until_quiet(lane)
            assert not lane.due
            assert {one.state for one in lane.open_problems()} <= {"excluded", "beside_excluded"}
            assert receiver.skipped or receiver.has_nothing_to_get() or receiver.replica().complete
            assert receiver.skipped or not receiver.unexplained_differences()
            assert not lane.held_without_reason()

    @rule(at=which_lane)
    def pause_or_resume(self, at):
        self._lane(at).paused = not self._lane(at).paused

    # Laws

    @invariant()
    def promises_are_kept(self):
        for receiver in self.receivers.values():
            assert receiver.broken_promises == []
            assert receiver.inbox.violations == []

    @rule()
    def everything_calms_down(self):
        """End all faults and retry all problems: then every receiver equals the course."""
        self.weather = None
        for lane, receiver in self.receivers.items():
            receiver.mend()
            lane.paused = False
            for number in NUMBERS if self.excludes else ():
                lane.include(entity_id(number))
            self._retry_until_quiet(lane)
            receiver.excluding = False
            assert not lane.due
            # A receiver that keeps data of a removed lane may lack more than what was skipped in this one.
            assert not lane.open_problems() or (receiver.skipped and receiver.stale)
            assert receiver.skipped or receiver.has_the_course()

    def teardown(self):
        self.everything_calms_down()
        self.promises_are_kept()

    def _retry_until_quiet(self, lane: Any) -> None:
        for _ in range(3):
            lane.retry(lambda problem: True)
            self._advance(lane, 2000)

    def _lane(self, at: int) -> Any:
        return list(self.receivers)[at % len(self.receivers)]

    @abstractmethod
    def _advance(self, lane: Any, steps: int) -> None:
        """Let workers continue in a lane, for at most ``steps`` steps."""

    def _condition(self) -> str:
        return self.weather.choice(["fine", "fine", "lost", "answer lost"]) if self.weather else "fine"

    def _in_time(self) -> bool:
        return not self.weather or self.weather.choice([True, True, True, False])

    def _record(self, structure) -> None:
        self.version += 1
        self.course.record(structure(str(self.version)))
