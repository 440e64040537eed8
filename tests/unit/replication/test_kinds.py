"""An entity is always in a parent that can hold it, whatever the sites make of the tree and in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.replication.merge.kinds import depth, fits, misfits, nearest
from course_sync_plugin.replication.merge.places import KnownPlaces, WantedPlaces, found_places, with_right_depths
from course_sync_plugin.replication.merge.strays import fitting_place, with_fitting_parents
from course_sync_plugin.replication.merge.tree import Places, merge_places
from course_sync_plugin.replication.merge.tree_edits import is_tree, without
from course_sync_plugin.replication.strategies.base import OPENEDX
from tests.unit.replication.sides import ROOT, STRATEGIES
from tests.unit.replication.test_three_trees import ThreeTrees, names

#: Sections, subsections and units.
LEVELS = ("ABC", "abcd", "tuvwxyz")
RIGHT = Places(ROOT, {ROOT: "ABC", "A": "abcd", "a": "tuvwxyz"})
MANUAL = STRATEGIES["manual"]


def tree(root: str, **children: str) -> Places:
    return Places(ROOT, {ROOT: list(root), **{parent: list(below) for parent, below in children.items()}})


@st.composite
def courses(draw: st.DrawFn) -> Places:
    """Return a course: some of the entities, each in a parent that can hold it."""
    children: dict[str, list[str]] = {}
    above: list[str] = [ROOT]
    for level in LEVELS:
        chosen = draw(st.permutations(sorted(draw(st.sets(st.sampled_from(level))))))
        chosen = chosen if above else []
        for entity in chosen:
            children.setdefault(draw(st.sampled_from(above)), []).append(entity)
        above = chosen
    return Places(ROOT, children)


def are_right(places: Places) -> bool:
    return all(depth(places, one) == depth(RIGHT, one) for one in places.parents)


@given(courses(), courses(), courses(), st.sets(st.sampled_from("".join(LEVELS))))
def test_a_merge_puts_everything_into_a_parent_that_can_hold_it(base, one, two, wins):
    raw = merge_places(base, one, two, wins)
    merged = with_fitting_parents(raw, RIGHT, (one, two, base))
    assert is_tree(merged)
    assert are_right(merged)
    for left_out in raw.parents.keys() - merged.parents.keys():
        able = {other for other in merged.parents if depth(RIGHT, other) == depth(RIGHT, left_out) - 1}
        assert able == set(), "there is a parent for it"


@given(courses(), courses(), courses())
def test_what_fits_stays_as_it_was_merged(base, one, two):
    merged = merge_places(base, one, two)
    if are_right(merged):
        assert with_fitting_parents(merged, RIGHT, (one, two, base)) == merged


@given(courses(), st.data())
def test_the_nearest_parent_can_hold_it(course, data):
    if not course.parents:
        return
    entity = data.draw(st.sampled_from(sorted(course.parents)))
    parent = data.draw(st.sampled_from([ROOT, *sorted(course.parents)]))
    found = nearest(course, entity, parent)
    assert found is None or fits(course, entity, found)
    if fits(course, entity, parent):
        assert found == parent
    try:
        place = fitting_place(course, entity, (parent, None))
    except ValueError:
        assert found is None
    else:
        assert place == (found, None)


class TestStrays:
    BASE = tree("AB", A="ab", B="cd", a="tu", c="v", d="w")

    def look(self, remote: Places, known: KnownPlaces | None = None, wanted: Places | None = None, strategy=MANUAL):
        known = known or KnownPlaces("canvas#1", "canvas", self.BASE)
        done = found_places(WantedPlaces(wanted or self.BASE), known, remote, strategy, 1, keeps_depth=True)
        assert are_right(done.wanted.places)
        return done

    def test_a_unit_in_a_section_goes_to_the_nearest_subsection(self):
        done = self.look(tree("AB", A="ab", B="ucd", a="t", c="v", d="w"))
        assert (done.wanted.places.parents["u"], done.wanted.places.before["u"]) == ("c", None)
        assert done.wanted.moved["u"] == ("canvas", Stamp(1, "canvas#1"))
        assert (done.lost, done.known.conflicts, done.known.counts_to) == ({}, {}, {"u": "c"})

    def test_several_keep_their_order(self):
        done = self.look(tree("AB", A="ab", B="utcd", c="v", d="w"))
        assert done.wanted.places.children["c"] == ["u", "t", "v"]

    def test_a_unit_in_the_course(self):
        done = self.look(tree("ABu", A="ab", B="cd", a="t", c="v", d="w"))
        assert done.wanted.places.parents["u"] == "a"

    def test_a_subsection_below_a_unit(self):
        done = self.look(tree("AB", A="a", B="cd", a="tu", c="v", d="w", v="b"))
        assert done.wanted.places.parents["b"] == "B"

    def test_nothing_holds_it(self):
        base = tree("AC", A="a", a="tu")
        known = KnownPlaces("canvas#1", "canvas", base)
        for name, strategy in STRATEGIES.items():
            done = self.look(tree("AC", A="a", C="u", a="t"), known, base, strategy)
            conflict = done.known.conflicts["u"]
            assert (conflict.base, conflict.ours.value, conflict.theirs.value) == (("a", "t"), ("a", "t"), ("C", None))
            assert done.wanted.places.parents["u"] == "a", name

    def test_later_it_is_moved_to_what_can_hold_it(self):
        base = tree("AC", A="ab", a="tu", b="v")
        known = KnownPlaces("canvas#1", "canvas", base)
        asked = self.look(tree("AC", A="ab", C="u", a="t", b="v"), known, base)
        done = self.look(tree("AC", A="ab", a="t", b="vu"), asked.known, asked.wanted.places)
        assert (done.wanted.places.parents["u"], done.known.conflicts, done.lost) == ("b", {}, {})

    def test_both_sides_moved_it(self):
        ours = tree("AB", A="ab", B="cd", a="t", b="u", c="v", d="w")
        remote = tree("AB", A="ab", B="ucd", a="t", c="v", d="w")
        asked = self.look(remote, wanted=ours)
        assert asked.known.conflicts["u"].theirs.value == ("B", None)
        taken = self.look(remote, wanted=ours, strategy=STRATEGIES["merge_prefer_canvas"])
        assert taken.wanted.places.parents["u"] == "c"
        left = self.look(remote, wanted=ours, strategy=STRATEGIES["merge_prefer_openedx"])
        assert (left.wanted.places.parents["u"], left.lost.keys()) == ("b", {"u"})

    def test_what_its_subsection_has_left_behind_stays_in_it(self):
        remote = tree("AB", A="abt", B="cd", c="v", d="w")
        known = KnownPlaces("canvas#1", "canvas", tree("AB", A="b", B="cd", c="v", d="w"))
        done = self.look(remote, known)
        assert done.wanted.places.parents["t"] == "a"

    @pytest.mark.parametrize("parent", ["A", ROOT])
    def test_what_an_earlier_release_wanted_is_where_open_edx_has_it(self, parent):
        children = {one: [child for child in below if child != "u"] for one, below in self.BASE.children.items()}
        wrong = Places(ROOT, {**children, parent: [*children[parent], "u"]})
        healed = with_right_depths(WantedPlaces(wrong), self.BASE)
        assert healed.places.parents["u"] == "a"
        assert with_right_depths(WantedPlaces(self.BASE), self.BASE).places is self.BASE


class ThreeCourses(ThreeTrees):
    """Authors move everything to parents of the same kind. People at the other sites move anything anywhere."""

    @rule(name=names, data=st.data())
    def move(self, name, data):
        entities = sorted(self.sites[name].parents)
        if not entities:
            return
        entity = data.draw(st.sampled_from(entities))
        rest = without(self.sites[name], [entity])
        parents = [ROOT, *sorted(rest.parents)]
        if name == OPENEDX:
            parents = [one for one in parents if fits(self.sites[name], entity, one)]
        parent = data.draw(st.sampled_from(parents))
        index = data.draw(st.integers(0, len(rest.children.get(parent, ()))))
        self._replace(name, self._with(rest, name, entity, parent, index))

    def _look(self, name, tree):
        return found_places(self.wanted, self.known[name], tree, self.strategy, self.clock, keeps_depth=True)

    def _elsewhere(self, name, wanted, tree):
        """It counts to another parent there: the nearest one, or the one that it was in and that is gone."""
        parents, counts_to = self.wanted.places.parents, self.known[name].counts_to
        return {one for one in misfits(wanted, tree, tree.parents) if counts_to.get(one, "") == parents.get(one)}

    @invariant()
    def what_is_wanted_is_possible(self):
        if hasattr(self, "wanted"):
            course = self.known[OPENEDX].places
            assert misfits(course, self.wanted.places, self.wanted.places.parents) == set()
            assert misfits(self.wanted.places, course, course.parents) == set()


ThreeCourses.TestCase.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)
TestThreeCourses = ThreeCourses.TestCase
