"""Laws 5, 9 and 10 on the trees of three sites in memory: one parent each, no circle, and all come to the same."""

from __future__ import annotations

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from course_sync_plugin.replication.merge.places import (
    KnownPlaces,
    WantedPlaces,
    found_places,
    must_write,
    put_back,
    reviewed_places,
    sending_places,
    to_write_places,
    written_places,
)
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import moved, without
from tests.unit.replication.sides import ROOT, STRATEGIES
from tests.unit.replication.three_sites import KINDS, TARGETS

names = st.sampled_from(sorted(KINDS))
targets = st.sampled_from(TARGETS)

START = Places(ROOT, {ROOT: ["a", "b"], "a": ["c", "d"], "b": ["e"]})
ROUNDS = 6


class ThreeTrees(RuleBasedStateMachine):
    """People move anywhere. Open edX creates and deletes; the targets delete."""

    @initialize(name=st.sampled_from(sorted(STRATEGIES)), policy=st.sampled_from(["recreate", "respect"]))
    def begin(self, name, policy):
        self.strategy, self.policy = STRATEGIES[name], policy
        self.sites = dict.fromkeys(KINDS, START)
        self.wanted = WantedPlaces(START)
        self.alive = set(START.parents)
        self.known = {site: KnownPlaces(site, kind, START) for site, kind in KINDS.items()}
        self.created = self.writes = self.acts = self.deaths = self.clock = 0

    @rule(name=names, data=st.data())
    def move(self, name, data):
        entities = sorted(self.sites[name].parents)
        if not entities:
            return
        entity = data.draw(st.sampled_from(entities))
        rest = without(self.sites[name], [entity])
        parent = data.draw(st.sampled_from([ROOT, *sorted(rest.parents)]))
        index = data.draw(st.integers(0, len(rest.children.get(parent, ()))))
        self._replace(name, self._with(rest, name, entity, parent, index))

    @rule(parent=st.data())
    def create(self, parent):
        tree = self.sites["openedx"]
        entity = f"n{self.created}"
        self.created += 1
        self.alive.add(entity)
        self._replace("openedx", self._with(tree, None, entity, parent.draw(st.sampled_from([ROOT, *tree.parents])), 0))

    @rule(name=names, data=st.data())
    def delete(self, name, data):
        entities = sorted(self.sites[name].parents)
        if entities:
            tree = without(self.sites[name], [data.draw(st.sampled_from(entities))])
            if name == "openedx":
                self.alive &= tree.parents.keys()
            self._replace(name, tree)

    @rule(seconds=st.integers(-3, 3))
    def time_passes(self, seconds):
        self.clock += seconds

    @rule(name=names)
    def poll(self, name):
        before, sent, tree = self.known[name].places, self.known[name].sent, self.sites[name]
        wanted = self.wanted.places
        done = self._look(name, tree)
        self.wanted, self.known[name] = done.wanted, done.known
        then, there, now = before.parents, tree.parents, self.wanted.places.parents
        ours = sent.parents if sent else then
        went = {one for one in then.keys() & there.keys() if there[one] not in (then[one], ours.get(one))}
        not_taken = {one for one in went if now.get(one) != there[one]}
        assert not_taken <= done.lost.keys() | self._elsewhere(name, wanted, tree), "a move was lost in silence"
        if self.policy == "respect":
            removed = done.known.removed | done.deleted
            self.known[name] = attrs.evolve(done.known, removed=removed)
        self.known |= {other: reviewed_places(self.wanted, one) for other, one in self.known.items()}

    def _look(self, name, tree):
        return found_places(self.wanted, self.known[name], tree, self.strategy, self.clock)

    def _elsewhere(self, name, wanted, tree):
        """Return what cannot be where a site has it, and is wanted somewhere else."""
        return set()

    @rule(name=targets, dies=st.booleans())
    def deliver(self, name, dies):
        self.deaths += dies
        self.poll(name)
        tree = to_write_places(self.wanted, self.known[name], self.known["openedx"].places)
        if not must_write(self.known[name], tree):
            return
        self.writes += 1
        self.known[name] = sending_places(self.known[name], tree)
        self.sites[name] = tree
        if not dies:
            self.known[name] = written_places(self.wanted, self.known[name], tree)

    @rule()
    def publish(self):
        """An author accepts every proposal, and a run follows."""
        self.poll("openedx")
        self.sites["openedx"] = self.wanted.places
        self.poll("openedx")

    @precondition(lambda self: moved(self.known["openedx"].places, self.wanted.places))
    @rule(data=st.data())
    def reject(self, data):
        self.acts += 1
        published = self.known["openedx"].places
        entity = data.draw(st.sampled_from(sorted(moved(published, self.wanted.places))))
        self.wanted = put_back(self.wanted, published, entity, self.clock)

    @invariant()
    def every_tree_is_one(self):
        for tree in [self.wanted.places, *self.sites.values()] if hasattr(self, "wanted") else []:
            everything = [child for found in tree.children.values() for child in found]
            assert len(everything) == len(set(everything)), "one parent each"
            assert without(tree, ()).parents.keys() == set(everything), "no circle, and no orphan"

    def teardown(self):
        if not hasattr(self, "wanted"):
            return
        self.come_to_rest()
        course = self.sites["openedx"]
        assert course.parents.keys() == self.alive, "only Open edX creates and deletes"
        for name in TARGETS:
            assert plain(self.sites[name]) == plain(without(course, self.known[name].removed)), name
        assert plain(self.wanted.places) == plain(course)
        assert self.writes <= self.acts * len(TARGETS) + self.deaths

    def come_to_rest(self):
        for _ in range(ROUNDS):
            before = self.snapshot()
            for name in KINDS:
                self.poll(name)
            for name, known in self.known.items():
                self.known[name] = attrs.evolve(known, conflicts={})  # a person takes what is wanted
            self.publish()
            for name in TARGETS:
                self.deliver(name, dies=False)
            if self.snapshot() == before:
                return
        raise AssertionError(f"no rest after {ROUNDS} rounds")

    def snapshot(self):
        return self.writes, plain(self.wanted.places), [plain(tree) for tree in self.sites.values()]

    def _replace(self, name, tree):
        self.acts += 1
        self.sites[name] = tree

    def _with(self, rest, name, entity, parent, index):
        """Put an entity into a tree, with all that was below it at a site."""
        children = {one: list(found) for one, found in rest.children.items()}
        children.setdefault(parent, []).insert(index, entity)
        waiting = [entity] if name else []
        while waiting:
            below = list(self.sites[name].children.get(waiting[0], ()))
            if below:
                children[waiting[0]] = below
            waiting = [*waiting[1:], *below]
        return Places(ROOT, children)


def plain(tree: Places) -> dict[str, list[str]]:
    return {parent: list(found) for parent, found in tree.children.items() if found}


ThreeTrees.TestCase.settings = settings(max_examples=300, stateful_step_count=25, deadline=None)
TestThreeTrees = ThreeTrees.TestCase
