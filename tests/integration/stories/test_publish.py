"""Failures of others at the publish, from the signal to the journal."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Task
from django.core.management import call_command
from django.db import transaction
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api, tasks
from course_sync_plugin.catalog.counts import RunCounts
from course_sync_plugin.data import Structure
from course_sync_plugin.models import DatabaseNow, Entity, Marker, Run
from course_sync_plugin.sanitize.limits import DAY
from course_sync_plugin.signals.handlers import on_course_published
from course_sync_plugin.sync.course import Outcome
from tests.integration.courses import COURSE, Shelf, a_course, approve, recorded
from tests.integration.one_lane import publish, renamed
from tests.integration.signals.test_waker import broker

pytestmark = pytest.mark.django_db(transaction=True)

KEY = CourseKey.from_string(COURSE)

#: Redis delivers a message again that a worker has held for longer: the default of its visibility timeout, in seconds.
VISIBILITY_TIMEOUT = 3600


@pytest.fixture
def long_quiet(settings) -> None:
    """A quiet time that is longer than the test, so that no course is quiet before the test says so."""
    settings.COURSE_SYNC_QUIET_SECONDS = 600
    settings.COURSE_SYNC_MAX_WAIT_SECONDS = 6000


def everything_is_quiet() -> None:
    Marker.objects.update(seen_at=DatabaseNow(-601))


def sweep_and_deliver() -> None:
    """Do what ``course_sync run`` does each minute. Nobody publishes anything."""
    api.sweep()
    Marker.objects.update(seen_at=DatabaseNow(-DAY))
    api.sync_marked()
    api.deliver_until_empty()


@pytest.fixture
def delivered(shelf, receiver) -> Shelf:
    """Publish, record and deliver a course."""
    publish(shelf, "v1")
    api.deliver_until_empty()
    return shelf


@pytest.fixture
def sent(monkeypatch) -> Iterator[list[tuple[str, tuple, float]]]:
    """Return a list that collects name, arguments and countdown of the tasks that this thread sends.

    The thread that wakes workers after a publish in an earlier test may still have a wake-up to send.
    """
    messages: list[tuple[str, tuple, float]] = []
    thread = threading.get_ident()

    def take(self: Task, args: tuple = (), countdown: float = 0, **options: Any) -> None:
        if threading.get_ident() == thread:
            messages.append((self.name.rpartition(".")[2], tuple(args), countdown))

    monkeypatch.setattr(Task, "apply_async", take)
    with broker("memory://"):
        yield messages


@pytest.mark.story(1)
@pytest.mark.usefixtures("long_quiet")
def test_story_01_forty_courses_published_eight_times_are_read_forty_times(shelf):
    """A worker looks after each publish."""
    names = [f"course-v1:Org+Course+Run{at}" for at in range(40)]
    for number in range(8):
        for name in names:
            shelf.publish(a_course(f"v{number}", course=name, sections=1, titles={"unit-0-0": f"Title {number}"}))
            tasks.sync_marked()
    everything_is_quiet()
    tasks.sync_marked()
    assert (shelf.reads, Run.objects.count(), Marker.objects.count()) == (40, 40, 0)
    assert {recorded(name).published_version for name in names} == {"v7"}


@pytest.mark.story(2)
@pytest.mark.usefixtures("long_quiet")
def test_story_02_an_import_of_182_signals_is_read_when_it_is_over(shelf, receiver):
    """A task runs at the first signal, and at each one after it. None of them records the course in the middle."""
    for at in range(182):
        final = shelf.publish(a_course(f"v{at}", sections=1 + at // 20, titles={"unit-0-0": f"Title {at}"}))
        tasks.sync_marked()
    assert shelf.reads == 0
    everything_is_quiet()
    tasks.sync_marked()
    api.deliver_until_empty()
    assert (shelf.reads, Run.objects.get().published_version) == (1, "v181")
    assert receiver.difference(final) == []


@pytest.mark.story(5)
def test_story_05_the_signal_comes_before_the_commit(delivered, receiver):
    """The marker is stored, and the sync starts. Only then is the new version committed."""
    new = a_course("v2", titles=renamed("unit-0-1"))
    on_course_published(None, KEY)
    assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
    assert not Marker.objects.exists()
    delivered.put(new)
    sweep_and_deliver()
    assert receiver.difference(new) == []


class StaleReads:
    """A source that knows the new version of a course, but still returns the old structure."""

    def __init__(self, shelf: Shelf, old: Structure):
        self.shelf, self.old = shelf, old

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shelf, name)

    def read(self, course_id: str) -> Structure:
        return self.old


@pytest.mark.story(29)
def test_story_29_a_duplicated_section_needs_no_further_edit(delivered, receiver):
    """The sync after the publish reads the structure from before it. The author does nothing more."""
    old = delivered.read(COURSE)
    new = delivered.publish(a_course("v2", sections=3))
    api.sync_course(COURSE, StaleReads(delivered, old))
    api.deliver_until_empty()
    assert receiver.difference(old) == []
    sweep_and_deliver()
    assert receiver.difference(new) == []


@pytest.mark.story(9)
class TestStory09:
    """A message that waits longer than the broker's visibility timeout is delivered again, and the tasks multiply."""

    @pytest.fixture(autouse=True)
    def _a_day(self, settings):
        settings.COURSE_SYNC_QUIET_SECONDS = settings.COURSE_SYNC_MAX_WAIT_SECONDS = DAY

    def test_story_09_no_message_waits_long_in_the_broker(self, shelf, sent):
        shelf.publish(a_course("v1"))
        for work in (tasks.wake_sync, tasks.sync_marked, tasks.sweep):
            work()
        assert [name for name, *_ in sent] == ["sync_marked"] * 3
        assert max(countdown for *_, countdown in sent) <= VISIBILITY_TIMEOUT / 2

    def test_story_09_short_waits_add_up_to_the_long_one(self, shelf, sent):
        shelf.publish(a_course("v1"))
        tasks.wake_sync()
        waited = 0.0
        while sent:
            _name, arguments, countdown = sent.pop()
            waited += countdown
            tasks.sync_marked(*arguments)
        assert DAY <= waited <= DAY + 2 * VISIBILITY_TIMEOUT

    def test_story_09_nor_does_that_of_the_catalog(self, sent, monkeypatch):
        """The catalog asks to be left alone for a day. Until then nobody asks it."""
        asked: list[float] = []

        def throttled(options: api.CatalogOptions) -> api.CatalogResult:
            asked.append(options.waited)
            more = len(asked) == 1
            return api.CatalogResult("running", RunCounts(), waited=DAY, later=DAY if more else 0, more=more)

        monkeypatch.setattr(api, "update_catalog_data", throttled)
        tasks.update_catalog_data()
        waited = 0.0
        while sent:
            _name, arguments, countdown = sent.pop()
            assert (countdown <= VISIBILITY_TIMEOUT / 2, asked) == (True, [0])
            waited += countdown
            tasks.update_catalog_data(*arguments)
        assert (waited, asked) == (DAY, [0, DAY])


@pytest.mark.story(11)
def test_story_11_a_queue_that_no_worker_consumes(shelf, receiver, settings, capsys):
    """The wake-up lies in the queue for ever. ``status`` says so, and ``course_sync run`` needs no queue."""
    settings.COURSE_SYNC_CELERY_QUEUE = "edx.cms.of.another.service"
    with broker("memory://") as app:
        new = shelf.publish(a_course("v1"))
        tasks.wake_sync()
        with app.connection_for_read() as connection, connection.channel() as channel:
            assert channel._size("edx.cms.of.another.service") == 1
    Marker.objects.update(seen_at=DatabaseNow(-610))
    status = api.status()
    assert (status["not_running"], status["courses_waiting"]) == (True, 1)
    call_command("course_sync", "status")
    assert "and no process takes it. Start 'course_sync run'." in capsys.readouterr().out.splitlines()[0]
    api.sync_marked()
    api.deliver_until_empty()
    assert receiver.difference(new) == []
    assert not api.status()["not_running"]


@pytest.mark.story(14)
def test_story_14_a_bad_read_that_empties_a_course(shelf, receiver):
    """One run of the source shows a course without content. What receivers have stays, until the next good run."""
    good = publish(shelf, "v1", units=15)
    api.deliver_until_empty()
    receiver.requests.clear()
    shelf.publish(a_course("v2", sections=0))
    assert api.sync_course(COURSE).outcome is Outcome.HELD
    api.deliver_until_empty()
    assert receiver.difference(good) == []
    shelf.publish(a_course("v3", units=15))
    assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
    api.deliver_until_empty()
    assert (receiver.requests, api.status()["held"]) == ([], [])


@pytest.mark.story(30)
def test_story_30_a_deleted_course_does_not_linger(delivered, receiver):
    """The course is deleted by a command that sends no signal. The sweep finds it, and a person approves the end."""
    delivered.delete()
    sweep_and_deliver()
    (held,) = api.status()["held"]
    assert (held["course_id"], held["deletes"]) == (COURSE, len(receiver.replica(COURSE).structure().entities))
    approve(COURSE)
    api.deliver_until_empty()
    assert receiver.replica(COURSE).structure().entities == {}
    assert not Entity.objects.exists()
    assert api.sweep().missed == ()


@pytest.mark.story(31)
def test_story_31_the_modulestore_keeps_what_the_database_rolled_back(delivered, receiver):
    """Django's transaction, with our marker in it, is rolled back. MongoDB has the new course."""
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        new = delivered.publish(a_course("v2", units=4))
        raise ZeroDivisionError
    assert not Marker.objects.exists()
    sweep_and_deliver()
    assert receiver.difference(new) == []
