"""Absurd numbers in the database or in answers of other systems stop only their own target, with a clear error."""

from __future__ import annotations

import json
import math

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.lanes.retry import JITTER
from course_sync_plugin.models import CatalogRun, CatalogSyncConfiguration, DatabaseNow, Lane, Target
from course_sync_plugin.sanitize import limits
from course_sync_plugin.testing.catalog_server import Answer, MadeUpRuns
from course_sync_plugin.testing.faults import Refuse
from course_sync_plugin.testing.receiver import Receiver
from tests.integration.catalogs import run
from tests.integration.courses import COURSE, a_course, check_due_time

pytestmark = pytest.mark.django_db

#: Values that an older version accepted, or that were written directly into the database.
STORED = [
    {"retry_schedule": [1e12]},
    {"retry_schedule": [10**400]},
    {"retry_schedule": 5},
    {"retry_schedule": None},
    {"requires_context": 5},
    {"requires_context": [5]},
    {"on_course_deleted": "perhaps"},
    {"no_such_option": 1},
]


@pytest.fixture
def others(receiver):
    """Add a second target that is correct, beside the wrong one."""
    with Receiver() as running:
        api.add_target("other", url=running.url, secret=running.secret)
        yield running


@pytest.mark.parametrize("options", STORED, ids=json.dumps)
def test_a_target_with_wrong_options_stands_still_alone(shelf, receiver, others, options):
    Target.objects.filter(name="crm").update(options=options)
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    receiver.faults.append(Refuse(503))
    api.deliver_until_empty()
    assert len(others.replica(COURSE).structure()) == 11
    assert receiver.messages == []
    states = {lane["target"]: (lane["state"], lane["error"]) for lane in api.status()["courses"][0]["lanes"]}
    state, error = states["crm"]
    assert states["other"] == ("in step", "")
    assert state == "failing"
    assert next(iter(options)) in error
    assert "option" in error
    assert "remove-target" in error
    for command in ("status", "targets", "deliver", "sweep", "sync"):
        call_command("course_sync", command)
    with pytest.raises(ConfigurationError, match="option"):
        api.test_target("crm")
    with pytest.raises(ConfigurationError, match="option"):
        api.set_context(COURSE, "crm", ["a=b"])


def test_a_schedule_that_no_check_has_seen(shelf, receiver, settings):
    """A Celery worker starts even if the system checks report errors."""
    settings.COURSE_SYNC_RETRY_SCHEDULE = [1e300, 10**400, float("inf"), float("nan")]
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    for attempts in (1, 2, 3, 4):
        receiver.faults.append(Refuse(503))
        api.deliver_due()
        lane = Lane.objects.annotate(now=DatabaseNow()).get()
        assert lane.attempts == attempts
        assert limits.RETRY_WAIT.most * 0.99 < (lane.due_at - lane.now).total_seconds() < limits.RETRY_WAIT.most * 1.21
        Lane.objects.update(due_at=DatabaseNow())


def test_a_lane_that_is_due_when_nobody_lives_is_due_now(shelf, receiver):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    Lane.objects.update(due_at="9999-12-31T00:00:00Z")
    assert api.deliver_due().lanes == 0
    assert api.sweep().lanes == 1
    assert api.deliver_due().lanes == 1


def test_the_longest_wait_that_is_allowed_is_waited_for(shelf, receiver):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    Lane.objects.update(due_at=DatabaseNow(limits.RETRY_WAIT.most * 1.2))
    assert api.sweep().lanes == 0


@pytest.mark.parametrize(
    "count", ["1" * 400, "1e400", "-1", "true", '"7"', "10000001", "NaN"], ids=lambda text: text[:9]
)
def test_a_catalog_that_counts_absurdly(catalog, count):
    catalog.runs = MadeUpRuns(30)

    def page(asked):
        answer = catalog._page(asked.query)
        return Answer(body=answer.body.replace(b'"count": 30', f'"count": {count}'.encode()))

    catalog.fault = page
    assert run("--page-size", "20")["counts"]["retrieved"] == 30
    assert CatalogRun.objects.get().counts["unseen"] == 0


@pytest.mark.parametrize("wait", ["9" * 400, f"Sun, 01 Mar 2026 12:00:00 +{'9' * 400}"], ids=["seconds", "date"])
def test_a_catalog_that_asks_for_any_wait(catalog, wait):
    CatalogSyncConfiguration.objects.create(wait_budget=1)
    catalog.fault = lambda asked: Answer(429, headers={"Retry-After": wait})
    assert "throttling" in run(expect=1)["error"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("read_timeout", 1e300), ("connect_timeout", 1e12), ("read_timeout", 0), ("page_size", 2**31 - 1)],
)
def test_a_catalog_configuration_from_elsewhere(catalog, column, value):
    CatalogSyncConfiguration.objects.create(**{column: value})
    assert "Catalog configurations" in run(expect=1)["error"]
    assert "Catalog configurations" in run("--check", expect=1)


LONGEST = [limits.RETRY_WAIT.most * (1 + JITTER), limits.RETRY_AFTER.most, limits.MOMENT.most, -limits.MOMENT.most]


@pytest.mark.parametrize("seconds", [*LONGEST, 1e12, -1e12, math.inf, math.nan], ids=str)
def test_the_longest_wait_is_kept_as_a_due_time(seconds):
    """This tests SQLite; tests/services/test_databases.py has the same test for the other databases."""
    check_due_time(seconds)
