"""The target ``local`` passes the contract suite, and its own rules for configuration."""

from __future__ import annotations

from unittest import SkipTest

import attrs
import pytest
from django.db import OperationalError, connection

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, RateLimited, TransientError, UnknownName
from course_sync_plugin.models import LocalEntity, LocalReplica, Target
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.local import isolation
from course_sync_plugin.targets.local.strategy import strategies
from course_sync_plugin.targets.local.target import LocalTarget
from course_sync_plugin.testing.contract import TITLE, TargetContract, course_creation, envelope
from tests.integration.targets.local_state import tables
from tests.integration.targets.local_strategies import fail_with

CONFIG = TargetConfig("here", "", ())

#: MariaDB and MySQL commit before they rename a table, so a test that does so cannot stand in a transaction there.
rename_is_safe = pytest.mark.django_db(transaction=connection.vendor == "mysql")


@pytest.fixture
def take_away(request, db):
    """Return a function that takes a table away until the end of the test."""

    def rename(old: str, new: str = "course_sync_local_away") -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")
        if connection.vendor == "mysql":  # elsewhere the end of the transaction undoes it
            request.addfinalizer(lambda: connection.cursor().execute(f"ALTER TABLE {new} RENAME TO {old}"))

    return rename


@rename_is_safe
class TestContract(TargetContract):
    target_class = LocalTarget

    @pytest.fixture(autouse=True)
    def _patches(self, monkeypatch, take_away):
        self.monkeypatch, self.take_away = monkeypatch, take_away

    def config(self, **changes):
        return attrs.evolve(CONFIG, **changes)

    def effect(self):
        ignored = {"id", "updated_at"}
        models = [LocalReplica, LocalEntity, *tables().values()]
        return {
            model.__name__: [
                {name: value for name, value in row.items() if name not in ignored}
                for row in model.objects.order_by("pk").values()
            ]
            for model in models
        }

    def make_silent(self):
        raise SkipTest("a table of this database cannot be silent")

    def make_unreachable(self):
        """The migrations have not run yet, so the tables of the target are not there."""
        self.take_away("course_sync_local_replica")

    def make_broken(self):
        self._fail(OperationalError(1213, "Deadlock found"))

    def make_busy(self, seconds):
        self._fail(RateLimited("Wait.", retry_after=seconds))

    def make_refuse(self):
        raise SkipTest("single operations are refused, not envelopes")

    def make_gone(self):
        raise SkipTest("this site's database is never gone permanently")

    def make_fail(self, operation_id):
        def fault(_operation, change):
            if change.operation.id == operation_id:
                raise ValueError(TITLE)

        fail_with(self.monkeypatch, "section", fault)

    def _fail(self, error):
        def fault(_operation, _change):
            raise error

        fail_with(self.monkeypatch, "section", fault)

    def test_a_table_of_a_strategy_is_not_there_yet(self):
        """It is no problem of an operation: the lane waits for the migration."""
        self.take_away("course_sync_local_section")
        assert type(self.error_of(envelope(*course_creation()))) is TransientError

    def test_a_failure_shows_no_content(self):
        _course, section = course_creation()
        self.make_fail(section.id)
        with self.target() as target:
            answer = target.send(envelope(*[_course, section]))
        assert TITLE not in answer.failed[0].reason
        assert "ValueError in the strategy, at test_local_contract.py:" in answer.failed[0].reason


@pytest.mark.django_db
class TestConfiguration:
    @pytest.mark.parametrize(
        ("values", "text"),
        [
            ({"url": "https://crm.example.org/"}, "no URL"),
            ({"secret": "whsec_" + "A" * 44}, "no secret"),
            ({"options": ["isolation=snapshot"]}, "one of read committed, repeatable read, serializable"),
            ({"options": ["isolaton=serializable"]}, "'isolation'"),
        ],
    )
    def test_what_is_refused(self, values, text):
        with pytest.raises(ConfigurationError, match=text):
            api.add_target("here", backend="local", **values)
        assert not Target.objects.exists()

    def test_it_has_no_secret(self):
        assert api.add_target("here", backend="local").secret == ""
        assert Target.objects.get().secret == ""
        with pytest.raises(ConfigurationError, match="has no secret"):
            api.rotate_secret("here")

    def test_a_url_cannot_be_set(self):
        api.add_target("here", backend="local")
        with pytest.raises(ConfigurationError, match="no URL"):
            api.set_url("here", "https://crm.example.org/")

    def test_a_second_one_is_refused(self):
        api.add_target("here", backend="local")
        with pytest.raises(ConfigurationError, match="already a target of this kind, 'here'"):
            api.add_target("there", backend="local")

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases offer every level")
    def test_sqlite_offers_one_level(self):
        with pytest.raises(ConfigurationError, match=r"does not offer .*'read committed'. It offers: serializable\."):
            api.add_target("here", backend="local", options=["isolation=read committed"])
        api.add_target("here", backend="local", options=["isolation=serializable"])

    def test_every_database_has_a_row(self):
        assert isolation.OFFERED.keys() == {"sqlite", "mysql", "postgresql"}


@rename_is_safe
class TestReport:
    def test_it_names_tables_levels_and_strategies(self):
        api.add_target("here", backend="local")
        report = api.test_target("here")
        assert report.ok
        assert "Strategies: component, course, section, subsection, unit." in report.explanation
        assert "serializable" in report.explanation

    def test_a_table_is_missing(self, take_away):
        api.add_target("here", backend="local")
        take_away("course_sync_local_unit")
        report = api.test_target("here")
        assert not report.ok
        assert "course_sync_local_unit" in report.explanation
        assert "migrate" in report.explanation

    def test_a_strategy_has_a_wrong_name(self, monkeypatch):
        point = next(iter(strategies._entry_points.values()))
        monkeypatch.setitem(strategies._entry_points, "sectoin", point)
        api.add_target("here", backend="local")
        report = api.test_target("here")
        assert not report.ok
        assert "Did you mean 'section'?" in report.explanation

    def test_a_strategy_cannot_be_loaded(self, monkeypatch):
        broken = attrs.make_class("Broken", [])
        monkeypatch.setattr(broken, "__init__", lambda self: (_ for _ in ()).throw(ImportError("no")), raising=True)
        monkeypatch.setitem(strategies._loaded, "section", broken)
        api.add_target("here", backend="local")
        assert "'section' in course_sync_plugin.local_strategy cannot be loaded" in api.test_target("here").explanation


def test_an_unknown_strategy_gets_a_suggestion():
    with pytest.raises(UnknownName, match="Did you mean 'unit'"):
        strategies.get("unitt")
