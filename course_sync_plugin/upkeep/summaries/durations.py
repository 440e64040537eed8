"""A histogram of durations with fixed buckets, so that those of several days can be added. Pure: no database.

The upper bound of each bucket is a quarter of an octave (19 %) above the one before it. A quantile is the middle of its
bucket, so it differs from the exact value by 9.1 % at most. A duration below one millisecond counts as one, a duration
above a day as a day.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate

import attrs

#: The lower bound of the first bucket in seconds, and the number of buckets in an octave (a factor of two).
SMALLEST, PER_OCTAVE = 0.001, 4
#: The last bucket: it holds a day, twice the longest request.
LAST = 105


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration in seconds."""
    if not seconds > SMALLEST:
        return 0
    return min(LAST, int(PER_OCTAVE * math.log2(min(seconds, 1e9) / SMALLEST)))


def middle_of(bucket: int) -> float:
    """Return the middle of a bucket in seconds: its bounds differ from it by the same factor."""
    return float(SMALLEST * 2 ** ((bucket + 0.5) / PER_OCTAVE))


@attrs.frozen
class Durations:
    """How many durations fell into each bucket."""

    counts: Mapping[int, int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Durations:
        """Return the histogram of durations in seconds."""
        return cls(Counter(map(bucket_of, seconds)))

    @classmethod
    def from_json(cls, stored: Mapping[str, int]) -> Durations:
        """Return the histogram that :meth:`as_json` has stored."""
        return cls({int(bucket): count for bucket, count in stored.items()})

    def as_json(self) -> dict[str, int]:
        """Return the histogram as a JSON object: the counts by bucket, without the empty buckets."""
        return {str(bucket): count for bucket, count in sorted(self.counts.items())}

    def __add__(self, other: Durations) -> Durations:
        """Return the histogram of all durations of both."""
        return Durations(Counter(self.counts) + Counter(other.counts))

    @property
    def total(self) -> int:
        """Return the number of durations."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> float | None:
        """Return the seconds that ``share`` (0 to 1) of the durations do not exceed; None if there are none.

        It differs from the exact value by 9.1 % at most.
        """
        buckets = sorted(self.counts)
        rank = max(1, math.ceil(share * self.total))
        reached = zip(buckets, accumulate(self.counts[bucket] for bucket in buckets))
        return next((middle_of(bucket) for bucket, count in reached if count >= rank), None)
