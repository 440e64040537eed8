"""When counterparts are looked at: from time to time, after a notice, and when an operator asks."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import TransientError
from course_sync_plugin.models import DatabaseNow, InboundEvent, Link, Target
from course_sync_plugin.targets.inbound.contract import Inbound, Notice
from tests.integration.courses import COURSE
from tests.integration.replication.memory_site import MemorySite, MemoryTarget

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(linked, far) -> Link:
    api.deliver_until_empty()
    far.calls.clear()
    return linked


def run_command(*arguments: str) -> tuple[int, list[dict]]:
    """Run a subcommand; return its exit status and its JSON."""
    out = StringIO()
    status = 0
    try:
        call_command("course_sync", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, json.loads(out.getvalue())


def due(link: Link) -> bool:
    return Link.objects.filter(pk=link.pk, poll_at__lte=DatabaseNow()).exists()


def wait_in_seconds(link: Link) -> float:
    link.refresh_from_db()
    now = Link.objects.annotate(now=DatabaseNow()).values_list("now", flat=True)[0]
    return (link.poll_at - now).total_seconds()


def test_the_first_look_is_planned_when_the_course_was_delivered(filled):
    assert api.poll_due() == 0
    assert 290 < wait_in_seconds(filled) < 340


def test_a_link_that_was_not_filled_is_not_looked_at(linked):
    assert api.poll_due() == 0
    linked.refresh_from_db()
    assert linked.poll_at is None


def test_a_counterpart_that_nobody_changes_is_looked_at_less_often(filled, far):
    waits = []
    for quiet in (0, 11, 143, 1000):
        Link.objects.update(poll_at=DatabaseNow(-1), quiet_polls=quiet)
        assert api.poll_due() == 1
        waits.append(wait_in_seconds(filled) / 300)
    assert [0.99 < wait / usual < 1.11 for wait, usual in zip(waits, (1, 2, 12, 12))] == [True] * 4
    far.things["1"].title = "Renamed there"
    Link.objects.update(poll_at=DatabaseNow(-1))
    assert api.poll_due() == 1
    assert 0.99 < wait_in_seconds(filled) / 300 < 1.11


def test_the_option_poll_seconds(filled):
    Target.objects.update(options={"poll_seconds": 60})
    Link.objects.update(poll_at=DatabaseNow(-1))
    assert api.poll_due() == 1
    assert 55 < wait_in_seconds(filled) < 67


@pytest.fixture
def with_notices(monkeypatch):
    def read(body: bytes, event: str) -> tuple[Notice, ...]:
        return (Notice("module", body.decode(), "", event),)

    monkeypatch.setattr(MemoryTarget, "inbound", Inbound((), read))


@pytest.mark.parametrize(("body", "is_due"), [(b"7", True), (b"1", True), (b"999", False)])
def test_a_notice_makes_the_counterpart_due(filled, with_notices, monkeypatch, body, is_due):
    monkeypatch.setattr(MemorySite, "begin", lambda site: pytest.fail("it was looked at") if not is_due else None)
    InboundEvent.put(filled.target_id, body)
    assert api.poll_due() == is_due
    event = InboundEvent.objects.get()
    assert (event.taken_at is not None, event.digest) == (True, None)
    assert api.poll_due() == 0


def test_a_target_that_is_paused_stores_and_does_not_act(filled, with_notices):
    api.pause("crm")
    InboundEvent.put(filled.target_id, b"7")
    assert api.poll_due() == 0
    assert InboundEvent.objects.get().taken_at is None
    api.resume("crm")
    assert api.poll_due() == 1


def test_a_target_that_does_not_answer(filled, monkeypatch):
    def silent(site: MemorySite) -> None:
        raise TransientError("It is down.")

    monkeypatch.setattr(MemorySite, "begin", silent)
    Link.objects.update(poll_at=DatabaseNow(-1))
    assert api.poll_due() == 0
    assert not due(filled)
    assert 55 < wait_in_seconds(filled) < 67
    (polled,) = api.poll_now()
    assert polled.error == "It is down."


def test_the_commands(filled, far, settings):
    far.things["1"].title = "There"
    assert run_command("poll", "crm", "--json")[1][0]["edited"] == 1
    (proposal,) = run_command("proposals", "--json")[1]
    assert (proposal["course_id"], proposal["value"], proposal["state"]) == (COURSE, "There", "open")
    number = str(proposal["id"])
    (plan,) = run_command("reject", number, "--json")[1]
    assert (plan["value"], plan["instead_of"]) == ("section-0", "There")
    status, (done,) = run_command("reject", number, "--yes", "--token", plan["token"], "--json")
    assert (status, done["error"]) == (0, "")
    assert run_command("proposals", "--json")[1] == []
    api.deliver_until_empty()
    assert far.titles("module")[0] == "section-0"
    assert run_command("conflicts", "--json")[1] == []
    assert run_command("links", "--json")[1][0]["state"] == "in step"
