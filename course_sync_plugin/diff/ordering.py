"""Finds the fewest siblings that must move to change one order into another."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def longest_increasing_run(positions: Sequence[int]) -> list[int]:
    """Return the indices into ``positions`` of one longest strictly increasing subsequence, ascending.

    Patience sorting with back pointers, O(n log n).
    """
    tails: list[int] = []  # smallest last value of an increasing run of each length
    tail_at: list[int] = []  # index of that value
    before: list[int] = []  # index of the predecessor of each element
    for at, position in enumerate(positions):
        length = bisect_left(tails, position)
        before.append(tail_at[length - 1] if length else -1)
        if length == len(tails):
            tails.append(position)
            tail_at.append(at)
        else:
            tails[length] = position
            tail_at[length] = at
    run = []
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        run.append(at)
        at = before[at]
    return run[::-1]


def moved_siblings(old: Sequence[str], new: Sequence[str]) -> set[str]:
    """Return the smallest set of siblings that must move to turn ``old`` into ``new``, of those that are in both."""
    old_at = {child: at for at, child in enumerate(old)}
    common = [child for child in new if child in old_at]
    positions = [old_at[child] for child in common]
    if all(left < right for left, right in zip(positions, positions[1:])):
        return set()
    staying = {common[at] for at in longest_increasing_run(positions)}
    return {child for child in common if child not in staying}
