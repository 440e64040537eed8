"""The trees of several sites, case by case: deletions, lost answers, open conflicts, damaged trees, and large ones."""

from __future__ import annotations

import attrs
import pytest

from course_sync_plugin.ledger.causal_time import Stamp
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
from course_sync_plugin.replication.strategies.base import OPENEDX
from tests.unit.replication.sides import ROOT, STRATEGIES

MANUAL = STRATEGIES["manual"]


def tree(root: str, **children: str) -> Places:
    return Places(ROOT, {ROOT: list(root), **{parent: list(found) for parent, found in children.items()}})


def plain(places: Places) -> dict[str, str]:
    return {parent: "".join(found) for parent, found in places.children.items() if found}


def known(kind: str, places: Places) -> KnownPlaces:
    return KnownPlaces(kind, kind, places)


def look(wanted, at, places, strategy=MANUAL, clock=1):
    done = found_places(wanted, at, places, strategy, clock)
    return done.wanted, done.known


def test_a_move_of_what_was_deleted_in_open_edx_is_said():
    base = tree("ab", a="c")
    wanted, _ = look(WantedPlaces(base), known(OPENEDX, base), tree("ab"))
    done = found_places(wanted, known("canvas", base), tree("ab", b="c"), MANUAL, 2)
    assert plain(done.wanted.places) == {ROOT: "ab"}
    assert done.lost["c"].theirs.value == ("b", None)
    assert done.lost["c"].ours.value is None


class TestWhatWasSentAndNotAnswered:
    BASE = tree("xyz", x="u")

    @pytest.fixture
    def canvas(self):
        """Open edX moved ``u`` below ``y`` and created ``n``. Both was sent to Canvas, and the answer was lost."""
        self.wanted, self.openedx = look(
            WantedPlaces(self.BASE), known(OPENEDX, self.BASE), tree("xyzn", y="u"), clock=1
        )
        return sending_places(known("canvas", self.BASE), tree("xyzn", y="u"))

    def test_it_is_not_taken_for_a_move_at_the_site(self, canvas):
        done = found_places(self.wanted, canvas, tree("xyzn", y="u"), MANUAL, 5)
        assert done.wanted == self.wanted

    @pytest.mark.parametrize("name", sorted(STRATEGIES))
    def test_a_later_move_in_open_edx_does_not_lose_to_it(self, canvas, name):
        wanted, _ = look(self.wanted, self.openedx, tree("xyzn", z="u"), clock=3)
        done = found_places(wanted, canvas, tree("xyzn", y="u"), STRATEGIES[name], 5)
        assert plain(done.wanted.places) == {ROOT: "xyzn", "z": "u"}
        assert done.lost == {}

    def test_a_person_moved_what_we_had_created(self, canvas):
        done = found_places(self.wanted, canvas, tree("xyz", y="u", z="n"), MANUAL, 5)
        assert plain(done.wanted.places) == {ROOT: "xyz", "y": "u", "z": "n"}

    def test_a_person_moved_what_we_had_created_with_what_is_below_it(self):
        base, created, now = tree("a"), tree("ab", b="e"), tree("a", a="b", b="e")
        canvas = sending_places(known("canvas", base), created)
        assert found_places(WantedPlaces(created), canvas, now, MANUAL, 5).wanted.places.parents == now.parents
        deleted = WantedPlaces(base)  # meanwhile, in Open edX
        assert found_places(deleted, canvas, now, MANUAL, 5).wanted.places.parents == base.parents

    def test_a_part_of_it_arrived(self, canvas):
        done = found_places(self.wanted, canvas, tree("xyzn", x="u"), MANUAL, 5)
        assert done.wanted.places.parents == self.wanted.places.parents
        assert done.lost == {}

    def test_where_a_person_put_it_among_its_new_siblings_does_not_matter(self):
        base, sent = tree("xy", x="u", y="v"), tree("xy", y="vu")
        wanted, _ = look(WantedPlaces(base), known(OPENEDX, base), sent)
        done = found_places(wanted, sending_places(known("canvas", base), sent), tree("xy", y="uv"), MANUAL, 5)
        assert done.wanted.moved == wanted.moved

    def test_another_order_of_siblings_is_an_edit(self):
        base, sent = tree("abc"), tree("bca")
        wanted, _ = look(WantedPlaces(base), known(OPENEDX, base), sent)
        done = found_places(wanted, sending_places(known("canvas", base), sent), tree("bac"), MANUAL, 5)
        assert done.wanted.moved.keys() == {"a", "b"}

    def test_an_answer_ends_it(self, canvas):
        assert written_places(self.wanted, canvas, self.BASE).sent is None


class TestAnOpenConflict:
    BASE = tree("abcd", a="u")

    @pytest.fixture
    def canvas(self):
        """Open edX moved ``u`` below ``b``, and Canvas below ``c``."""
        self.wanted, self.openedx = look(WantedPlaces(self.BASE), known(OPENEDX, self.BASE), tree("abcd", b="u"))
        self.wanted, canvas = look(self.wanted, known("canvas", self.BASE), tree("abcd", c="u"), clock=2)
        assert canvas.conflicts.keys() == {"u"}
        return canvas

    def test_it_has_the_place_that_the_site_has_now(self, canvas):
        _, canvas = look(self.wanted, canvas, tree("abcd", d="u"), clock=3)
        conflict = canvas.conflicts["u"]
        assert [one[0] for one in (conflict.base, conflict.ours.value, conflict.theirs.value)] == ["a", "b", "d"]

    def test_the_entity_stays_where_the_site_has_it(self, canvas):
        assert plain(to_write_places(self.wanted, canvas, self.openedx.places)) == {ROOT: "abcd", "c": "u"}

    def test_it_stays_open_when_something_else_is_moved(self, canvas):
        assert look(self.wanted, canvas, tree("bcda", c="u"), clock=3)[1].conflicts.keys() == {"u"}

    def test_it_has_the_place_that_is_wanted_now(self, canvas):
        wanted, _ = look(self.wanted, self.openedx, tree("abcd", d="u"), clock=3)
        assert reviewed_places(wanted, canvas).conflicts["u"].ours.value == ("d", None)

    def test_it_ends_when_both_moved_it_to_the_same_place(self, canvas):
        wanted, _ = look(self.wanted, self.openedx, tree("abcd", c="u"), clock=3)
        assert reviewed_places(wanted, canvas).conflicts == {}

    def test_it_ends_when_open_edx_deletes_the_entity(self, canvas):
        wanted, openedx = look(self.wanted, self.openedx, tree("abcd"), clock=3)
        assert plain(to_write_places(wanted, canvas, openedx.places)) == {ROOT: "abcd"}
        assert reviewed_places(wanted, canvas).conflicts == {}

    def test_it_ends_when_the_strategy_has_been_changed_and_decides(self, canvas):
        strategy = STRATEGIES["merge_prefer_openedx"]
        wanted, canvas = look(self.wanted, canvas, tree("abcd", d="u"), strategy, clock=3)
        assert canvas.conflicts == {}
        assert plain(wanted.places) == {ROOT: "abcd", "b": "u"}


def test_a_move_that_two_sites_made_has_the_later_of_their_stamps():
    base, both = tree("ab", a="u"), tree("ab", b="u")
    wanted, _ = look(WantedPlaces(base), known(OPENEDX, base), both, clock=9)
    wanted, _ = look(wanted, known("canvas", base), both, clock=5)
    assert wanted.moved["u"] == (OPENEDX, Stamp(9, OPENEDX))


def test_a_move_that_both_sides_made_is_not_lost():
    base, both = tree("ab", a="u"), tree("ab", b="u")
    wanted, _ = look(WantedPlaces(base), known(OPENEDX, base), both)
    assert found_places(wanted, known("canvas", base), both, MANUAL, 2).lost == {}


def test_what_both_sides_deleted_is_not_said():
    base = tree("ab")
    wanted, _ = look(WantedPlaces(base), known(OPENEDX, base), tree("a"))
    assert found_places(wanted, known("canvas", base), tree("a"), MANUAL, 2).deleted == frozenset()
    assert found_places(WantedPlaces(base), known("canvas", base), tree("a"), MANUAL, 2).deleted == {"b"}


def test_a_rejected_move_is_put_back_with_those_in_its_way():
    published, wanted = tree("a", a="b"), WantedPlaces(tree("b", b="a"))
    assert plain(put_back(wanted, published, "b", 1).places) == plain(published)
    assert put_back(wanted, published, "b", 1).moved.keys() == {"a", "b"}


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(tree("ab", a="cc"), id="twice below one parent"),
        pytest.param(tree("ab", a="c", b="c"), id="two parents"),
        pytest.param(tree("b", a="c", c="a"), id="a circle"),
        pytest.param(tree("ab", a="bc", b="a"), id="a circle below the course"),
        pytest.param(tree("ab", x="c"), id="an orphan"),
        pytest.param(attrs.evolve(tree("ab", a="c"), root="other"), id="another root"),
    ],
)
def test_a_tree_that_is_none_is_refused(damaged):
    base = tree("ab", a="c")
    with pytest.raises(ValueError, match="is not a tree"):
        found_places(WantedPlaces(base), known("canvas", base), damaged, MANUAL, 1)


class TestSiblings:
    BASE = tree("abcd")

    def test_a_move_among_siblings_is_taken(self):
        done = found_places(WantedPlaces(self.BASE), known("canvas", self.BASE), tree("bcda"), MANUAL, 2)
        assert plain(done.wanted.places) == {ROOT: "bcda"}
        assert done.wanted.moved == {"a": ("canvas", Stamp(2, "canvas"))}

    def test_both_sides_moved_one(self):
        wanted, _ = look(WantedPlaces(self.BASE), known(OPENEDX, self.BASE), tree("bcda"))
        done = found_places(wanted, known("canvas", self.BASE), tree("bcad"), MANUAL, 2)
        assert done.lost["a"].theirs.value == (ROOT, "c")
        assert done.known.conflicts.keys() == {"a"}
        assert done.wanted == wanted

    def test_a_move_that_waits_for_an_author_is_not_undone(self):
        wanted, canvas = look(WantedPlaces(self.BASE), known("canvas", self.BASE), tree("bcda"))
        assert plain(to_write_places(wanted, canvas, self.BASE)) == {ROOT: "bcda"}


class TestStamps:
    BASE = tree("abc", a="u")

    def test_a_move_is_later_than_those_that_the_site_knows(self):
        """The clock of our server was set back."""
        wanted, _ = look(WantedPlaces(self.BASE), known(OPENEDX, self.BASE), tree("abc", b="u"), clock=9)
        canvas = written_places(wanted, known("canvas", self.BASE), wanted.places)
        wanted, _ = look(wanted, canvas, tree("abc", c="u"), clock=3)
        assert wanted.moved["u"] == ("canvas", Stamp(10, "canvas"))

    def test_a_rejection_is_later_than_what_was_rejected(self):
        wanted, _ = look(WantedPlaces(self.BASE), known("canvas", self.BASE), tree("abc", b="u"), clock=9)
        assert put_back(wanted, self.BASE, "u", clock=3).moved["u"] == (OPENEDX, Stamp(10, OPENEDX))

    def test_a_move_that_lost_did_not_move_the_entity(self):
        wanted, _ = look(WantedPlaces(self.BASE), known(OPENEDX, self.BASE), tree("abc", b="u"))
        strategy = STRATEGIES["merge_prefer_openedx"]
        assert look(wanted, known("canvas", self.BASE), tree("abc", c="u"), strategy, 2)[0].moved == wanted.moved


class TestASiteThatMakesSomethingElseOfATree:
    BASE = tree("abc")

    @pytest.fixture
    def forum(self):
        """Open edX moved ``c``. The forum got that, and sorts by name."""
        self.published = tree("cab")
        self.wanted, _ = look(WantedPlaces(self.BASE), known(OPENEDX, self.BASE), self.published)
        forum = sending_places(known("discourse", self.BASE), self.published)
        return written_places(self.wanted, forum, self.BASE)

    def test_it_does_not_get_the_tree_again(self, forum):
        _, forum = look(self.wanted, forum, self.BASE, clock=2)
        assert not must_write(forum, to_write_places(self.wanted, forum, self.published))

    def test_it_gets_another_tree(self, forum):
        assert must_write(forum, tree("cba"))

    def test_it_gets_the_tree_again_when_something_was_moved_there(self, forum):
        wanted, forum = look(self.wanted, forum, tree("bca"), STRATEGIES["merge_prefer_openedx"], 2)
        assert must_write(forum, to_write_places(wanted, forum, self.published))
