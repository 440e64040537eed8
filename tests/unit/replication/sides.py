"""Hypothesis strategies for the sides of a merge: fields with stamps, orders of siblings, trees."""

from __future__ import annotations

from hypothesis import strategies as st

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.replication.merge.tree import Places
from course_sync_plugin.replication.strategies import prefer
from course_sync_plugin.replication.strategies.base import Side

KINDS = ("openedx", "canvas", "discourse")
ENTITY = ("unit", "block-v1:Org+Course+Run+type@vertical+block@u")
FIELDS = ("display_name", "due")
ROOT = "course"

STRATEGIES = {
    name: getattr(prefer, name)
    for name in (
        *("prefer_openedx", "prefer_canvas", "prefer_discourse", "prefer_most_recent"),
        *("merge_prefer_openedx", "merge_prefer_canvas", "merge_prefer_discourse", "manual"),
    )
}

values = st.sampled_from([None, "a", "b"])
bases = st.fixed_dictionaries(dict.fromkeys(FIELDS, values))
strategies = st.sampled_from(sorted(STRATEGIES)).map(STRATEGIES.__getitem__)


def stamps(kind: str) -> st.SearchStrategy[Stamp]:
    """Return stamps of the site of a kind; it has the kind's name."""
    return st.builds(Stamp, st.integers(0, 3), st.just(kind))


def sides(kinds: tuple[str, ...] = KINDS) -> st.SearchStrategy[dict[str, Side]]:
    """Return all the fields of one side, made by sites of these kinds."""
    one = st.sampled_from(kinds).flatmap(lambda kind: st.builds(Side, values, stamps(kind), st.just(kind)))
    return st.fixed_dictionaries(dict.fromkeys(FIELDS, one))


@st.composite
def orders(draw: st.DrawFn, base: tuple[str, ...] = tuple("abcde"), new: tuple[str, ...] = ("x", "y")) -> list[str]:
    """Return an order of some of the siblings in ``base``, with some new ones."""
    chosen = draw(st.sets(st.sampled_from(base))) | draw(st.sets(st.sampled_from(new)))
    return draw(st.permutations(sorted(chosen)))


def places(entities: tuple[str, ...]) -> st.SearchStrategy[Places]:
    """Return a tree with some of these entities below ``ROOT``, in any shape."""
    return st.sets(st.sampled_from(entities)).flatmap(lambda chosen: st.permutations(sorted(chosen))).flatmap(_shaped)


@st.composite
def _shaped(draw: st.DrawFn, order: list[str]) -> Places:
    """Give each entity a parent before it in ``order``; so there is no circle."""
    children: dict[str, list[str]] = {}
    for at, entity in enumerate(order):
        parent = draw(st.sampled_from([ROOT, *order[:at]]))
        children.setdefault(parent, []).append(entity)
    return Places(ROOT, children)
