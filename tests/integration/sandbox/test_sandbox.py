"""The sandbox: its settings come from the environment, and its publish has the effects of a publish in Studio."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from io import StringIO
from types import ModuleType

import pytest
from celery import current_app
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api
from course_sync_plugin.models import Course, Marker, Run
from course_sync_plugin.settings.common import DEFAULTS
from course_sync_plugin.structure.olx.reader import read_olx
from course_sync_plugin.sync.course import Outcome
from sandbox.published.models import PublishedCourse
from sandbox.published.publishing import publish, unpublish
from sandbox.published.source import PublishedSource
from tests.conftest import ROOT, SAMPLE
from tests.integration.courses import differences

SAMPLE_COURSE = "course-v1:Meadow+BEES101+2026"


@pytest.fixture
def settings_with(monkeypatch, tmp_path):
    """Load the sandbox's settings again, with other variables in the environment."""

    def load(**environment: str) -> ModuleType:
        for name in (*DEFAULTS, "DATABASE_URL", "CELERY_BROKER_URL", "LOG_LEVEL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"SANDBOX_VAR": str(tmp_path / "var"), **environment}.items():
            monkeypatch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("settings_under_test", ROOT / "sandbox" / "settings.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return load


class TestSettings:
    def test_every_setting_has_its_default_but_those_of_the_sandbox(self, settings_with):
        settings = settings_with()
        names = ("SOURCE", "WRITER", "ROLES", "QUIET_SECONDS", "SECRET_KEYS")
        own = {f"COURSE_SYNC_{name}" for name in names}
        assert {name for name in DEFAULTS if getattr(settings, name) != DEFAULTS[name]} == own
        assert settings.COURSE_SYNC_QUIET_SECONDS == 0

    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("COURSE_SYNC_QUIET_SECONDS", "5", 5),
            ("COURSE_SYNC_QUIET_SECONDS", "0.2", 0.2),
            ("COURSE_SYNC_MAX_WAIT_SECONDS", " 90 ", 90),
            ("COURSE_SYNC_LEASE_SECONDS", "12.5", 12.5),
            ("COURSE_SYNC_READ_SECONDS", "120", 120),
            ("COURSE_SYNC_RETRY_SCHEDULE", "1,1.5, 5", [1, 1.5, 5]),
            ("COURSE_SYNC_RETRY_SCHEDULE", "", []),
            ("COURSE_SYNC_ENVELOPE_OPERATIONS", "7", 7),
            ("COURSE_SYNC_ENVELOPE_BYTES", "1000", 1000),
            ("COURSE_SYNC_MASS_DELETE_PERCENT", "12.5", 12.5),
            ("COURSE_SYNC_MASS_DELETE_COUNT", "3", 3),
            ("COURSE_SYNC_LONG_BACKLOG", "1000", 1000),
            ("COURSE_SYNC_OBJECTIVE_SECONDS", "900", 900),
            ("COURSE_SYNC_METRICS_TOKEN", "only-for-the-sandbox", "only-for-the-sandbox"),
            ("COURSE_SYNC_METRICS_TOKEN", "", ""),
            ("COURSE_SYNC_ALLOWED_PRIVATE_HOSTS", "127.0.0.1, 10.0.0.0/8,crm", ["127.0.0.1", "10.0.0.0/8", "crm"]),
            ("COURSE_SYNC_SECRET_KEYS", "a=,b=", ["a=", "b="]),
            ("COURSE_SYNC_CELERY_QUEUE", "edx.cms.core.high", "edx.cms.core.high"),
            ("COURSE_SYNC_CELERY_QUEUE", "", None),
            ("COURSE_SYNC_RETENTION_DAYS", "60", 60),
            ("COURSE_SYNC_PROBLEM_RETENTION_DAYS", "180", 180),
            ("COURSE_SYNC_INBOUND_DAYS", "3", 3),
            ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", "unit=10, course = 365", {"unit": 10, "course": 365}),
            ("COURSE_SYNC_RETENTION_DAYS_BY_TYPE", "", {}),
            ("COURSE_SYNC_SOURCE", "elsewhere.Source", "elsewhere.Source"),
            ("COURSE_SYNC_WRITER", "elsewhere.Writer", "elsewhere.Writer"),
            ("COURSE_SYNC_ROLES", "elsewhere.Roles", "elsewhere.Roles"),
            ("COURSE_SYNC_WRITE_BACK_USER", "course_sync", "course_sync"),
            ("COURSE_SYNC_WRITE_BACK_USER", "", ""),
            ("COURSE_SYNC_REDIRECT_ABOUT_PAGE", "1", True),
            ("COURSE_SYNC_REDIRECT_ABOUT_PAGE", "", False),
            ("COURSE_SYNC_INSTRUCTOR_DASHBOARD", "page", "page"),
            ("COURSE_SYNC_CONFLICT_STRATEGY", "manual", "manual"),
            ("COURSE_SYNC_CONFLICT_STRATEGIES", "unit=manual", {"unit": "manual"}),
        ],
    )
    def test_each_from_the_environment(self, settings_with, name, text, value):
        found = getattr(settings_with(**{name: text}), name)
        assert (found, type(found)) == (value, type(value))

    def test_every_setting_is_in_the_table_above(self):
        table = self.test_each_from_the_environment.pytestmark[0].args[1]
        assert {row[0] for row in table} == set(DEFAULTS)

    @pytest.mark.parametrize(
        ("name", "text"), [("COURSE_SYNC_LEASE_SECONDS", "soon"), ("COURSE_SYNC_RETRY_SCHEDULE", "1;2")]
    )
    def test_what_is_no_number_is_told_by_its_name(self, settings_with, name, text):
        with pytest.raises(ImproperlyConfigured, match=f"{name} is '{text}'"):
            settings_with(**{name: text})

    @pytest.mark.parametrize("url", ["nonsense", "", "pgsqll://u:s3cret@h/n", "mysql://u:s3cret@h:port/n"])
    def test_what_names_no_database_is_told(self, settings_with, url):
        """The error is one sentence, and does not show the password in the URL."""
        with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL names no database; write it like .*$") as error:
            settings_with(DATABASE_URL=url)
        assert "s3cret" not in str(error.value)

    def test_a_wrong_setting_is_no_traceback(self, tmp_path):
        environment = {**os.environ, "DATABASE_URL": "nonsense", "SANDBOX_VAR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("manage.py: DATABASE_URL names no database")
        assert len(done.stderr.splitlines()) == 1

    def test_without_a_broker_celery_reaches_for_none(self, settings_with):
        assert settings_with().CELERY_TASK_ALWAYS_EAGER is True
        assert settings_with(CELERY_BROKER_URL="redis://127.0.0.1:1").CELERY_TASK_ALWAYS_EAGER is False

    @pytest.mark.skipif("CELERY_BROKER_URL" in os.environ, reason="there is a broker")
    def test_nor_does_the_app_that_tasks_go_to(self):
        assert current_app.main == "sandbox"
        assert current_app.conf.task_always_eager is True

    def test_its_folder_is_made(self, settings_with, tmp_path):
        settings_with(SANDBOX_VAR=str(tmp_path / "a" / "b"))
        assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.django_db
class TestPublishOlx:
    def publish(self, *arguments: str) -> str:
        out = StringIO()
        call_command("publish_olx", *arguments, stdout=out)
        return out.getvalue()

    def test_it_is_recorded_when_it_returns(self):
        assert self.publish(str(SAMPLE / "old")) == f"{SAMPLE_COURSE}: recorded, 33 operations\n"
        assert Run.objects.get().operations_count == 33
        assert not Marker.objects.exists()
        assert differences(SAMPLE_COURSE, read_olx(SAMPLE / "old")) == []

    def test_the_same_again_is_unchanged(self):
        self.publish(str(SAMPLE / "old"))
        first = PublishedCourse.objects.get().published_version
        assert self.publish(str(SAMPLE / "old")) == f"{SAMPLE_COURSE}: unchanged\n"
        assert PublishedCourse.objects.get().published_version != first
        assert Run.objects.count() == 1

    def test_held(self, settings):
        settings.COURSE_SYNC_MASS_DELETE_COUNT = settings.COURSE_SYNC_MASS_DELETE_PERCENT = 0
        self.publish(str(SAMPLE / "old"))
        assert self.publish(str(SAMPLE / "new")) == f"{SAMPLE_COURSE}: held\n"

    def test_as_another_course_run(self):
        self.publish(str(SAMPLE / "old"), "--course-key", "course-v1:Meadow+BEES101+2027")
        assert Course.objects.get().key == "course-v1:Meadow+BEES101+2027"

    def test_while_another_process_is_at_it(self, monkeypatch):
        """``course_sync run`` took the course first, so the command waits until the run is recorded."""
        busy = iter([True, True])

        def sync_course(key):
            return api.SyncResult(key, Outcome.BUSY) if next(busy, False) else original(key)

        original = api.sync_course
        monkeypatch.setattr(api, "sync_course", sync_course)
        assert "recorded" in self.publish(str(SAMPLE / "old"))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["does-not-exist"], "does-not-exist"),
            ([str(ROOT / "setup.py")], "setup.py"),
            ([str(SAMPLE / "old"), "--course-key", "BEES101"], "'BEES101' is not a course key"),
            ([str(SAMPLE / "old"), "--course-key", "library-v1:Meadow+BEES"], "libraries"),
        ],
    )
    def test_what_cannot_be_published_is_told(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as exit_:
            call_command("publish_olx", *arguments)
        assert exit_.value.code == 1
        assert message in capsys.readouterr().err
        assert not PublishedCourse.objects.exists()

    def test_bad_xml_is_told_by_file_and_line(self, tmp_path, capsys):
        (tmp_path / "course.xml").write_text('<course org="O" course="C" url_name="R"/>')
        (tmp_path / "course").mkdir()
        (tmp_path / "course" / "R.xml").write_text('<course>\n<chapter url_name="a"/>\n<chapter></course>')
        with pytest.raises(SystemExit):
            call_command("publish_olx", str(tmp_path))
        error = capsys.readouterr().err
        assert "course/R.xml" in error
        assert "line 3" in error


@pytest.mark.django_db
class TestSource:
    def test_what_was_published_is_read_back_exactly(self):
        row = publish(SAMPLE / "new")
        source = PublishedSource()
        structure = source.read(row.course_key)
        assert structure.same_course_as(read_olx(SAMPLE / "new"))
        assert list(structure.entities) == list(read_olx(SAMPLE / "new").entities)
        assert structure.published_version == row.published_version == source.published_version(row.course_key)
        assert dict(source.published_versions()) == {row.course_key: row.published_version}
        assert dict(source.published_versions([row.course_key])) == {row.course_key: row.published_version}
        assert dict(source.published_versions(["course-v1:Other+C+1"])) == {}

    def test_a_course_that_is_deleted(self):
        publish(SAMPLE / "old")
        api.sync_course(SAMPLE_COURSE)
        unpublish(SAMPLE_COURSE)
        assert PublishedSource().published_version(SAMPLE_COURSE) is None
        assert Marker.objects.get().course_key == SAMPLE_COURSE
        assert api.sync_course(SAMPLE_COURSE).outcome is Outcome.HELD


@pytest.mark.django_db
class TestCourseOverviews:
    def test_a_row_is_made_from_its_id_alone(self):
        model = apps.get_model("course_overviews", "CourseOverview")
        key = CourseKey.from_string(SAMPLE_COURSE)
        model.objects.create(id=key)
        row = model.objects.get(id=key)
        assert (row.id, row.org, row.marketing_url, row.eligible_for_financial_aid) == (
            key,
            "outdated_entry",
            None,
            True,
        )


@pytest.mark.django_db
class TestStatusPage:
    URL = "/api/course_sync/v1/status"

    def test_for_staff_alone(self, client):
        assert client.get(self.URL).status_code == 403
        client.force_login(User.objects.create_user("learner"))
        assert client.get(self.URL).status_code == 403

    def test_the_status(self, client):
        publish(SAMPLE / "old")
        api.sync_course(SAMPLE_COURSE)
        client.force_login(User.objects.create_user("operator", is_staff=True))
        answer = client.get(self.URL)
        assert answer.json() == api.status()
        assert client.post(self.URL).status_code == 405


def test_a_switch_turned_by_another_process_is_seen(settings_with):
    """In the sandbox each process has a cache of its own for waffle, so the cache must expire soon."""
    (cache,) = settings_with().CACHES.values()
    assert cache["TIMEOUT"] <= 1
