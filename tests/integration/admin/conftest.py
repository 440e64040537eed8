"""A site on which each table that has pages has a row."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.models import (
    CatalogRecord,
    CatalogRun,
    CatalogSyncConfiguration,
    Conflict,
    DailySummary,
    DatabaseNow,
    Envelope,
    HeldRun,
    Lane,
    LedgerReplica,
    Link,
    Notice,
    NotificationChannel,
    NotificationRule,
    Proposal,
    Target,
    digest_of,
)
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.admin.helpers import TABLES
from tests.integration.courses import COURSE, a_course, block, recorded
from tests.integration.one_lane import publish, renamed

OTHER = "course-v1:Org+Course+Other"


@pytest.fixture
def site(shelf, receiver):
    """A problem in one lane, an open envelope in another, and rows of all other tables."""
    publish(shelf, "1")
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no <b>room</b>"))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    receiver.faults.append(Refuse(503, times=None))
    shelf.publish(a_course("2", course=OTHER, titles=renamed("unit-0-0")))
    api.sync_course(OTHER)
    api.deliver_due()
    receiver.faults.clear()
    with api.acting("someone", "because"):
        api.exclude("crm", block("vertical", "unit-1-1"))
    _other_rows()
    assert [model for model in TABLES if not model._default_manager.exists()] == []
    assert Envelope.objects.count() == 1
    return receiver


def _other_rows() -> None:
    channel = NotificationChannel.objects.create(name="log", kind="log")
    rule = NotificationRule.objects.create(event="first_problem", channel=channel)
    Notice.objects.create(
        rule=rule, subject=COURSE, subject_digest="x", open_since=DatabaseNow(), first_since=DatabaseNow()
    )
    HeldRun.objects.create(
        course=recorded(), published_version="2", deletes=1, of=9, set_digest="x", since=DatabaseNow()
    )
    link = Link.objects.create(
        target=Target.objects.get(), course=recorded(), remote_id="7", remote_digest="x", remote_title="Bees",
        remote_url="https://far.example.org/7", seed="openedx", created_at=DatabaseNow(),
    )  # fmt: skip
    LedgerReplica.objects.create(link=link, entity_id=COURSE, id_digest="x", entity_type="course")
    values = {"entity_id": COURSE, "id_digest": "x", "entity_type": "course", "field": "start", "since": DatabaseNow()}
    Conflict.objects.create(link=link, course=recorded(), state="open", **values)
    Proposal.objects.create(link=link, course=recorded(), state="open", **values)
    DailySummary.objects.create(day="2026-11-27", target_name="crm")
    CatalogSyncConfiguration.objects.create(page_size=7)
    CatalogSyncConfiguration.objects.create(page_size=8)
    CatalogRun.objects.create(began_at=DatabaseNow())
    CatalogRecord.objects.create(
        key=COURSE, key_digest=digest_of(COURSE), seen_at=DatabaseNow(), changed_at=DatabaseNow(), run_number=1
    )


@pytest.fixture
def lane(site) -> Lane:
    return Lane.objects.get(course__key=COURSE)
