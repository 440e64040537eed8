"""The budget of requests of a target, which all its workers share."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.models import RateBudget, Target
from course_sync_plugin.replication.outbound.budget import SharedBudget, budget_row
from course_sync_plugin.secrets import encrypt
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


class TestTargetsOfOneSite:
    """Canvas counts the requests of each access token, Discourse those of all administrators of a forum."""

    @staticmethod
    def target(name: str, url: str, token: str, backend: str = "canvas") -> Target:
        return Target.objects.create(name=name, backend=backend, url=url, token=encrypt(token))

    @pytest.mark.parametrize(
        ("url", "token", "per_token", "is_shared"),
        [
            ("https://school.example.org", "one", True, True),
            ("https://SCHOOL.example.org:443/", "one", True, True),
            ("https://school.example.org", "other", True, False),
            ("https://school.example.org", "other", False, True),
            ("https://other.example.org", "one", True, False),
            ("https://school.example.org:8443", "one", False, False),
            ("https://school.example.org/folder", "one", False, False),
        ],
    )
    def test_they_share_a_budget_where_the_site_counts_them_as_one(self, db, url, token, per_token, is_shared):
        first = self.target("first", "https://school.example.org", "one")
        second = self.target("second", url, token)
        rate = Rate(full=600, per_second=1, floor=0, per_token=per_token)
        assert budget_row(first, rate) == first.pk
        assert budget_row(second, rate) == (first if is_shared else second).pk

    def test_another_kind_of_target_does_not_share_it(self, db):
        self.target("first", "https://school.example.org", "one")
        second = self.target("second", "https://school.example.org", "one", backend="discourse")
        assert budget_row(second, RATE) == second.pk

    def test_a_token_that_cannot_be_decrypted_is_nobody_elses(self, db):
        Target.objects.create(name="first", backend="canvas", url="https://school.example.org", token="lost")
        second = self.target("second", "https://school.example.org", "one")
        assert budget_row(second, Rate(600, 1, 0, per_token=True)) == second.pk

    def test_what_one_uses_the_other_has_not(self, db):
        targets = [self.target(name, "https://school.example.org", "one") for name in ("first", "second")]
        budgets = [SharedBudget(budget_row(one, RATE), RATE) for one in targets]
        take_all(budgets[0])
        with pytest.raises(Interrupted):
            budgets[1].take(50)
