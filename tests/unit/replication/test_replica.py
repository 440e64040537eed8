"""One entity at several sites, case by case: what was found, what was sent, and what a person decided."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.ledger.vectors import VersionVector
from course_sync_plugin.replication.merge.replica import (
    Found,
    Replica,
    Take,
    Wanted,
    found,
    reject,
    resolve,
    reviewed,
    sending,
    to_write,
    written,
)
from course_sync_plugin.replication.strategies.base import OPENEDX, Side, Strategy
from tests.unit.replication.sides import ENTITY, FIELDS, STRATEGIES

OLD = dict.fromkeys(FIELDS, "old")
SIDES = dict.fromkeys(FIELDS, Side("old", Stamp(0, OPENEDX), OPENEDX))


def replica(kind: str) -> Replica:
    return Replica(kind, kind, VersionVector(), OLD, SIDES)


def look(wanted: Wanted, at: Replica, strategy: Strategy, clock: int, title: str) -> Found:
    return found(wanted, at, {**OLD, "display_name": title}, strategy, clock)


@pytest.fixture
def wanted() -> Wanted:
    return Wanted(*ENTITY, VersionVector(), SIDES)


class TestWhatWasSentAndNotAnswered:
    @pytest.fixture
    def canvas(self, wanted):
        """The title ``one`` of Open edX was sent to Canvas, and the answer was lost."""
        first = look(wanted, replica(OPENEDX), STRATEGIES["manual"], 1, "one")
        self.wanted, self.openedx = first.wanted, first.replica
        return sending(replica("canvas"), to_write(first.wanted, replica("canvas")))

    def test_it_is_not_taken_for_an_edit_of_the_site(self, canvas):
        done = look(self.wanted, canvas, STRATEGIES["manual"], 5, "one")
        assert done.wanted == self.wanted
        assert done.replica.vector == canvas.vector
        assert to_write(done.wanted, done.replica) == {}

    @pytest.mark.parametrize("name", sorted(STRATEGIES))
    def test_a_later_edit_in_open_edx_does_not_lose_to_it(self, canvas, name):
        second = look(self.wanted, self.openedx, STRATEGIES[name], 3, "two")
        done = look(second.wanted, canvas, STRATEGIES[name], 5, "one")
        assert done.wanted.sides["display_name"].value == "two"
        assert done.decisions == {}
        assert to_write(done.wanted, done.replica).keys() == {"display_name"}

    def test_what_a_person_made_of_it_is_an_edit(self, canvas):
        done = look(self.wanted, canvas, STRATEGIES["manual"], 5, "other")
        assert done.replica.conflicts.keys() == {"display_name"}
        assert done.replica.sent == {}

    def test_if_it_has_not_arrived_the_same_value_is_an_edit_later(self, canvas):
        waiting = look(self.wanted, canvas, STRATEGIES["manual"], 5, "old").replica
        assert waiting.sent == {}
        assert look(self.wanted, waiting, STRATEGIES["manual"], 6, "one").replica.vector["canvas"] == 1

    def test_an_answer_ends_it(self, canvas):
        assert written(self.wanted, canvas, canvas.sent, {**OLD, "display_name": "one"}).sent == {}


class TestWhatIsNoEdit:
    def test_a_value_that_is_the_same_in_our_terms(self, wanted):
        remote = {**OLD, "display_name": "<p>old</p>"}
        done = found(wanted, replica("canvas"), remote, STRATEGIES["manual"], 5, lambda _name, text: text.strip("</p>"))
        assert done.wanted == wanted
        assert done.replica == attrs.evolve(replica("canvas"), base=remote)

    def test_a_field_that_the_replica_has_no_place_for(self, wanted):
        for value in (1, 2):
            done = found(wanted, replica("canvas"), {**OLD, "weight": value}, STRATEGIES["manual"], 5)
            assert done == Found(wanted, replica("canvas"))


@pytest.mark.parametrize("site", [OPENEDX, "canvas"])
@pytest.mark.parametrize(
    ("take", "value", "kind"),
    [(Take.OPENEDX, "openedx", OPENEDX), (Take.REMOTE, "canvas", "canvas"), (Take.BASE, "old", None)],
)
def test_a_person_takes_the_value_of_a_site_wherever_the_conflict_was_found(wanted, site, take, value, kind):
    manual = STRATEGIES["manual"]
    other = "canvas" if site == OPENEDX else OPENEDX
    first = look(wanted, replica(other), manual, 1, other)
    second = look(first.wanted, replica(site), manual, 2, site)
    decided, after = resolve(second.wanted, second.replica, "display_name", take, clock=0)
    side = decided.sides["display_name"]
    assert side.value == value
    assert kind is None or (side.kind, side.stamp.site) == (kind, kind)
    assert side.stamp > second.replica.known["display_name"].stamp
    assert side.stamp > second.wanted.sides["display_name"].stamp
    assert after.conflicts == {}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_a_draft_that_open_edx_stored_in_another_way_is_no_edit(wanted, name):
    """An author published what came from Canvas. Open edX has removed a space at its end."""
    strategy = STRATEGIES[name]
    wanted = look(wanted, replica("canvas"), strategy, 1, "new ").wanted
    proposed = to_write(wanted, replica(OPENEDX))
    openedx = sending(replica(OPENEDX), proposed, read_back={**OLD, "display_name": "new"})
    done = look(wanted, openedx, strategy, 2, "new")
    assert done.wanted == wanted
    assert to_write(done.wanted, done.replica) == {}
    published = {field: side.value for field, side in done.replica.known.items()}
    assert to_write(done.wanted, replica("discourse"), published) == proposed


def test_a_value_that_was_rejected_and_that_an_author_writes_all_the_same_is_an_edit(wanted):
    manual = STRATEGIES["manual"]
    wanted = look(wanted, replica("canvas"), manual, 1, "new").wanted
    openedx = sending(replica(OPENEDX), to_write(wanted, replica(OPENEDX)), {**OLD, "display_name": "new"})
    wanted = reject(wanted, openedx, "display_name", 2)
    done = look(wanted, openedx, manual, 3, "new")
    assert done.wanted.sides["display_name"] == Side("new", Stamp(3, OPENEDX), OPENEDX)


class TestOneStep:
    MANUAL = STRATEGIES["manual"]

    def test_an_edit_is_later_than_what_the_site_had(self, wanted):
        """The clock of our server was set back."""
        later = {name: Side("old", Stamp(9, OPENEDX), OPENEDX) for name in FIELDS}
        done = look(wanted, attrs.evolve(replica("canvas"), known=later), self.MANUAL, 3, "new")
        assert done.replica.known["display_name"].stamp == Stamp(10, "canvas")
        assert done.replica.known["due"].stamp == Stamp(9, OPENEDX)

    def test_the_time_that_a_site_says_counts(self, wanted):
        remote = {**OLD, "display_name": "new"}
        done = found(wanted, replica("canvas"), remote, self.MANUAL, clock=9, changed_at=4)
        assert done.wanted.sides["display_name"].stamp == Stamp(4, "canvas")

    def test_what_is_wanted_is_in_our_terms(self, wanted):
        remote = {**OLD, "display_name": "new"}
        done = found(wanted, replica("canvas"), remote, self.MANUAL, 1, lambda _name, text: text.upper())
        assert done.wanted.sides["display_name"].value == "NEW"
        assert done.replica.base == remote

    def test_a_target_gets_what_open_edx_has(self, wanted):
        wanted = look(wanted, replica("canvas"), self.MANUAL, 1, "new").wanted
        assert to_write(wanted, replica("discourse"), OLD) == {}
        assert to_write(wanted, replica("discourse"), {**OLD, "display_name": "new"}).keys() == {"display_name"}

    def test_an_answer_counts_for_what_was_sent(self, wanted):
        wanted = look(wanted, replica(OPENEDX), self.MANUAL, 1, "new ").wanted
        sent = to_write(wanted, replica("canvas"))
        after = written(wanted, replica("canvas"), sent, {"display_name": "new", "due": "edited meanwhile"})
        assert after.base == {"display_name": "new", "due": "old"}
        assert after.known == wanted.sides
        assert after.vector == wanted.vector

    def test_a_value_that_two_sites_made_has_the_later_stamp(self, wanted):
        one = look(wanted, replica(OPENEDX), self.MANUAL, 1, "new")
        assert look(one.wanted, replica("canvas"), self.MANUAL, 5, "new").wanted.sides["display_name"].stamp == Stamp(
            5, "canvas"
        )

    def test_a_rejection_is_later_than_what_was_rejected(self, wanted):
        done = look(wanted, replica("canvas"), self.MANUAL, 5, "new").wanted
        rejected = reject(done, replica(OPENEDX), "display_name", clock=1)
        assert rejected.sides["display_name"] == Side("old", Stamp(6, OPENEDX), OPENEDX)
        assert rejected.vector == done.vector.raised(OPENEDX)


class TestAnOpenConflict:
    @pytest.fixture
    def canvas(self, wanted):
        """The title is ``one`` in Open edX and ``two`` in Canvas, and a person is asked."""
        self.wanted = look(wanted, replica(OPENEDX), STRATEGIES["manual"], 1, "one").wanted
        done = look(self.wanted, replica("canvas"), STRATEGIES["manual"], 2, "two")
        assert done.wanted.sides == self.wanted.sides
        assert to_write(done.wanted, done.replica) == {}
        return done.replica

    def test_it_ends_when_the_site_has_the_last_common_value_again(self, canvas):
        done = look(self.wanted, canvas, STRATEGIES["manual"], 3, "old")
        assert done.replica.conflicts == {}
        assert to_write(done.wanted, done.replica)["display_name"].value == "one"

    def test_it_keeps_the_last_common_value(self, canvas):
        conflict = look(self.wanted, canvas, STRATEGIES["manual"], 3, "three").replica.conflicts["display_name"]
        assert (conflict.base, conflict.ours.value, conflict.theirs.value) == ("old", "one", "three")

    def test_it_ends_when_both_sides_have_the_same_value(self, canvas):
        same = look(self.wanted, replica("discourse"), STRATEGIES["merge_prefer_discourse"], 3, "two").wanted
        assert reviewed(same, canvas).conflicts == {}
        other = look(self.wanted, replica("discourse"), STRATEGIES["merge_prefer_discourse"], 3, "three").wanted
        assert reviewed(other, canvas).conflicts["display_name"].ours.value == "three"
