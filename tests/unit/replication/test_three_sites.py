"""Laws 5, 6 and 10 on three sites in memory: they converge, without an echo, and no edit is lost in silence."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from course_sync_plugin.ledger.vectors import Relation
from course_sync_plugin.replication.merge.replica import Take
from tests.unit.replication.sides import FIELDS, STRATEGIES
from tests.unit.replication.three_sites import KINDS, TARGETS, Hub

names = st.sampled_from(sorted(KINDS))
targets = st.sampled_from(TARGETS)
fields = st.sampled_from(FIELDS)

#: Rounds after which everything must be at rest: found, proposed, published, delivered, found at rest.
ROUNDS = 5


class ThreeSites(RuleBasedStateMachine):
    """People edit anywhere, events come late, twice or never, and processes die between two steps."""

    @initialize(name=st.sampled_from(sorted(STRATEGIES)), stores_all=st.sets(names))
    def begin(self, name, stores_all):
        self.hub = Hub(STRATEGIES[name], stores_all)
        self.edits: list[str] = []
        self.superseded: set[str] = set()
        self.decided = self.deaths = 0

    @rule(name=names, field=fields, space=st.sampled_from(["", " "]))
    def edit(self, name, field, space):
        """A person replaces a value that the person can see."""
        value = f"{name} {len(self.edits)}"
        self.edits.append(value)
        self.superseded |= self.hub.edit(name, field, value + space)

    @rule(name=names, field=fields)
    def undo(self, name, field):
        """A person puts back what was there in the beginning."""
        self.edits.append("old")
        self.superseded |= self.hub.edit(name, field, "old")

    @rule(seconds=st.integers(-5, 5))
    def time_passes(self, seconds):
        """The clock of a server can be set back."""
        self.hub.clock += seconds

    @rule(name=names, late=st.integers(-9, 9))
    def event_or_poll(self, name, late):
        """An event only says "go and read". A doubled, late or forged one is one more look."""
        self.hub.poll(name, changed_at=self.hub.clock + late)

    @rule(name=targets, dies=st.booleans())
    def deliver(self, name, dies):
        self.deaths += dies
        self.hub.deliver(name, dies=dies)

    @rule()
    def write_back(self):
        self.hub.write_back()

    @rule()
    def publish(self):
        self.hub.publish()

    @precondition(lambda self: self.hub.conflicts)
    @rule(data=st.data(), take=st.sampled_from(Take))
    def resolve(self, data, take):
        self.decided += 1
        self.hub.resolve(*data.draw(st.sampled_from(self.hub.conflicts)), take)

    @precondition(lambda self: self.hub.proposals)
    @rule(data=st.data())
    def reject(self, data):
        self.decided += 1
        self.hub.reject(data.draw(st.sampled_from(sorted(self.hub.proposals))))

    @invariant()
    def what_is_wanted_knows_of_every_change_that_was_found(self):
        for replica in self.hub.replicas.values():
            assert replica.vector.relation_to(self.hub.wanted.vector) in (Relation.IDENTICAL, Relation.BEFORE)

    @invariant()
    def only_manual_leaves_conflicts(self):
        assert not self.hub.conflicts or self.hub.strategy is STRATEGIES["manual"]

    def teardown(self):
        if not hasattr(self, "hub"):
            return
        self.come_to_rest()
        assert not self.hub.proposals
        finals = {field: side.value.strip() for field, side in self.hub.wanted.sides.items()}
        for name, site in self.hub.sites.items():
            assert {field: value.strip() for field, value in site.fields.items()} == finals, name
        kept = {value.strip() for value in self.hub.kept}
        lost = set(self.edits) - set(finals.values()) - kept - self.superseded
        assert lost == set(), "an edit was lost in silence"
        writes = sum(site.writes for site in self.hub.sites.values())
        assert writes <= (len(self.edits) + self.decided) * len(TARGETS) + self.deaths

    def come_to_rest(self):
        for _ in range(ROUNDS):
            before = self.hub.snapshot()
            self.round()
            if self.hub.snapshot() == before:
                return
        raise AssertionError(f"no rest after {ROUNDS} rounds")

    def round(self):
        for name in KINDS:
            self.hub.poll(name)
        for name, field in self.hub.conflicts:
            self.decided += 1
            self.hub.resolve(name, field, Take.REMOTE)
        self.hub.write_back()
        self.hub.publish()
        for name in TARGETS:
            self.hub.deliver(name)


ThreeSites.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
TestThreeSites = ThreeSites.TestCase
