"""The laws of a merge by field, for each strategy, over small domains of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.ledger.causal_time import Stamp
from course_sync_plugin.replication.merge.fields import MergedFields, Reason, merge_fields
from course_sync_plugin.replication.strategies.base import Choice, Conflict, Side, Strategy
from course_sync_plugin.replication.strategies.registry import conflict_strategies
from tests.unit.replication.sides import ENTITY, FIELDS, STRATEGIES, bases, sides, strategies

Fields = dict[str, Side]


def merge(base: Mapping[str, Any], ours: Fields, theirs: Fields, strategy: Strategy) -> MergedFields:
    return merge_fields(ENTITY, base, ours, theirs, strategy)


def result(base: Mapping[str, Any], ours: Fields, theirs: Fields, strategy: Strategy) -> dict[str, Any]:
    """Return the values after the merge, as our side has them."""
    return {name: side.value for name, side in ours.items()} | merge(base, ours, theirs, strategy).chosen(Choice.THEIRS)


def changed(base: Mapping[str, Any], side: Fields) -> set[str]:
    return {name for name in FIELDS if side[name].value != base[name]}


@given(bases, sides(), strategies)
def test_equal_sides_leave_nothing_to_decide(base, both, strategy):
    assert merge(base, both, both, strategy).decisions == {}


@given(bases, sides(), sides(), strategies)
def test_what_only_one_side_changed_is_taken(base, ours, theirs, strategy):
    here, there = changed(base, ours), changed(base, theirs)
    found = merge(base, ours, theirs, strategy).decisions
    for name, decision in found.items():
        if decision.reason is Reason.ONE_SIDE:
            assert decision.choice is (Choice.OURS if name in here else Choice.THEIRS)
            assert name in here ^ there
        if decision.reason is Reason.STRATEGY:
            assert name in here & there
    if not strategy.whole_entity or not any(name in found for name in here & there):
        assert all(found[name].reason is Reason.ONE_SIDE for name in here ^ there)


@given(bases, sides(), sides(), strategies)
def test_values_come_from_the_three_and_untouched_fields_stay(base, ours, theirs, strategy):
    values = result(base, ours, theirs, strategy)
    for name, value in values.items():
        assert value in (ours[name].value, theirs[name].value)
    for name in set(FIELDS) - changed(base, ours) - changed(base, theirs):
        assert values[name] == base[name]


@given(bases, sides(), sides(), strategies)
def test_no_edit_is_lost_in_silence(base, ours, theirs, strategy):
    """Each edit is in the result, or all three values are kept."""
    merged = merge(base, ours, theirs, strategy)
    values = result(base, ours, theirs, strategy)
    kept = {decision.conflict.field for decision in merged.kept()}
    for side in (ours, theirs):
        for name in changed(base, side):
            assert side[name].value == values[name] or name in kept


@given(bases, sides(), sides(), strategies)
def test_it_settles_in_one_round(base, ours, theirs, strategy):
    """When both sides have the result, and it is the new base, there is nothing to do."""
    merged = merge(base, ours, theirs, strategy)
    if Choice.ASK in {decision.choice for decision in merged.decisions.values()}:
        return
    both = {name: theirs[name] if name in merged.chosen(Choice.THEIRS) else ours[name] for name in FIELDS}
    assert {name: side.value for name, side in both.items()} == result(base, ours, theirs, strategy)
    assert merge({name: side.value for name, side in both.items()}, both, both, strategy).decisions == {}


@given(bases, sides(), sides())
def test_manual_writes_nothing_where_both_changed(base, ours, theirs):
    merged = merge(base, ours, theirs, STRATEGIES["manual"])
    both = {name for name in changed(base, ours) & changed(base, theirs) if name in merged.decisions}
    assert {one.conflict.field for one in merged.kept()} == both
    assert not both & (merged.chosen(Choice.OURS).keys() | merged.chosen(Choice.THEIRS).keys())


@given(
    bases, sides(("openedx",)), sides(("canvas", "discourse")), st.sampled_from(sorted(STRATEGIES.keys() - {"manual"}))
)
def test_it_does_not_matter_which_side_is_called_ours(base, ours, theirs, name):
    """Strategies name sites, not sides."""
    strategy = STRATEGIES[name]
    assert result(base, ours, theirs, strategy) == result(base, theirs, ours, strategy)


@given(bases, sides(("canvas",)), sides(("discourse",)), sides(("openedx",)))
def test_the_most_recent_does_not_depend_on_the_order_of_the_sites(base, one, two, three):
    strategy = STRATEGIES["prefer_most_recent"]
    assert result(base, _both(base, one, two, strategy), three, strategy) == result(
        base, one, _both(base, two, three, strategy), strategy
    )


def _both(base, ours: Fields, theirs: Fields, strategy: Strategy) -> Fields:
    """Merge two sides; each value keeps the stamp of the site that made it."""
    taken = merge(base, ours, theirs, strategy).chosen(Choice.THEIRS)
    newer = {name: max(ours[name], theirs[name], key=lambda side: side.stamp) for name in FIELDS}
    return {
        name: theirs[name] if name in taken else newer[name] if ours[name].value == theirs[name].value else ours[name]
        for name in FIELDS
    }


def side(value: str | None, kind: str, milliseconds: int = 0) -> Side:
    return Side(value, Stamp(milliseconds, kind), kind)


@pytest.mark.parametrize(
    ("strategy", "ours", "theirs", "taken"),
    [
        ("prefer_openedx", side("a", "openedx"), side("b", "canvas"), "ours"),
        ("prefer_openedx", side("a", "canvas"), side("b", "discourse", 1), "theirs"),
        ("merge_prefer_canvas", side("a", "openedx"), side("b", "canvas"), "theirs"),
        ("merge_prefer_canvas", side("a", "canvas"), side("b", "discourse"), "ours"),
        ("merge_prefer_canvas", side("a", "openedx"), side("b", "discourse", 1), "ours"),
        ("prefer_discourse", side("a", "openedx", 1), side("b", "discourse"), "theirs"),
        ("prefer_most_recent", side("a", "openedx", 1), side("b", "discourse"), "ours"),
        ("prefer_most_recent", side("a", "openedx"), side("b", "discourse", 1), "theirs"),
        ("prefer_most_recent", side("a", "openedx"), side("b", "discourse"), "ours"),
        ("prefer_most_recent", side("a", "canvas"), side("b", "discourse"), "theirs"),
        ("prefer_most_recent", side("a", "canvas"), side("b", "canvas"), "ours"),
        ("manual", side("a", "openedx"), side("b", "discourse", 1), "ask"),
    ],
)
def test_strategies(strategy, ours, theirs, taken):
    assert conflict_strategies.get(strategy).choose(Conflict(*ENTITY, "display_name", "o", ours, theirs)) == taken


def test_prefer_takes_the_whole_entity_and_merge_prefer_single_fields():
    base = {"display_name": "o", "due": "o"}
    ours = {"display_name": side("a", "openedx"), "due": side("o", "openedx")}
    theirs = {"display_name": side("b", "canvas"), "due": side("b", "canvas")}
    assert result(base, ours, theirs, STRATEGIES["prefer_openedx"]) == {"display_name": "a", "due": "o"}
    assert result(base, ours, theirs, STRATEGIES["merge_prefer_openedx"]) == {"display_name": "a", "due": "b"}
    kept = {one.conflict.field: one.reason for one in merge(base, ours, theirs, STRATEGIES["prefer_openedx"]).kept()}
    assert kept == {"display_name": Reason.STRATEGY, "due": Reason.WHOLE_ENTITY}


def test_all_eight_are_registered():
    assert conflict_strategies.names() == sorted(STRATEGIES)
    assert all(conflict_strategies.get(name) is strategy for name, strategy in STRATEGIES.items())
