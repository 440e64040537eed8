"""Between two requests for one envelope the lease is renewed in time, and a process or sync that stops is heard."""

from __future__ import annotations

import pytest
from waffle.testutils import override_switch

from course_sync_plugin.exceptions import Interrupted
from course_sync_plugin.lanes.claim import claim_lane
from course_sync_plugin.lanes.deliver import RENEWALS, LaneTurn
from course_sync_plugin.models import DatabaseNow, Lane, leases
from course_sync_plugin.toggles import STOPPED
from tests.integration.one_lane import publish, the_lane

pytestmark = pytest.mark.django_db


@pytest.fixture
def turn(shelf, receiver) -> LaneTurn:
    """A turn whose lease ends soon."""
    publish(shelf, "1")
    claimed = LaneTurn(claim_lane(the_lane().pk), 20)
    Lane.objects.update(lease_until=DatabaseNow(1))
    return claimed


def lease_ends_in() -> float:
    lane = Lane.objects.annotate(now=DatabaseNow()).get()
    return (lane.lease_until - lane.now).total_seconds()


def wait(turn: LaneTurn, seconds: float) -> None:
    """Let the turn have renewed its lease so many seconds ago."""
    turn._renewed_at = turn.began - seconds


def test_it_is_renewed_once_when_a_part_of_it_has_passed(turn, settings):
    settings.COURSE_SYNC_LEASE_SECONDS = 300
    wait(turn, 300 / RENEWALS + 0.1)
    turn._renew_in_time()
    assert lease_ends_in() == pytest.approx(300, abs=2)
    Lane.objects.update(lease_until=DatabaseNow(1))
    turn._renew_in_time()
    assert lease_ends_in() <= 1


def test_it_is_not_renewed_before(turn, settings):
    settings.COURSE_SYNC_LEASE_SECONDS = 300
    wait(turn, 300 / RENEWALS - 30)
    turn._renew_in_time()
    assert lease_ends_in() <= 1


def test_a_lease_that_another_worker_took_is_noticed(turn):
    wait(turn, 10_000)
    Lane.objects.update(lease_token="theirs")
    with pytest.raises(leases.LeaseLost):
        turn._renew_in_time()


def test_a_process_that_ends_sends_no_more(turn):
    turn.end()
    with pytest.raises(Interrupted, match=r"^The process is ending; the rest of the message is sent later\.$"):
        turn._renew_in_time()


def test_a_stop_of_the_sync_is_heard_when_the_lease_would_be_renewed(turn):
    with override_switch(STOPPED.name, active=True):
        turn._renew_in_time()
        wait(turn, 10_000)
        with pytest.raises(
            Interrupted, match=r"^The sync is stopped; the rest of the message is sent when it goes on\.$"
        ):
            turn._renew_in_time()
