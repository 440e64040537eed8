"""Laws 5, 9 and 10 on the real tables and lanes: two linked sites and Open edX converge, and no edit is lost.

People edit, move and delete at all three. Each entity has one parent at any time, and there is no circle.
"""

from __future__ import annotations

import gc
import os
import sys
from random import Random

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import (
    Conflict,
    Course,
    JournalOperation,
    Lane,
    LedgerEntity,
    LedgerTree,
    Link,
    Marker,
    Problem,
    Proposal,
    Run,
    Target,
)
from course_sync_plugin.replication.inbound.decide import reject_proposal, resolve_conflict
from course_sync_plugin.replication.inbound.take_notices import take_notices
from course_sync_plugin.replication.merge.places import PLACE
from course_sync_plugin.replication.merge.replica import Take
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.merge.tree_edits import without
from tests.integration.courses import COURSE, SHELF
from tests.integration.replication.author import Author
from tests.integration.replication.two_sites import BACKENDS, LinkedSite, clock, differences, register_two_sites
from tests.unit.replication.sides import STRATEGIES

#: No cache: with it, a switch is read from the database once a second, and the number of queries differs.
NO_CACHE = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}

#: Rounds after which everything must be at rest.
ROUNDS = 8

#: The number of examples; a long search sets more.
EXAMPLES = int(os.environ.get("COURSE_SYNC_EXAMPLES", "25"))

names = st.sampled_from(sorted(BACKENDS))
chances = st.integers(0, 9999).map(Random)  # not st.randoms: what is drawn must not depend on the database
deaths = st.one_of(
    st.just({}),
    st.builds(lambda request, after: {"request": request, "after": after}, st.integers(1, 6), st.booleans()),
    st.builds(lambda queries: {"queries": queries}, st.integers(0, 120)),
)


class RealTables(RuleBasedStateMachine):
    """People edit anywhere, reads are late, and processes die before or after a request, or before a query."""

    def __init__(self) -> None:
        super().__init__()
        SHELF.__init__()
        for model in (Target, JournalOperation, Run, Course, Marker):
            model.objects.all().delete()

    @initialize(
        strategy=st.sampled_from(sorted(STRATEGIES)),
        policy=st.sampled_from(["manual", "recreate", "respect"]),
        chance=chances,
        filled=st.booleans(),
    )
    def begin(self, strategy, policy, chance, filled):
        self.setting = override_settings(COURSE_SYNC_CONFLICT_STRATEGY=strategy)
        self.setting.enable()
        self.strategy, self.policy = strategy, policy
        self.author, self.decided, self.died = Author(), 0, 0
        self.superseded: set[str] = set()
        for parent in ("course", "course", "section", "section", "subsection", "subsection", "subsection"):
            self.author.add(chance, parent)
        self.author.publish()
        self.sites = {name: LinkedSite.make(name, on_remote_delete=policy) for name in BACKENDS}
        for site in self.sites.values() if filled else ():
            site.work(site.deliver)

    @rule(chance=chances, edits=st.integers(1, 3))
    def author_publishes(self, chance, edits):
        for _ in range(edits):
            before = self._values_of_author()
            self.author.edit(chance)
            self.superseded |= before - self._values_of_author()
        self.author.publish()

    @rule(name=names, chance=chances, undo=st.booleans())
    def person_edits(self, name, chance, undo):
        self.sites[name].edit(chance, chance.choice(["unit-0", "section-0", "subsection-0"]) if undo else "")

    @rule(name=names, chance=chances, title=st.sampled_from(["Foreign", "unit-0", "subsection-1"]))
    def person_adds(self, name, chance, title):
        if not self.sites[name].link.intents.exists():  # else it could not be told apart from what we made
            self.sites[name].add_foreign(chance, title)

    @rule(name=names, chance=chances)
    def person_moves(self, name, chance):
        self.sites[name].move(chance)

    @rule(name=names, chance=chances)
    def person_deletes(self, name, chance):
        self.sites[name].delete(chance)

    @rule(name=names, death=deaths)
    def deliver(self, name, death):
        self.died += self.sites[name].work(self.sites[name].deliver, **death)

    @rule(name=names, death=deaths)
    def poll(self, name, death):
        self.died += self.sites[name].work(self.sites[name].poll, **death)

    @rule(name=names, copies=st.integers(1, 3), remote_id=st.sampled_from(["7", "8"]))
    def notices_come(self, name, copies, remote_id):
        """At any time, once or more often, also forged ones, or about a course that is not linked."""
        was_due = self.sites[name].is_due()  # a process died in the look
        for _ in range(copies):
            self.sites[name].notify(remote_id)
            take_notices()
        assert self.sites[name].is_due() == (was_due or remote_id == "7")
        for site in self.sites.values():
            if site.is_due():
                site.work(site.poll)

    @rule(name=names, lags=st.booleans())
    def reads_are_late(self, name, lags):
        self.sites[name].far.catch_up()
        self.sites[name].far.lags = lags

    @rule(chance=chances)
    def author_decides_about_a_proposal(self, chance):
        pending = [one for one in Proposal.objects.filter(state="open") if one.entity_id in self.author.types]
        if pending and chance.random() < 0.5:
            self._accept([chance.choice(pending)])
        elif pending:
            self.decided += 1
            reject_proposal(chance.choice(pending), clock)

    @rule(chance=chances, take=st.sampled_from(Take))
    def person_resolves_a_conflict(self, chance, take):
        conflicts = [one for one in Conflict.objects.filter(state__in=["open", "decided"]) if self._is_known(one)]
        if conflicts:
            self._resolve(chance.choice(conflicts), take)

    @invariant()
    def each_has_one_parent_and_there_is_no_circle(self):
        trees = [tree for row in LedgerTree.objects.values_list("wanted", "openedx") for tree in row]
        for tree in filter(None, [*trees, *Link.objects.values_list("places", flat=True)]):
            found = Places(COURSE, tree["children"])
            children = [child for below in tree["children"].values() for child in below]
            assert len(children) == len(set(children))
            assert without(found, ()).children == {one: below for one, below in found.children.items() if below}

    def teardown(self):
        has_failed = sys.exc_info()[0] is not None  # then the step that failed is the error to show
        try:
            if not has_failed:
                self._end()
        finally:
            if hasattr(self, "setting"):
                self.setting.disable()

    def _end(self) -> None:
        self.come_to_rest()
        self.check()
        for _ in range(ROUNDS):  # a place that was decided may leave another one to be decided
            waiting = [one for one in Conflict.objects.filter(state="open").order_by("pk") if self._is_known(one)]
            for conflict in waiting:
                self._resolve(conflict, Random(conflict.field).choice(list(Take)), or_else=Take.OPENEDX)
            self.come_to_rest()
            self.check()
            if not waiting:
                return
        raise AssertionError(f"conflicts after {ROUNDS} decisions")

    def come_to_rest(self) -> None:
        for _ in range(ROUNDS):
            before = self.snapshot()
            self.round()
            if self.snapshot() == before:
                return
        raise AssertionError(f"no rest after {ROUNDS} rounds")

    def round(self) -> None:
        for site in self.sites.values():
            site.far.catch_up()
            site.work(site.poll)
        self._accept(list(Proposal.objects.filter(state="open")))
        for site in self.sites.values():
            site.work(site.deliver)
            assert not Problem.objects.exclude(state__in=["done", "solved", "skipped"]).exists()
            assert not Lane.objects.filter(failing=True).exists(), Lane.objects.values("last_error")

    def snapshot(self) -> object:
        calls = {name: len(site.far.calls) for name, site in self.sites.items()}
        states = list(LedgerEntity.objects.order_by("pk").values_list("vector", "sides", "openedx_vector"))
        return calls, states, list(Proposal.objects.order_by("pk").values_list("pk", "state"))

    def check(self) -> None:
        waiting = set(Conflict.objects.filter(state="open").values_list("entity_id", "field"))
        assert self.strategy == "manual" or {field for _entity, field in waiting} <= {PLACE}
        for site in self.sites.values():
            assert differences(site, self.author, waiting) == [], site.name
            self._check_foreign(site)
            absent = set(site.link.replicas.exclude(deleted_at=None).values_list("entity_id", flat=True))
            assert absent <= (set() if self.policy == "recreate" else site.deleted)
        self._check_that_nothing_is_lost()
        self._check_that_nothing_echoes()

    def _check_foreign(self, site: LinkedSite) -> None:
        there = {number: site.far.things.get(number) for number in site.foreign}
        assert there == site.foreign
        order = [number for number in site.far.order if number in site.foreign]
        assert order == sorted(order, key=int)

    def _check_that_nothing_is_lost(self) -> None:
        rows = [
            *Conflict.objects.values_list("base", "openedx", "remote"),
            *Proposal.objects.values_list("base", "value"),
        ]
        kept = {str(value).strip() for row in rows for value in row} | self.superseded | self._values_of_author()
        for site in self.sites.values():
            kept |= site.values() | site.superseded
        written = {value for site in self.sites.values() for value in site.written}
        written |= {f"author {number}" for number in range(1, self.author.edits + 1)}
        assert written - kept == set(), "an edit was lost in silence"

    def _check_that_nothing_echoes(self) -> None:
        edits = sum(len(site.written) for site in self.sites.values()) + self.author.edits
        for site in self.sites.values():
            assert site.far.calls.count("update") <= edits + self.decided + self.died

    def _accept(self, pending: list[Proposal]) -> None:
        """The author publishes what is proposed."""
        before = self._values_of_author()
        known = [one for one in pending if one.entity_id in self.author.types]
        for one in known:
            if one.field != PLACE:
                self.author.fields[one.entity_id][one.field] = one.value
            elif not self.author.move_to(one.entity_id, *one.value):
                reject_proposal(one, clock)
        self.superseded |= before - self._values_of_author()
        if known:
            self.author.publish()

    def _resolve(self, conflict: Conflict, take: Take, or_else: Take | None = None) -> None:
        """A person takes a side. The place of that side may not be there any more."""
        self.decided += 1
        conflict.refresh_from_db()
        try:
            resolve_conflict(conflict, take, clock)
        except ConfigurationError:
            assert conflict.field == PLACE or conflict.state not in ("open", "decided")
            if or_else:
                self._resolve(conflict, or_else)

    def _is_known(self, conflict: Conflict) -> bool:
        return conflict.entity_id in self.author.types

    def _values_of_author(self) -> set[str]:
        return {str(one).strip() for fields in self.author.fields.values() for one in fields.values()}


# A killed worker does not close its cursors, and psycopg warns about that.
@pytest.mark.filterwarnings("ignore:.*Server(Side)?Cursor.* was deleted while still open:ResourceWarning")
@pytest.mark.django_db(transaction=True)
def test_three_sites_on_the_real_tables(shelf, monkeypatch):
    register_two_sites(monkeypatch)
    chosen = settings(
        max_examples=EXAMPLES,
        stateful_step_count=20,
        phases=[Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with override_settings(COURSE_SYNC_ENVELOPE_OPERATIONS=4, CACHES=NO_CACHE):
        run_state_machine_as_test(RealTables, settings=chosen)
    gc.collect()  # while the filter for that warning is active
