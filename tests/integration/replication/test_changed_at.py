"""``prefer_most_recent`` dates an edit by the time that the site says, if that is between the two last looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from course_sync_plugin import api
from course_sync_plugin.data import Entity
from course_sync_plugin.models import Conflict, DatabaseNow, Link
from course_sync_plugin.replication.outbound.changed_at import changed_at
from tests.integration.replication.canvas_course import deliver, objects_of
from tests.integration.replication.test_canvas_back import poll

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
UNIT = Entity("u", "unit", "vertical", None, {})


def asked(said: datetime | None, polled: datetime | None = NOW - timedelta(minutes=10)) -> int | None:
    site = SimpleNamespace(changed_at=lambda entity, fields: said)
    carry = SimpleNamespace(site=site, link=SimpleNamespace(polled_at=polled), clock=lambda: milliseconds(NOW))
    return changed_at(carry, UNIT, {"display_name": "a"}, {"display_name": "b"})


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.mark.parametrize("minutes", [1, 9])
def test_a_time_between_the_looks_counts(minutes):
    said = NOW - timedelta(minutes=minutes)
    assert asked(said) == milliseconds(said)
    assert asked(said, (NOW - timedelta(minutes=10)).replace(tzinfo=None)) == milliseconds(said)


@pytest.mark.story(44)
@pytest.mark.parametrize("said", [NOW + timedelta(hours=1), NOW - timedelta(hours=1), None])
def test_a_clock_that_is_wrong_by_an_hour_counts_for_nothing(said):
    assert asked(said) is None


def test_before_the_first_look_no_time_counts():
    assert asked(NOW - timedelta(minutes=1), None) is None


@pytest.mark.django_db
@pytest.mark.parametrize(("minutes", "taken"), [(-30, "openedx"), (-90, "remote"), (60, "remote")])
def test_the_later_edit_is_taken_though_it_was_found_at_the_same_look(canvas, there, author, filled, minutes, taken):
    """A teacher edits, half an hour later an author; one delivery finds both. A wrong clock leaves it as it was."""
    link = Link.objects.get()
    link.target.options = {**link.target.options, "conflict_strategy": "prefer_most_recent"}
    link.target.save()
    poll()
    Link.objects.update(polled_at=DatabaseNow(-3600))
    page = objects_of("s0.a1", "vertical")["page"]
    canvas.teacher.edit_page(there.id, page, title="Theirs")
    there.pages[page].revised_at = datetime.now(UTC) + timedelta(minutes=minutes)
    author.set("s0.a1", display_name="Ours")
    author.publish()
    deliver()
    conflict = Conflict.objects.get()
    assert (conflict.openedx, conflict.remote, conflict.taken) == ("Ours", "Theirs", taken)


def known_due() -> list:
    return Link.objects.get().replicas.get(entity_id__endswith="s0.b").known["due"]


@pytest.mark.django_db
def test_dates_of_an_assignment(canvas, there, filled):
    """The time counts, but the edit is later than what the site had seen."""
    poll()
    Link.objects.update(polled_at=DatabaseNow(-3600))
    seen = known_due()[1]
    assignment = objects_of("s0.b", "sequential")["assignment"]
    canvas.teacher.edit_assignment(there.id, assignment, due_at="2026-04-01T10:00:00Z")
    there.assignments[assignment].updated_at = said = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    poll()
    assert known_due()[1] == max(milliseconds(said), seen + 1)
    assert api.proposals()[0]["value"] == "2026-04-01T10:00:00Z"
