"""Carries out planned retries in batches, throttled: after a long outage thousands of lanes must not start at once.

It can be resumed: what was retried is not ``failed`` or ``failing`` any more, so the next plans hold only the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import attrs

from course_sync_plugin.upkeep.filters import Filters
from course_sync_plugin.upkeep.retry_plans import RetryPlan, carry_out_retry
from course_sync_plugin.upkeep.throttle import rest


@attrs.frozen
class RetriedBatch:
    """The result of one batch: ``lanes`` were made due, and ``restarted`` of them were failing.

    ``operations``: the number of failed operations that will be planned again.
    """

    lanes: int
    operations: int
    restarted: int


def retry_in_batches(
    plans: Sequence[RetryPlan],
    per_batch: int,
    seconds_between: float = 0,
    stop: Callable[[], bool] = lambda: False,
    limit: int | None = None,
    chosen: Filters | None = None,
) -> Iterator[RetriedBatch]:
    """Carry out plans, ``per_batch`` lanes at a time, and yield the result of each batch.

    ``seconds_between``: the wait between two batches. ``stop`` is asked before each batch: if it returns True, no
    further one is begun. ``limit``: the most lanes in total. ``chosen``: the filters, for the record of each batch.
    """
    for at, batch in enumerate(_batches(plans, per_batch, limit)):
        if at:
            rest(seconds_between, stop)
        if stop():
            return
        retried = carry_out_retry(batch, chosen)
        yield RetriedBatch(len(batch.lanes), retried.operations, retried.restarted)


def lanes_in(plans: Sequence[RetryPlan], limit: int | None = None) -> int:
    """Return the number of lanes in these plans, at most ``limit``."""
    lanes = sum(len(plan.lanes) for plan in plans)
    return lanes if limit is None else min(lanes, limit)


def _batches(plans: Sequence[RetryPlan], per_batch: int, limit: int | None) -> Iterator[RetryPlan]:
    """Yield plans of at most ``per_batch`` lanes each, ``limit`` lanes in total."""
    left = lanes_in(plans, limit)
    for plan in plans:
        end = min(left, len(plan.lanes))
        left -= end
        problems = defaultdict(list)
        for problem in plan.problems:
            problems[problem.course_key].append(problem)
        for start in range(0, end, per_batch):
            part = slice(start, min(start + per_batch, end))
            of_part = chain.from_iterable(problems[course] for course in plan.courses[part])
            yield attrs.evolve(plan, lanes=plan.lanes[part], courses=plan.courses[part], problems=tuple(of_part))
