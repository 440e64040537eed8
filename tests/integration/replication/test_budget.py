"""The budget of requests of a target, which all its workers share."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.models import RateBudget
from course_sync_plugin.replication.outbound.budget import SharedBudget
from course_sync_plugin.targets.two_way.site import Rate

pytestmark = pytest.mark.django_db

RATE = Rate(full=600, per_second=0.001, floor=100)


def budget_of(linked) -> SharedBudget:
    return SharedBudget(linked.target_id, RATE)


def take_all(budget: SharedBudget) -> None:
    for _ in range(10):
        budget.take(50)


def test_what_is_used_up_is_waited_for(linked):
    take_all(budget_of(linked))
    with pytest.raises(Interrupted) as error:
        budget_of(linked).take(50)
    assert error.value.retry_after > 1000


def test_the_other_system_says_how_much_remains(linked):
    """A request holds more units than it costs in the end, and other programs use the same token."""
    budget = budget_of(linked)
    for _ in range(50):
        budget.take(50)
        budget.told(599)
    budget.told(120)
    assert RateBudget.objects.get().remaining == 120
    with pytest.raises(Interrupted):
        budget_of(linked).take(50)


def test_small_differences_are_not_stored(linked):
    budget = budget_of(linked)
    budget.take(1)
    budget.told(590)
    assert RateBudget.objects.get().remaining == 599
