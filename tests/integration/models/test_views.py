"""The SQL views say what the reports say, hold nothing secret, and are as docs/references/sql_views.rst says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations import AddField, AlterField, Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from course_sync_plugin import api
from course_sync_plugin.migrations.views import UNDER_VIEWS, MakeViews, around, statements
from course_sync_plugin.migrations.views.dialects import DIALECTS
from course_sync_plugin.models import Course, DailySummary, DatabaseNow, HeldRun, Lane, Marker, Target
from course_sync_plugin.testing.faults import Fail
from course_sync_plugin.upkeep.status.lanes import STATES, Undone, read_lanes
from course_sync_plugin.upkeep.status.selection import Selection
from course_sync_plugin.upkeep.summaries import store
from tests.conftest import ROOT
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import publish, renamed, the_lane
from tests.integration.upkeep.prune.ages import age, an_attempt

pytestmark = pytest.mark.django_db

PAGE = (ROOT / "docs" / "references" / "sql_views.rst").read_text("utf-8")
NAMES = list(statements("first", DIALECTS["sqlite"]))
MODELS = list(apps.get_app_config("course_sync_plugin").get_models())


def rows(query: str) -> list[dict[str, Any]]:
    """Return the rows of a query, each with the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row)) for row in cursor.fetchall()]


def view(name: str) -> list[dict[str, Any]]:
    return rows(f"SELECT * FROM course_sync_view_{name}")


@pytest.fixture
def delivered(shelf, receiver):
    """A course that was delivered two days ago, with a unit that the receiver refused, and one more target."""
    publish(shelf, "v1")
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason="no room", times=None))
    publish(shelf, "v2", titles=renamed("unit-0-0", "unit-0-1"))
    api.deliver_until_empty()
    api.add_target("later", url=receiver.url, secret=receiver.secret)
    an_attempt(the_lane(), 3.0, error_class="RateLimited", status=429)
    an_attempt(the_lane(), 10.0, error_class="TransientError", status=None)
    an_attempt(the_lane(), 0.3, error_class="PermanentError", status=400)
    for at in range(1, 60):
        an_attempt(the_lane(), 0.01 * at)
    age(2)
    store.store_finished_days()
    return shelf


class TestDays:
    def test_the_requests_are_those_of_the_summaries(self, delivered):
        found = {(str(row["day"]), row["target"]): row for row in view("daily")}
        requests = [one for one in api.summaries() if one.final and not one.entity_type]
        assert requests
        for one in requests:
            row = found.pop((str(one.day), one.target))
            named = ("answered", "refused", "unanswered")
            assert [row[f"{name}_requests"] for name in named] == [getattr(one, name) for name in named]
            assert row["requests"] == one.attempts
            assert row["success_ratio"] == pytest.approx(one.success_rate)
            assert (row["carried_out_operations"], row["refused_operations"]) == (
                one.operations - one.failed,
                one.failed,
            )
            for column, share in (("p50_seconds", 0.5), ("p95_seconds", 0.95), ("longest_seconds", 1)):
                assert row[column] == pytest.approx(one.durations.quantile(share), rel=1e-12)
        assert all(
            row["requests"] == 0 and row["p50_seconds"] is row["success_ratio"] is None for row in found.values()
        )

    @pytest.mark.parametrize("counts", [{"0": 1}, {"105": 3}, {"3": 1, "9": 1}, {"7": 19, "8": 1}, {"2": 18, "50": 2}])
    def test_the_quantiles_of_a_histogram(self, counts):
        row = DailySummary(day="2026-01-02", target_name="crm", attempts=sum(counts.values()), durations=counts)
        row.save()
        (found,) = view("daily")
        durations = api.Summary.of(row).durations
        expected = [durations.quantile(share) for share in (0.5, 0.95, 1)]
        assert [found["p50_seconds"], found["p95_seconds"], found["longest_seconds"]] == pytest.approx(
            expected, rel=1e-12
        )

    def test_the_operations_are_those_of_the_summaries(self, delivered):
        found = {(str(row["day"]), row["target"], row["entity_type"]): row for row in view("operations")}
        types = [one for one in api.summaries() if one.final and one.entity_type]
        assert len(types) == len(found) > 3
        for one in types:
            row = found[str(one.day), one.target, one.entity_type]
            assert (row["recorded_operations"], row["refused_operations"]) == (one.operations, one.failed)
            for kind in ("create", "update", "move", "delete"):
                assert row[f"{kind}_operations"] == one.kinds.get(kind, [0, 0])[0]
        recorded = {(str(row["day"]), row["target"]): 0 for row in view("daily")}
        for one in types:
            recorded[str(one.day), one.target] += one.operations
        assert {(str(row["day"]), row["target"]): row["recorded_operations"] for row in view("daily")} == recorded

    def test_the_answers_are_those_of_the_summaries(self, delivered):
        (total,) = [one for one in api.summaries("crm") if not one.entity_type]
        by_outcome: dict[str, int] = {}
        for row in view("answers"):
            assert str(row["day"]) == str(total.day)
            by_outcome[row["outcome"]] = by_outcome.get(row["outcome"], 0) + row["requests"]
        assert by_outcome == {"answered": total.answered, "refused": total.refused, "unanswered": total.unanswered}
        (throttled,) = [row for row in view("answers") if row["http_status"] == 429]
        assert throttled["throttled_requests"] == throttled["requests"] == 1
        assert (throttled["mean_seconds"], throttled["longest_seconds"]) == pytest.approx((3.0, 3.0))
        assert sum(row["throttled_requests"] for row in view("answers")) == 1


#: Changes of a lane, of its target and of its problems. Every selection of them is one lane of the test.
OF_THE_LANE: list[Mapping[str, Any]] = [
    {"paused": True},
    {"failing": True},
    {"waiting_for": "a link"},
    {"waiting_for": "term"},
    {"attempts": 2, "last_error": "HTTP 500", "error_class": "TransientError"},
    {"attempts": 1, "error_class": "ConfigurationError"},
    {"closing": True},
    {"cursor": None},
    {"cursor": 0},
    {"last_warning": "what?"},
]
OF_THE_TARGET: list[Mapping[str, Any]] = [
    {},
    {"paused": True},
    {"disabled_reason": "gone"},
    {"breaker_opened_at": DatabaseNow(-60)},
]


class TestNow:
    def compare(self) -> None:
        """Compare the views with ``status``."""
        status = api.status()
        found = {(row["course"], row["target"]): row for row in view("course_targets")}
        lanes = {
            (course["course_id"], lane["target"]): (course, lane)
            for course in status["courses"]
            for lane in course["lanes"]
        }
        assert found.keys() == lanes.keys()
        for key, (course, lane) in lanes.items():
            row = found[key]
            assert (row["state"], row["delivered_version"]) == (lane["state"], lane["delivered_version"])
            assert row["recorded_version"] == course["recorded_version"]
            assert row["in_step"] == (lane["state"] in ("in step", "waiting for link") and not lane["error"])
        targets = {row["target"]: row for row in view("targets")}
        for target in status["targets"]:
            row = targets.pop(target["name"])
            numbers = {"pending": "pending_operations", "problems": "open_problems", "excluded": "excluded_operations"}
            assert {key: row[column] for key, column in numbers.items()} == {key: target[key] for key in numbers}
            assert float(row["lag_seconds"]) == pytest.approx(target["lag_seconds"], abs=5)
            assert row["courses"] == sum(one == target["name"] for _course, one in lanes)
        assert targets == {}
        courses = {row["course"]: row for row in view("courses")}
        assert courses.keys() == {course["course_id"] for course in status["courses"]}
        for course in status["courses"]:
            row = courses[course["course_id"]]
            assert (row["targets"], row["unreadable"]) == (len(course["lanes"]), bool(course["error"]))

    def test_what_status_says(self, delivered):
        self.compare()
        delivered.publish(a_course("v3", units=5))
        api.sync_course(COURSE)
        self.compare()
        (row,) = [row for row in view("targets") if row["target"] == "later"]
        assert row["pending_operations"] > 10
        assert row["lag_seconds"] >= 0

    def test_the_lag_is_that_of_the_oldest_operation(self, delivered):
        delivered.publish(a_course("v3", units=5))
        api.sync_course(COURSE)
        age(1)
        self.compare()
        (row,) = [row for row in view("course_targets") if row["target"] == "crm"]
        assert row["lag_seconds"] == pytest.approx(86400, abs=60)

    @pytest.mark.parametrize("of_the_target", OF_THE_TARGET, ids=lambda change: next(iter(change), "nothing"))
    def test_every_state(self, delivered, receiver, of_the_target):
        """The lane of the target that has a problem, and that of the target that has none, with two changes at once."""
        receiver.faults.clear()
        api.deliver_until_empty()
        Target.objects.update(**of_the_target)
        before = {lane.pk: lane for lane in Lane.objects.all()}
        assert {lane.target.name for lane in before.values()} == {"crm", "later"}
        seen = set()
        for one, other in product([{}, *OF_THE_LANE], repeat=2):
            Lane.objects.update(**{**one, **other})
            expected = {
                lane.lane.target.name: lane
                for lane in read_lanes(Selection(), Undone.read(Selection()), all_of_them=True)
            }
            for row in view("course_targets"):
                counted = expected[row["target"]]
                assert (row["state"], row["in_step"]) == (counted.state, counted.is_at_rest), (one, other)
                assert row["pending_operations"] == counted.pending
                seen.add(counted.state)
            for lane in before.values():
                lane.save()
        others = {"other site", "disabled", "unreachable"}
        assert of_the_target or seen == set(STATES) - others
        assert seen >= ({"unreachable"} if "breaker_opened_at" in of_the_target else set())

    def test_a_course_that_is_held_waits_and_cannot_be_read(self, delivered):
        course = Course.objects.get()
        HeldRun.objects.create(course=course, deletes=7, of=9, set_digest="", since=DatabaseNow())
        Course.objects.update(last_error="cannot be read", attempts=3)
        Marker.put(COURSE)
        (row,) = view("courses")
        assert (row["held_deletions"], row["unreadable"], row["failed_reads"]) == (7, 1, 3)
        assert row["held_since"] is not None
        assert row["publish_waits_since"] is not None
        assert row["entities"] == course.entities.count()
        assert row["recorded_version"] == "v2"

    def test_the_problems_are_those_that_are_open(self, delivered):
        problems = api.problems()
        assert [(row["problem"], row["entity"], row["state"]) for row in view("problems")] == [
            (one.id, one.entity_id, one.state) for one in problems
        ]
        (row,) = view("problems")
        assert (row["course"], row["target"], row["operation"], row["entity_type"]) == (COURSE, "crm", "update", "unit")


#: Columns whose texts a view may show: keys, names and versions, and words of the plugin's own.
SHOWN = {
    "key", "org", "name", "backend", "target_name", "entity_type", "published_version", "delivered_version",
    "error_class", "state", "operation", "entity_id",
}  # fmt: skip


class TestWhatTheyHold:
    def test_no_text_of_others(self, delivered):
        """Each text and each JSON column that no view may show gets a secret. None of them comes out."""
        secret, hidden = "QQ-secret-QQ", 0
        for model in (one for one in MODELS if one is not DailySummary):  # its JSON has numbers by kind and by bucket
            texts = [one for one in model._meta.fields if isinstance(one, models.CharField | models.TextField)]
            own = [one for one in texts if not (one.unique or one.choices or one.name in SHOWN)]
            values: dict[str, Any] = {one.name: secret for one in own if "digest" not in one.name}
            values |= {one.name: {"a": secret} for one in model._meta.fields if isinstance(one, models.JSONField)}
            if values and model.objects.update(**values):
                hidden += len(values)
        assert hidden > 20
        for name in NAMES:
            found = rows(f"SELECT * FROM {name}")
            assert found, name
            assert "QQ" not in str(found), name

    def test_the_secret_would_be_found(self, delivered):
        Lane.objects.update(delivered_version="QQ")
        assert "QQ" in str(view("course_targets"))

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_is_written_through_them(self, delivered, name):
        column = next(iter(rows(f"SELECT * FROM {name}")[0]))
        for statement in (f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)


class TestThePage:
    @pytest.mark.parametrize("name", NAMES)
    def test_its_columns(self, name):
        section = PAGE.split(f"\n``{name}``\n", 1)[1].split("\n``course_sync_view_")[0]
        written = re.findall(r"^``(\w+)`` +(\w+)  ", section, re.MULTILINE)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {name}")
            assert [column for column, _type in written] == [column[0] for column in cursor.description]
        assert {kind for _column, kind in written} <= {"integer", "number", "text", "flag", "moment", "date"}

    def test_its_types(self, delivered):
        """A value is of the type that the page says. SQLite holds dates and moments as texts."""
        HeldRun.objects.create(course=Course.objects.get(), deletes=7, of=9, set_digest="", since=DatabaseNow())
        kinds = {"integer": int, "flag": int, "text": str}
        for name in NAMES:
            section = PAGE.split(f"\n``{name}``\n", 1)[1].split("\n``course_sync_view_")[0]
            for column, kind in re.findall(r"^``(\w+)`` +(\w+)  ", section, re.MULTILINE):
                for value in (row[column] for row in rows(f"SELECT * FROM {name}")):
                    if kind in kinds:
                        assert value is None or type(value) is kinds[kind], (name, column, value)
                    elif kind == "number":
                        assert value is None or float(value) >= 0, (name, column, value)

    def test_it_names_every_view(self):
        assert re.findall(r"^``(course_sync_view_\w+)``$", PAGE, re.MULTILINE) == NAMES
        with connection.cursor() as cursor:
            found = connection.introspection.table_names(cursor, include_views=True)
        assert {name for name in found if name.startswith("course_sync_view_")} == set(NAMES)

    @pytest.mark.parametrize("query", re.findall(r"\.\. code-block:: sql\n\n((?:    .*\n|\n)+)", PAGE))
    def test_its_queries(self, delivered, query):
        assert rows(query)

    def test_it_has_queries(self):
        assert PAGE.count(".. code-block:: sql\n") == 4


@pytest.mark.django_db(transaction=True)
class TestALaterMigration:
    """A table under the views is altered: docs of ``course_sync_plugin/migrations/views``."""

    def migrate(self, *operations: Operation, back: bool = False) -> None:
        migration = Migration("0099_later", "course_sync_plugin")
        migration.operations = list(operations)
        state = MigrationLoader(connection).project_state()
        with connection.schema_editor(atomic=True) as editor:
            (migration.unapply if back else migration.apply)(state, editor)

    def test_it_alters_tables_under_the_views(self, delivered):
        longer = AlterField("lane", "delivered_version", models.CharField(max_length=80, default="", blank=True))
        operations = around(longer, AlterField("course", "attempts", models.PositiveBigIntegerField(default=0)))
        before = view("course_targets")
        self.migrate(*operations)
        try:
            Lane.objects.update(delivered_version="v" * 70)
            found = {row["delivered_version"] for row in view("course_targets") if row["state"] != "in step"}
            assert found == {"v" * 70}
            Lane.objects.update(delivered_version="v2")
        finally:
            self.migrate(*operations, back=True)
        assert [row.keys() for row in view("course_targets")] == [row.keys() for row in before]

    def test_one_that_was_cut_off_makes_the_views_when_it_runs_again(self, delivered):
        before = [view(name.removeprefix("course_sync_view_")) for name in NAMES]
        with connection.cursor() as cursor:
            cursor.execute(f"DROP VIEW {NAMES[-1]}")  # the others are there
        self.migrate(MakeViews("first"))
        assert len([view(name.removeprefix("course_sync_view_")) for name in NAMES]) == len(before)

    def test_it_adds_a_column_that_may_be_null_while_the_views_are_there(self, delivered):
        added = AddField("lane", "note", models.TextField(null=True))
        before = view("course_targets")
        self.migrate(added)
        try:
            assert [row.keys() for row in view("course_targets")] == [row.keys() for row in before]
        finally:
            self.migrate(added, back=True)

    def test_it_adds_a_column_for_which_sqlite_makes_the_table_anew(self, delivered):
        operations = around(AddField("dailysummary", "flag", models.BooleanField(default=False)))
        before = view("daily")
        self.migrate(*operations)
        try:
            assert view("daily") == before
        finally:
            self.migrate(*operations, back=True)
        assert view("daily") == before

    def test_every_table_that_it_may_alter_is_known(self):
        tables = {model._meta.db_table: model._meta.model_name for model in MODELS}
        text = " ".join(statements("first", DIALECTS["sqlite"]).values())
        assert {tables[name] for name in re.findall(r"course_sync_\w+", text) if name in tables} == UNDER_VIEWS
