"""What may happen between a site and its receivers, as a machine: one for the model and for the real lanes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from course_sync_plugin.data import Structure
from tests.unit.protocol_receiver import Receiver
from tests.unit.strategies import COURSE_ID, Draft, entity_id

NUMBERS = range(7)

#: A plain target, one that keeps deleted courses, one that wants some entity types only.
TARGETS = ({}, {"keep": True}, {"types": ("section", "unit")})

which_lane = st.integers(0, len(TARGETS) - 1)
some_entity = st.sampled_from([entity_id(number) for number in NUMBERS])
chance = st.randoms(use_true_random=False)


def edit(chance: Random, draft: Draft) -> None:
    """One small edit: a new block (maybe one that was there before), a deletion, a move, a new title."""
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
    """What is below goes with it, or moves up."""
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
    """One course, up to three targets. Nothing is ever given up, so that all must end equal.

    ``course`` is the site, as it is made by ``make_course``; lanes are what it adds.
    """

    skips = False
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
        """A target is removed and added again: its receiver still has what it had."""
        old = self._lane(at)
        receiver = self.receivers.pop(old)
        receiver.begin_anew(self.course.replace_lane(old))
        self.receivers[receiver.lane] = receiver

    # Workers

    @rule(at=which_lane, steps=st.integers(1, 12), weather=chance)
    def work(self, at, steps, weather):
        """A worker takes a lane that is free, or goes on."""
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
        """Faults are over, problems are retried: every receiver has the course."""
        self.weather = None
        for lane, receiver in self.receivers.items():
            receiver.mend()
            lane.paused = False
            self._retry_until_quiet(lane)
            assert not lane.due
            if not receiver.skipped:
                assert not lane.open_problems()
                assert receiver.has_the_course()

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
        """Let workers go on in a lane, for so many steps at most."""

    def _condition(self) -> str:
        return self.weather.choice(["fine", "fine", "lost", "answer lost"]) if self.weather else "fine"

    def _in_time(self) -> bool:
        return not self.weather or self.weather.choice([True, True, True, False])

    def _record(self, structure) -> None:
        self.version += 1
        self.course.record(structure(str(self.version)))
