"""Recording uses one transaction and a constant number of queries, and records exactly the published course."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_sync_plugin import api
from course_sync_plugin.journal.entities import stored_structure
from course_sync_plugin.models import Course, Entity, HeldRun, JournalOperation, Lane, Marker, Run, digest_of, leases
from course_sync_plugin.sync import record as record_module
from course_sync_plugin.sync.course import Outcome
from tests.integration.courses import COURSE, a_course, differences, own_queries, recorded, replayed
from tests.unit.strategies import COURSE_ID, drafts, edited


class FailsAt:
    """Let a number of queries pass and fail the next one, as if the database had gone away."""

    def __init__(self, passing: int):
        self.passing = passing
        self.failed_at = ""

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.passing -= 1
        if self.passing == -1:
            self.failed_at = sql
            raise OperationalError("the database went away")
        return execute(sql, params, many, context)


def everything() -> dict[str, Any]:
    """Return everything that a record writes, without the columns about failures."""
    course = ("published_version", "structure_digest", "field_set_version", "last_position")
    return {
        "course": list(Course.objects.exclude(last_position=0).values_list(*course)),
        "entities": list(Entity.objects.order_by("pk").values_list()),
        "operations": list(JournalOperation.objects.order_by("pk").values_list()),
        "runs": list(Run.objects.order_by("pk").values_list()),
        "lanes": list(Lane.objects.order_by("pk").values_list()),
        "held": list(HeldRun.objects.values_list()),
        "markers": list(Marker.objects.values_list("pk", flat=True)),
    }


@contextmanager
def failing_only_in(name: str, wrapper: Any, monkeypatch: Any) -> Iterator[None]:
    """Let the wrapper see only the queries of one function."""
    original = getattr(record_module, name)

    def watched(*args: Any, **values: Any) -> Any:
        with connection.execute_wrapper(wrapper):
            return original(*args, **values)

    with monkeypatch.context() as patch:
        patch.setattr(f"course_sync_plugin.sync.course.{name}", watched)
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("receiver")
class TestOneTransaction:
    """If any query fails, nothing of the run is stored, and the next try records all of it.

    The markers that were read are deleted after that. If this fails, the next sync does it.
    """

    def every_failure(self, shelf, monkeypatch, name: str = "record") -> int:
        """Fail at each query in turn; return the number of queries."""
        before = everything()
        for at in range(200):
            fails = FailsAt(at)
            with failing_only_in(name, fails, monkeypatch):
                outcome = api.sync_course(COURSE).outcome
            if outcome is not Outcome.UNREADABLE:
                assert re.match("BEGIN|DELETE FROM .course_sync_marker", fails.failed_at), fails.failed_at
                assert everything()["markers"] == before["markers"]
                assert api.sync_course(COURSE).outcome is Outcome.UNCHANGED
                assert not Marker.objects.exists()
                return at + 1
            assert outcome is Outcome.UNREADABLE, fails.failed_at
            assert everything() == before, fails.failed_at
            assert "the database went away" in recorded().last_error
            assert not recorded().lease_token
        raise AssertionError("it never got through")

    def test_a_first_record(self, shelf, monkeypatch):
        shelf.publish(a_course("v1"))
        assert self.every_failure(shelf, monkeypatch) >= 8
        assert differences(COURSE, a_course("v1"), replayed()) == []
        assert Lane.objects.get().end == recorded().last_position

    def test_a_change_of_every_kind(self, shelf, monkeypatch):
        shelf.publish(a_course("v1", sections=2, units=4))
        api.sync_course(COURSE)
        new = a_course("v2", sections=3, units=3, titles={"unit-0-0": "Renamed"})
        shelf.publish(new)
        assert self.every_failure(shelf, monkeypatch) >= 8
        assert differences(COURSE, new, replayed()) == []

    def test_a_publish_that_changes_nothing(self, shelf, monkeypatch):
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        shelf.publish(a_course("v2"))
        assert self.every_failure(shelf, monkeypatch, "record_unchanged") >= 2
        assert recorded().published_version == "v2"

    def test_one_transaction_and_no_more(self, shelf):
        """All writes are between one BEGIN and its COMMIT."""
        shelf.publish(a_course("v1"))
        writing = ("INSERT INTO", "UPDATE", "DELETE")
        inside = []

        def watch(execute, sql, params, many, context):
            if sql.startswith(writing):
                inside.append((connection.in_atomic_block, sql))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(watch):
            api.sync_course(COURSE)
        outside = [sql for in_one, sql in inside if not in_one]
        assert len([sql for in_one, sql in inside if in_one]) >= 6
        assert len(outside) == 1, outside  # the lease is taken before the course is read
        assert "lease_token" in outside[0]


@pytest.mark.django_db
@pytest.mark.usefixtures("receiver")
class TestQueries:
    def count(self, shelf, structure) -> int:
        shelf.publish(structure)
        with own_queries() as queries:
            assert api.sync_course(COURSE).outcome is Outcome.RECORDED
        return len(queries)

    def test_their_number_does_not_grow(self, shelf, settings, monkeypatch):
        """This holds up to one chunk. Django limits SQLite to 999 parameters; the test sets SQLite's own limit."""
        monkeypatch.setattr(connection.features, "max_query_params", 32766)
        settings.COURSE_SYNC_MASS_DELETE_COUNT = 10**6
        self.count(shelf, a_course("v0", units=1, sections=1))
        few = self.count(shelf, a_course("v1", units=2, sections=1))
        many = self.count(shelf, a_course("v2", units=400, sections=1))
        fewer = self.count(shelf, a_course("v3", units=350, sections=1))
        renamed = {f"unit-0-{at}": "Renamed" for at in range(300)}
        other = self.count(shelf, a_course("v4", units=350, sections=1, titles=renamed))
        assert many == few
        assert fewer <= few + 2
        assert other <= few + 1

    def test_nor_with_what_exists(self, shelf, monkeypatch):
        monkeypatch.setattr(connection.features, "max_query_params", 32766)
        small, large = "course-v1:Org+Course+Small", "course-v1:Org+Course+Large"
        counts = []
        for course, units in ((small, 3), (large, 1500)):
            shelf.publish(a_course("v1", units=units, sections=1, course=course))
            api.sync_course(course)
            shelf.publish(a_course("v2", units=units, sections=1, course=course, titles={"unit-0-1": "New"}))
            with own_queries() as queries:
                api.sync_course(course)
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_only_what_changed_is_written(self, shelf):
        """Law 8: a new title of one entity in a thousand writes one row of the table and one of the journal."""
        shelf.publish(a_course("v1", units=500))
        api.sync_course(COURSE)
        before = dict(Entity.objects.values_list("pk", "revision"))
        rows = JournalOperation.objects.count()
        shelf.publish(a_course("v2", units=500, titles={"unit-1-499": "New"}))
        with own_queries() as queries:
            api.sync_course(COURSE)
        assert JournalOperation.objects.count() == rows + 1
        after = dict(Entity.objects.values_list("pk", "revision"))
        assert sum(before[pk] != revision for pk, revision in after.items()) == 1
        (written,) = [sql for sql in queries if re.search(r"INTO\W+course_sync_entity", sql)]
        assert written.count("unit-") < 6


@pytest.mark.django_db
def test_a_lease_that_is_not_held_writes_nothing(shelf):
    shelf.publish(a_course("v1"))
    api.sync_course(COURSE)
    before = everything()
    with pytest.raises(leases.LeaseLost):
        record_module.record_unchanged(recorded(), "not ours", "v2", [])
    assert everything() == before


@pytest.mark.django_db
def test_a_marker_put_meanwhile_stays(shelf):
    shelf.publish(a_course("v1"))
    mine = list(Marker.objects.values_list("pk", flat=True))
    other = Marker.put(COURSE)
    record_module.delete_markers(mine)
    assert list(Marker.objects.values_list("pk", flat=True)) == [other.pk]


@pytest.mark.django_db
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_what_is_recorded_is_what_was_published_and_the_journal_replays_it(shelf, settings, data):
    """Any course, after any series of edits: moves, renames, reversed nesting, blocks with two parents."""
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 1000
    with transaction.atomic():
        draft = data.draw(drafts())
        for version in range(data.draw(st.integers(2, 5))):
            published = shelf.publish(draft.structure(f"v{version}"))
            before = revisions()
            result = api.sync_course(COURSE_ID)
            assert result.outcome in (Outcome.RECORDED, Outcome.UNCHANGED)
            assert differences(COURSE_ID, published, replayed(COURSE_ID)) == []
            assert stored_structure(recorded(COURSE_ID)).same_course_as(published)
            told = {operation.entity_id for operation in result.operations}
            expected = {key: before.get(key, 0) + (key in told) for key in published.entities}
            assert revisions() == expected
            draft = data.draw(edited(draft))
        transaction.set_rollback(True)


def revisions() -> dict[str, int]:
    course = Course.objects.filter(key_digest=digest_of(COURSE_ID)).first()
    return dict(Entity.objects.filter(course=course).values_list("entity_id", "revision")) if course else {}
