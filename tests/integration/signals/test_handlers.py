"""The signal receivers make one INSERT in a savepoint in the author's thread. No error of ours reaches the author."""

from __future__ import annotations

import logging
import sys
from types import ModuleType, SimpleNamespace

import pytest
from ccx_keys.locator import CCXLocator
from django.db import OperationalError, connection, transaction
from django.dispatch import Signal
from django.test.utils import CaptureQueriesContext
from opaque_keys.edx.keys import CourseKey
from opaque_keys.edx.locator import LibraryLocator

from course_sync_plugin import api
from course_sync_plugin.models import Marker
from course_sync_plugin.signals import handlers
from tests.integration.courses import COURSE, a_course, recorded

KEY = CourseKey.from_string(COURSE)


@pytest.fixture
def wakes(monkeypatch) -> list[None]:
    """Return a list that collects the requested wake-ups."""
    asked: list[None] = []
    monkeypatch.setattr(handlers, "waker", SimpleNamespace(request=lambda: asked.append(None)))
    return asked


def markers() -> list[str]:
    return list(Marker.objects.order_by("pk").values_list("course_key", flat=True))


@pytest.mark.django_db(transaction=True)
class TestWhatIsNoted:
    def test_a_publish(self, wakes):
        handlers.on_course_published(sender=object(), course_key=KEY, anything="else")
        assert (markers(), len(wakes)) == ([COURSE], 1)

    def test_a_deletion(self, wakes):
        handlers.on_course_deleted(sender=None, course_key=KEY)
        assert (markers(), len(wakes)) == ([COURSE], 1)

    @pytest.mark.story(19)
    @pytest.mark.parametrize(
        ("state", "noted"), [("succeeded", True), ("in_progress", False), ("failed", False), ("", False)]
    )
    def test_a_rerun_once_it_has_succeeded(self, wakes, state, noted):
        rerun = SimpleNamespace(state=state, course_key=KEY, source_course_key=CourseKey.from_string(COURSE + "0"))
        handlers.on_rerun_state_saved(sender=None, instance=rerun, created=False)
        assert markers() == ([COURSE] if noted else [])

    @pytest.mark.story(28)
    @pytest.mark.parametrize(
        "key",
        [
            LibraryLocator("Org", "Library"),
            CourseKey.from_string("library-v1:Org+Library"),
            CourseKey.from_string("ccx-v1:Org+Course+Run+ccx@1"),
            CCXLocator(org="Org", course="Course", run="Run", ccx="1", branch="draft-branch"),
            CourseKey.from_string("Org/Course/Run"),
            None,
            "",
            COURSE,  # a string is not a key
            pytest.param(object(), id="an object"),  # its repr differs from process to process
        ],
        ids=repr,
    )
    def test_nothing_for_what_is_no_course_run(self, wakes, key):
        handlers.on_course_published(sender=None, course_key=key)
        handlers.on_course_deleted(sender=None, course_key=key)
        assert (markers(), wakes) == ([], [])

    @pytest.mark.parametrize(
        "key", [KEY.for_branch("draft-branch"), KEY.for_version("0" * 24), KEY.for_branch("published-branch")], ids=str
    )
    def test_a_key_is_noted_without_branch_and_version(self, wakes, key):
        handlers.on_course_published(sender=None, course_key=key)
        assert markers() == [COURSE]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wakes")
class TestWhatItCosts:
    def sql(self) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            handlers.on_course_published(sender=None, course_key=KEY)
        return [query["sql"].split()[0] for query in queries]

    @pytest.mark.story(10)
    def test_one_insert_in_a_savepoint(self):
        with transaction.atomic():
            assert self.sql() == ["SAVEPOINT", "INSERT", "RELEASE"]

    def test_one_insert_in_a_transaction_of_its_own(self):
        assert self.sql() == ["BEGIN", "INSERT", "COMMIT"]


@pytest.mark.django_db(transaction=True)
class TestTheAuthorsTransaction:
    @pytest.mark.story(6)
    def test_no_wake_up_before_it_is_committed(self, wakes):
        with transaction.atomic():
            handlers.note(KEY)
            assert wakes == []
        assert len(wakes) == 1

    def test_rolled_back_nothing_was_published(self, wakes):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            handlers.note(KEY)
            raise ZeroDivisionError
        assert (markers(), wakes) == ([], [])

    def test_a_table_that_is_missing_does_not_break_it(self, wakes, caplog):
        """In a rolling deploy the new code runs before its migration."""
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE course_sync_marker RENAME TO elsewhere")
        try:
            with transaction.atomic():
                handlers.note(KEY)
                assert not connection.needs_rollback
                with connection.cursor() as cursor:
                    cursor.execute("SELECT COUNT(*) FROM elsewhere")
        finally:
            with connection.schema_editor() as editor:
                editor.execute("ALTER TABLE elsewhere RENAME TO course_sync_marker")
        assert wakes == []
        assert "the sweep will find it" in caplog.text

    def test_a_table_that_is_locked_does_not_break_it(self, wakes):
        def locked(execute, sql, params, many, context):
            if "INSERT" in sql:
                raise OperationalError("database table is locked")
            return execute(sql, params, many, context)

        with transaction.atomic():
            with connection.execute_wrapper(locked):
                handlers.note(KEY)
            Marker.put("course-v1:what+the+author")
        assert markers() == ["course-v1:what+the+author"]

    def test_nor_does_it_raise_in_one_that_is_broken_already(self, wakes):
        with transaction.atomic():
            connection.set_rollback(True)
            handlers.note(KEY)
        assert (markers(), wakes) == ([], [])

    @pytest.mark.story(28)
    def test_whatever_goes_wrong_is_not_the_authors(self, monkeypatch, wakes, caplog):
        """CCX senders do not use send_robust: an error in a receiver breaks the coach's request."""
        monkeypatch.setattr(Marker, "put", lambda course_key: 1 / 0)
        handlers.note(KEY)
        assert wakes == []
        assert "the sweep will find it" in caplog.text

    def test_a_wake_up_that_fails_is_not_the_authors(self, monkeypatch):
        monkeypatch.setattr(handlers, "waker", SimpleNamespace(request=lambda: 1 / 0))
        with transaction.atomic():
            handlers.note(KEY)
        handlers.note(KEY)
        assert markers() == [COURSE, COURSE]


@pytest.mark.django_db(transaction=True)
class TestABurst:
    """The 182 signals of one import lead to one run with the final state."""

    def test_182_signals(self, shelf, wakes, settings):
        settings.COURSE_SYNC_QUIET_SECONDS = 0
        for at in range(182):
            shelf.put(a_course(f"v{at}", units=1 + at % 7))
            handlers.on_course_published(sender=None, course_key=KEY)
        assert len(markers()) == 182
        api.sync_marked()
        assert recorded().runs.count() == 1
        assert recorded().published_version == "v181"
        assert markers() == []


class Host:
    """A fake host with some of the signals of ``xmodule.modulestore.django``."""

    def __init__(self, monkeypatch, *names: str):
        self.signals = {name: Signal() for name in names}
        module = ModuleType("xmodule.modulestore.django")
        for name, signal in self.signals.items():
            setattr(module, name, signal)
        for name in ("xmodule", "xmodule.modulestore"):
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.setitem(sys.modules, "xmodule.modulestore.django", module)


@pytest.mark.django_db(transaction=True)
class TestConnecting:
    def test_to_what_the_host_has(self, monkeypatch, wakes):
        host = Host(monkeypatch, "COURSE_PUBLISHED", "COURSE_DELETED")
        handlers.connect()
        host.signals["COURSE_PUBLISHED"].send(sender=object, course_key=KEY)
        host.signals["COURSE_DELETED"].send(sender="Command", course_key=KEY)
        assert len(markers()) == 2

    def test_twice_is_once(self, monkeypatch, wakes):
        host = Host(monkeypatch, "COURSE_PUBLISHED", "COURSE_DELETED")
        handlers.connect()
        handlers.connect()
        host.signals["COURSE_PUBLISHED"].send(sender=None, course_key=KEY)
        assert len(markers()) == 1

    def test_a_host_that_lacks_a_signal_starts(self, monkeypatch, wakes, caplog):
        host = Host(monkeypatch, "COURSE_PUBLISHED")
        handlers.connect()
        host.signals["COURSE_PUBLISHED"].send(sender=None, course_key=KEY)
        assert len(markers()) == 1
        assert "COURSE_DELETED" in caplog.text
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_without_edx_platform(self, caplog):
        caplog.set_level(logging.INFO)
        handlers.connect()
        assert "WARNING" not in {record.levelname for record in caplog.records}

    def test_a_receiver_can_be_chosen_by_its_name(self):
        """``simulate_publish --receivers`` looks for ``module.function``."""
        for receiver in (handlers.on_course_published, handlers.on_course_deleted):
            assert getattr(sys.modules[receiver.__module__], receiver.__name__) is receiver
