"""Merges the fields of one entity, field by field. Only where both sides changed a field does the strategy decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import attrs

from course_sync_plugin.replication.strategies.base import Choice, Conflict, Side, Strategy


class Reason(StrEnum):
    """Why a side was taken."""

    ONE_SIDE = "only one side changed"
    STRATEGY = "the strategy"
    WHOLE_ENTITY = "the strategy took the whole entity from one side"
    DELETED = "Open edX has deleted the entity"


@attrs.frozen
class Decision:
    """What became of a field that differs between the sides. ``conflict`` has all three values."""

    conflict: Conflict
    choice: Choice
    reason: Reason

    @property
    def value(self) -> Any:
        """Return the value that both sides should have; while a person is asked, that of our side."""
        return (self.conflict.theirs if self.choice is Choice.THEIRS else self.conflict.ours).value

    @property
    def is_kept(self) -> bool:
        """Tell whether an edit lost or waits for a person. It is kept, and can be taken after all."""
        return self.reason is not Reason.ONE_SIDE


@attrs.frozen
class MergedFields:
    """The decisions about the fields that differ, by their names. About the others there is nothing to decide."""

    decisions: Mapping[str, Decision]

    def chosen(self, choice: Choice) -> dict[str, Any]:
        """Return the values that were taken from one side: theirs are new for us, ours are to be written there."""
        return {name: one.value for name, one in self.decisions.items() if one.choice is choice}

    def kept(self) -> list[Decision]:
        """Return the decisions about fields that both sides changed, or of which an edit lost."""
        return [decision for decision in self.decisions.values() if decision.is_kept]


def merge_fields(
    entity: tuple[str, str],
    base: Mapping[str, Any],
    ours: Mapping[str, Side],
    theirs: Mapping[str, Side],
    strategy: Strategy,
) -> MergedFields:
    """Merge two sets of fields that both came from ``base``.

    ``entity``: its type and its id. ``base``: the values that both sides last had in common. ``ours`` and ``theirs``
    have a side for the same names; a field that is not set has a side with the value None.
    """
    differing = [name for name in sorted(ours) if ours[name].value != theirs[name].value]
    pairs = {name: Conflict(*entity, name, base.get(name), ours[name], theirs[name]) for name in differing}
    decisions = {name: _decide(pair, strategy) for name, pair in pairs.items()}
    return MergedFields(_whole(decisions) if strategy.whole_entity else decisions)


def _decide(pair: Conflict, strategy: Strategy) -> Decision:
    if pair.theirs.value == pair.base:
        return Decision(pair, Choice.OURS, Reason.ONE_SIDE)
    if pair.ours.value == pair.base:
        return Decision(pair, Choice.THEIRS, Reason.ONE_SIDE)
    return Decision(pair, strategy.choose(pair), Reason.STRATEGY)


def _whole(decisions: Mapping[str, Decision]) -> dict[str, Decision]:
    """Take every field from the side that the strategy chose. If it chose both, each field stays as it was decided."""
    chosen = _choices(decisions.values())
    if len(chosen) != 1:
        return dict(decisions)
    (choice,) = chosen
    return {name: one if one.choice is choice else _with_the_entity(one, choice) for name, one in decisions.items()}


def _choices(decisions: Iterable[Decision]) -> set[Choice]:
    return {one.choice for one in decisions if one.reason is Reason.STRATEGY}


def _with_the_entity(decision: Decision, choice: Choice) -> Decision:
    return attrs.evolve(decision, choice=choice, reason=Reason.WHOLE_ENTITY)
