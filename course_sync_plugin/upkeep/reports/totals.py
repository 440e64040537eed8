"""Adds daily summaries: those of a day over all targets, or those of a target over several days. Pure: no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import add
from typing import TypeVar

import attrs

from course_sync_plugin.upkeep.summaries.durations import Durations
from course_sync_plugin.upkeep.summaries.store import Summary

Key = TypeVar("Key")


@attrs.frozen
class Totals:
    """The numbers of some summaries.

    ``recorded``: the operations that were recorded for targets. ``carried_out``: those that targets carried out.
    """

    attempts: int = 0
    answered: int = 0
    refused: int = 0
    unanswered: int = 0
    recorded: int = 0
    carried_out: int = 0
    durations: Durations = attrs.field(factory=Durations)

    @classmethod
    def of(cls, summaries: Iterable[Summary]) -> Totals:
        """Return the totals of these summaries."""
        rows = list(summaries)
        requests, types = [one for one in rows if not one.entity_type], [one for one in rows if one.entity_type]
        return cls(
            attempts=sum(one.attempts for one in requests),
            answered=sum(one.answered for one in requests),
            refused=sum(one.refused for one in requests),
            unanswered=sum(one.unanswered for one in requests),
            recorded=sum(one.operations for one in types),
            carried_out=sum(one.operations - one.failed for one in requests),
            durations=reduce(add, (one.durations for one in requests), Durations()),
        )


def totals_by(key_of: Callable[[Summary], Key], summaries: Iterable[Summary]) -> Mapping[Key, Totals]:
    """Return the totals of the summaries that have the same key."""
    found = defaultdict(list)
    for one in summaries:
        found[key_of(one)].append(one)
    return {key: Totals.of(rows) for key, rows in found.items()}
