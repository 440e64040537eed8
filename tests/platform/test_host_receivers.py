"""Tests the plugin in edx-platform: what its signal receivers cost and ignore, and the start of both services."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from host_courses import FIRST, QUIZ, SECOND, Studio, mongo_queries, small_course
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.models import Marker
from course_sync_plugin.signals import handlers

HERE = Path(__file__).resolve().parent
KEY = CourseKey.from_string("course-v1:Org+Bees+run")


@pytest.fixture
def studio(store, author) -> Studio:
    studio = small_course(store, author)
    Marker.objects.all().delete()
    return studio


def send(course_key, sender=None) -> None:
    """Send the platform's signal, as the platform and other apps do."""
    from xmodule.modulestore.django import SignalHandler

    SignalHandler.course_published.send(sender=sender, course_key=course_key)


def marked() -> list[str]:
    return [marker.course_key for marker in Marker.objects.order_by("id")]


@pytest.mark.django_db
class TestMarkers:
    def test_a_publish_puts_one(self, studio):
        studio.publish(FIRST)
        assert marked() == [studio.course_id]

    def test_whoever_sends_the_signal(self, db):
        send(KEY.for_branch("published-branch"), sender=object())
        assert marked() == [str(KEY)]

    @pytest.mark.parametrize("key", ["library-v1:Org+Lib", "ccx-v1:Org+Bees+run+ccx@1", "Org/Bees/run"])
    def test_none_for_what_is_no_course_of_ours(self, db, key, monkeypatch):
        from xmodule.modulestore.django import SignalHandler

        only_ours = [one for one in SignalHandler.course_published.receivers if one[0][0] == uid("on_course_published")]
        monkeypatch.setattr(SignalHandler.course_published, "receivers", only_ours)
        SignalHandler.course_published.sender_receivers_cache.clear()
        assert len(only_ours) == 1
        send(CourseKey.from_string(key))
        assert marked() == []

    def test_none_for_a_v1_library_although_a_deletion_there_sends_a_publish(self, store, author):
        from xmodule.modulestore.django import SignalHandler

        seen = []
        SignalHandler.course_published.connect(keep := lambda course_key, **_: seen.append(course_key), weak=False)
        library = store.create_library("Org", "Lib", author.id, fields={"display_name": "A library"})
        problem = store.create_child(author.id, library.location, "problem", block_id="p")
        store.delete_item(problem.location, author.id)
        SignalHandler.course_published.disconnect(keep)
        assert [str(key) for key in seen] == ["library-v1:Org+Lib"]
        assert marked() == []

    def test_a_backfill_by_the_platform_s_own_command(self, studio):
        from django.core.management import call_command

        call_command(
            "simulate_publish",
            courses=[studio.course_id],
            receivers=["course_sync_plugin.signals.handlers.on_course_published"],
        )
        assert marked() == [studio.course_id]


def uid(receiver: str) -> str:
    return f"course_sync_plugin.{receiver}"


@pytest.mark.django_db
class TestCost:
    def test_one_insert_in_a_savepoint(self, db):
        with CaptureQueriesContext(connection) as sql, mongo_queries() as mongo:
            handlers.on_course_published(None, KEY)
        assert [one["sql"].split()[0] for one in sql] == ["SAVEPOINT", "INSERT", "RELEASE"]
        assert not mongo

    def test_a_publish_is_that_much_dearer_and_no_more(self, studio):
        def queries() -> int:
            studio.edit(FIRST, display_name=f"Title {len(marked())} of {os.urandom(4).hex()}")
            with CaptureQueriesContext(connection) as sql:
                studio.publish(FIRST)
            return len(sql)

        from xmodule.modulestore.django import SignalHandler

        queries()
        with_us = queries()
        SignalHandler.course_published.disconnect(dispatch_uid=uid("on_course_published"))
        try:
            without_us = queries()
        finally:
            handlers.connect()
        assert with_us - without_us == 3

    def test_the_author_notices_no_broken_table(self, studio, monkeypatch, caplog):
        def broken(_course_key):
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO no_such_table VALUES (1)")

        monkeypatch.setattr(Marker, "put", broken)
        studio.edit(QUIZ, display_name="New")
        studio.publish(SECOND)
        assert studio.store.get_item(studio.key.make_usage_key(*QUIZ)).display_name == "New"
        assert "was not noted" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_one_insert_too(db):
    """The request with which Studio publishes has no transaction."""
    with CaptureQueriesContext(connection) as sql:
        handlers.on_course_published(None, KEY)
    assert [one["sql"].split()[0] for one in sql] == ["BEGIN", "INSERT", "COMMIT"]


class TestStart:
    def test_our_settings_are_in_studio(self, settings):
        assert settings.COURSE_SYNC_SOURCE == "course_sync_plugin.structure.modulestore.source.ModulestoreSource"
        assert settings.COURSE_SYNC_QUIET_SECONDS == 5
        assert apps.is_installed("course_sync_plugin.apps.CourseSyncConfig") or apps.is_installed("course_sync_plugin")

    def test_they_are_in_the_lms_and_its_receivers_are_connected(self):
        """In a separate process: a process can be only one of the services."""
        code = (
            "import os; os.environ.update(DJANGO_SETTINGS_MODULE='lms.envs.test', SERVICE_VARIANT='lms');"
            "import host_mongo; host_mongo.replace(); import django; django.setup();"
            "from django.conf import settings; from django.apps import apps;"
            "from xmodule.modulestore.django import SignalHandler;"
            "assert settings.ROOT_URLCONF == 'lms.urls';"
            "print(settings.COURSE_SYNC_QUIET_SECONDS, apps.get_app_config('course_sync_plugin').name,"
            " [one[0][0] for one in SignalHandler.course_published.receivers if 'course_sync' in str(one[0][0])])"
        )
        environment = {**os.environ, "PYTHONPATH": f"{os.getcwd()}:{HERE}", "PYTHONWARNINGS": "ignore"}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr[-2000:]
        assert run.stdout.split("\n")[-2] == "5 course_sync_plugin ['course_sync_plugin.on_course_published']"

    def test_a_signal_that_a_release_lacks_is_no_reason_not_to_start(self, monkeypatch, caplog):
        import xmodule.modulestore.django as platform

        monkeypatch.delattr(platform, "COURSE_DELETED")
        with caplog.at_level(logging.INFO, logger="course_sync_plugin.signals.handlers"):
            handlers.connect()
        assert "this host has no signal COURSE_DELETED" in caplog.text
