"""The author's thread: one INSERT in a savepoint, and nothing that happens to us ever reaches the author."""

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

from course_sync_plugin import api, receivers
from course_sync_plugin.models import Marker

from .courses import COURSE, a_course, recorded

KEY = CourseKey.from_string(COURSE)


@pytest.fixture
def wakes(monkeypatch) -> list[None]:
    """Every wake-up that was asked for."""
    asked: list[None] = []
    monkeypatch.setattr(receivers, "waker", SimpleNamespace(request=lambda: asked.append(None)))
    return asked


def markers() -> list[str]:
    return list(Marker.objects.order_by("pk").values_list("course_key", flat=True))


@pytest.mark.django_db(transaction=True)
class TestWhatIsNoted:
    def test_a_publish(self, wakes):
        receivers.on_course_published(sender=object(), course_key=KEY, anything="else")
        assert (markers(), len(wakes)) == ([COURSE], 1)

    def test_a_deletion(self, wakes):
        receivers.on_course_deleted(sender=None, course_key=KEY)
        assert (markers(), len(wakes)) == ([COURSE], 1)

    @pytest.mark.parametrize(
        ("state", "noted"), [("succeeded", True), ("in_progress", False), ("failed", False), ("", False)]
    )
    def test_a_rerun_once_it_has_succeeded(self, wakes, state, noted):
        rerun = SimpleNamespace(state=state, course_key=KEY, source_course_key=CourseKey.from_string(COURSE + "0"))
        receivers.on_rerun_state_saved(sender=None, instance=rerun, created=False)
        assert markers() == ([COURSE] if noted else [])

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
            COURSE,  # a string is no key
            pytest.param(object(), id="an object"),  # its repr differs from process to process
        ],
        ids=repr,
    )
    def test_nothing_for_what_is_no_course_run(self, wakes, key):
        receivers.on_course_published(sender=None, course_key=key)
        receivers.on_course_deleted(sender=None, course_key=key)
        assert (markers(), wakes) == ([], [])

    @pytest.mark.parametrize(
        "key", [KEY.for_branch("draft-branch"), KEY.for_version("0" * 24), KEY.for_branch("published-branch")], ids=str
    )
    def test_a_key_is_noted_without_branch_and_version(self, wakes, key):
        receivers.on_course_published(sender=None, course_key=key)
        assert markers() == [COURSE]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wakes")
class TestWhatItCosts:
    def sql(self) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            receivers.on_course_published(sender=None, course_key=KEY)
        return [query["sql"].split()[0] for query in queries]

    def test_one_insert_in_a_savepoint(self):
        with transaction.atomic():
            assert self.sql() == ["SAVEPOINT", "INSERT", "RELEASE"]

    def test_one_insert_in_a_transaction_of_its_own(self):
        assert self.sql() == ["BEGIN", "INSERT", "COMMIT"]


@pytest.mark.django_db(transaction=True)
class TestTheAuthorsTransaction:
    def test_no_wake_up_before_it_is_committed(self, wakes):
        with transaction.atomic():
            receivers.note(KEY)
            assert wakes == []
        assert len(wakes) == 1

    def test_rolled_back_nothing_was_published(self, wakes):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            receivers.note(KEY)
            raise ZeroDivisionError
        assert (markers(), wakes) == ([], [])

    def test_a_table_that_is_missing_does_not_break_it(self, wakes, caplog):
        """A rolling deploy: the code is there before its migration."""
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE course_sync_marker RENAME TO elsewhere")
        try:
            with transaction.atomic():
                receivers.note(KEY)
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
                receivers.note(KEY)
            Marker.put("course-v1:what+the+author")
        assert markers() == ["course-v1:what+the+author"]

    def test_nor_does_it_raise_in_one_that_is_broken_already(self, wakes):
        with transaction.atomic():
            connection.set_rollback(True)
            receivers.note(KEY)
        assert (markers(), wakes) == ([], [])

    def test_whatever_goes_wrong_is_not_the_authors(self, monkeypatch, wakes, caplog):
        """CCX senders do not use send_robust: what a receiver raises breaks the coach's request."""
        monkeypatch.setattr(Marker, "put", lambda course_key: 1 / 0)
        receivers.note(KEY)
        assert wakes == []
        assert "the sweep will find it" in caplog.text

    def test_a_wake_up_that_fails_is_not_the_authors(self, monkeypatch):
        monkeypatch.setattr(receivers, "waker", SimpleNamespace(request=lambda: 1 / 0))
        with transaction.atomic():
            receivers.note(KEY)
        receivers.note(KEY)
        assert markers() == [COURSE, COURSE]


@pytest.mark.django_db(transaction=True)
class TestABurst:
    """182 signals of one import end in one run of the final state."""

    def test_182_signals(self, shelf, wakes, settings):
        settings.COURSE_SYNC_QUIET_SECONDS = 0
        for at in range(182):
            shelf.put(a_course(f"v{at}", units=1 + at % 7))
            receivers.on_course_published(sender=None, course_key=KEY)
        assert len(markers()) == 182
        api.sync_marked()
        assert recorded().runs.count() == 1
        assert recorded().published_version == "v181"
        assert markers() == []


class Host:
    """A host with some of the signals of ``xmodule.modulestore.django``."""

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
        receivers.connect()
        host.signals["COURSE_PUBLISHED"].send(sender=object, course_key=KEY)
        host.signals["COURSE_DELETED"].send(sender="Command", course_key=KEY)
        assert len(markers()) == 2

    def test_twice_is_once(self, monkeypatch, wakes):
        host = Host(monkeypatch, "COURSE_PUBLISHED", "COURSE_DELETED")
        receivers.connect()
        receivers.connect()
        host.signals["COURSE_PUBLISHED"].send(sender=None, course_key=KEY)
        assert len(markers()) == 1

    def test_a_host_that_lacks_a_signal_starts(self, monkeypatch, wakes, caplog):
        host = Host(monkeypatch, "COURSE_PUBLISHED")
        receivers.connect()
        host.signals["COURSE_PUBLISHED"].send(sender=None, course_key=KEY)
        assert len(markers()) == 1
        assert "COURSE_DELETED" in caplog.text
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_without_edx_platform(self, caplog):
        caplog.set_level(logging.INFO)
        receivers.connect()
        assert "WARNING" not in {record.levelname for record in caplog.records}

    def test_a_receiver_can_be_chosen_by_its_name(self):
        """``simulate_publish --receivers`` looks for ``module.function``."""
        for receiver in (receivers.on_course_published, receivers.on_course_deleted):
            assert getattr(sys.modules[receiver.__module__], receiver.__name__) is receiver
