"""Version vectors: which versions of an entity a site knows of. Pure: no Django, no I/O.

A *site* is a system in which entities can be changed: Open edX, or one two-way target, by its name. A vector counts the
changes of each site. Source: Parker et al., "Detection of Mutual Inconsistency in Distributed Systems", IEEE TSE 9(3),
1983.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs


class Relation(StrEnum):
    """How one vector relates to another."""

    IDENTICAL = "identical"
    BEFORE = "before"
    AFTER = "after"
    CONCURRENT = "concurrent"


def _counted(counters: Mapping[str, int]) -> Mapping[str, int]:
    """Leave out the zeros: a missing counter is 0. Raises ValueError if a counter is negative."""
    if any(count < 0 for count in counters.values()):
        raise ValueError("a counter of a version vector cannot be negative")
    return {site: counters[site] for site in sorted(counters) if counters[site]}


@attrs.frozen
class VersionVector:
    """The number of changes of each site, by its name. Two vectors are equal if they count the same.

    A vector is never shortened. A name that was removed and given to another system would make old and new changes
    look the same, so the name of a site is never used again.
    """

    counters: Mapping[str, int] = attrs.field(factory=dict, converter=_counted)

    def __getitem__(self, site: str) -> int:
        return self.counters.get(site, 0)

    def __hash__(self) -> int:
        return hash(tuple(self.counters.items()))

    def __le__(self, other: VersionVector) -> bool:
        """Tell whether the other vector knows every change that this one knows."""
        return all(count <= other[site] for site, count in self.counters.items())

    def relation_to(self, other: VersionVector) -> Relation:
        """Return how this vector relates to the other: ``BEFORE`` means that the other knows more."""
        if self == other:
            return Relation.IDENTICAL
        if self <= other:
            return Relation.BEFORE
        return Relation.AFTER if other <= self else Relation.CONCURRENT

    def join(self, other: VersionVector) -> VersionVector:
        """Return the smallest vector that knows every change of both."""
        sites = self.counters.keys() | other.counters.keys()
        return VersionVector({site: max(self[site], other[site]) for site in sites})

    def raised(self, site: str) -> VersionVector:
        """Return the vector after one more change of a site."""
        return VersionVector({**self.counters, site: self[site] + 1})
