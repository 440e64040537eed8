"""A lane to the target ``local``: each envelope is one transaction, with the lane's cursor in it."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError
from django.test import override_settings
from hypothesis import HealthCheck, given, settings

from course_sync_plugin import api
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.lanes import deliver
from course_sync_plugin.models import (
    DatabaseNow,
    Envelope,
    Lane,
    LocalEntity,
    LocalReplica,
    LocalUnit,
    Problem,
    Target,
    leases,
)
from course_sync_plugin.targets.local.strategy import strategies
from course_sync_plugin.targets.local.target import LocalTarget
from tests.integration.courses import COURSE, a_course, approve, block, own_queries, same
from tests.integration.lanes.protocol_site import Killed, killed_after
from tests.integration.one_lane import let_time_pass, publish, renamed, states
from tests.integration.targets.local_state import differences
from tests.integration.targets.local_strategies import fail_with, raise_for
from tests.unit.strategies import COURSE_ID, structure_pairs

UNIT = block("vertical", "unit-0-1")
SECTION = block("chapter", "section-0")


@pytest.fixture
def here(db, shelf):
    """Add the target; return the source of the courses."""
    api.add_target("here", backend="local")
    return shelf


def the_lane() -> Lane:
    return Lane.objects.get()


def take_over() -> None:
    """Let another worker take the lane."""
    Lane.objects.update(lease_token="another", lease_until=DatabaseNow(60))


class TestCourses:
    def test_a_course_and_its_changes(self, here):
        for version, changes in (
            ("v1", {}),
            ("v2", {"titles": renamed("unit-0-1", "course")}),
            ("v3", {"sections": 3, "units": 5}),
            ("v4", {"sections": 1, "units": 2}),
        ):
            structure = publish(here, version, **changes)
            approve()
            api.deliver_until_empty()
            assert differences(structure) == []
            assert api.local_course(COURSE).published_version == version
            assert api.local_course(COURSE).complete

    def test_a_snapshot_of_several_envelopes_drops_what_it_does_not_name(self, here, settings):
        settings.COURSE_SYNC_ENVELOPE_OPERATIONS = 3
        publish(here, "v1", sections=3)
        api.deliver_until_empty()
        api.remove_target("here")
        structure = publish(here, "v2", sections=2, titles=renamed("unit-0-0"))
        approve()
        api.add_target("here", backend="local")
        assert LocalEntity.objects.count() == 16
        assert api.deliver_until_empty()
        assert differences(structure) == []
        assert LocalReplica.objects.get().snapshot_since is None

    def test_a_deleted_course(self, here):
        publish(here, "v1")
        api.deliver_until_empty()
        here.delete()
        api.sync_course(COURSE)
        approve()
        api.deliver_until_empty()
        assert api.local_course(COURSE) is None
        assert api.local_outline(COURSE) is None
        assert LocalEntity.objects.count() == LocalUnit.objects.count() == 0

    def test_some_types_only(self, db, shelf):
        api.add_target("here", backend="local", entity_types=["unit"])
        publish(shelf, "v1")
        publish(shelf, "v2", units=4, titles=renamed("unit-0-1"))
        api.deliver_until_empty()
        assert LocalUnit.objects.count() == LocalEntity.objects.count() == 8
        rows = LocalUnit.objects.filter(entity__parent_id=block("sequential", "subsection-0"))
        titles = list(rows.order_by("entity__position").values_list("title", flat=True))
        assert titles == ["unit-0-0", "unit-0-1, renamed", "unit-0-2", "unit-0-3"]

    def test_a_type_without_a_strategy_is_counted(self, here, monkeypatch):
        points = {name: point for name, point in strategies._entry_points.items() if name != "unit"}
        monkeypatch.setitem(strategies.__dict__, "_entry_points", points)
        structure = publish(here, "v1")
        api.deliver_until_empty()
        assert api.problems() == []
        assert LocalUnit.objects.count() == 0
        assert len(structure) == LocalEntity.objects.count()
        assert "Without a strategy, so only in the tree: unit (6)." in api.test_target("here").explanation


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(pair=structure_pairs())
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("operations", [2, 100])
def test_any_course_and_any_edit(shelf, operations, pair):
    """The tables equal the course after each of two publishes: tree, fields, and the table of each type."""
    call_command("flush", interactive=False, verbosity=0)
    with override_settings(COURSE_SYNC_ENVELOPE_OPERATIONS=operations, COURSE_SYNC_MASS_DELETE_COUNT=1000):
        api.add_target("here", backend="local")
        for version, structure in enumerate(pair):
            if structure.entities:
                shelf.publish(same(structure, published_version=f"v{version}"))
                api.sync_course(COURSE_ID)
                api.deliver_until_empty()
                assert api.problems() == []
                assert differences(structure) == []


class TestOneTransaction:
    @pytest.mark.django_db(transaction=True)
    def test_a_kill_between_any_two_statements(self, here):
        """Either the whole envelope with the cursor, or nothing. A later turn makes it whole."""
        publish(here, "v1")
        api.deliver_until_empty()
        for statement in range(200):
            titles = renamed("unit-0-1", "section-0") if statement % 2 else {}
            structure = publish(here, f"v{statement + 2}", units=3 + statement % 2, titles=titles)
            before, cursor = effect(), the_lane().cursor
            killed = deliver_and_die(statement)
            moved = the_lane().cursor != cursor
            assert (effect() != before) == moved
            if moved:
                assert differences(structure) == []
            Lane.objects.update(lease_until=DatabaseNow(-1))
            let_time_pass()
            api.deliver_until_empty()
            assert differences(structure) == []
            if not killed:
                break
        else:
            pytest.fail("the delivery needs more statements than expected")
        assert statement > 20

    def test_a_process_that_ends_leaves_the_transaction_alone(self, here, monkeypatch):
        """It holds the row of the lane. If the process is killed in it, the database undoes it."""
        structure, turns = publish(here, "v1"), []
        send = LocalTarget.send

        def send_and_give_up(target, message):
            answer = send(target, message)
            turns[0].give_up()
            return answer

        monkeypatch.setattr(LocalTarget, "send", send_and_give_up)
        deliver.deliver_lane(the_lane().pk, begun=turns.append)
        assert differences(structure) == []
        assert (the_lane().attempts, the_lane().last_error, the_lane().due_at) == (0, "", None)

    def test_a_lost_lease_undoes_everything(self, here, monkeypatch):
        publish(here, "v1")
        fail_with(monkeypatch, "unit", lambda *_: take_over())
        api.deliver_lane(the_lane().pk)
        assert LocalEntity.objects.count() == 0
        assert LocalReplica.objects.count() == 0
        assert the_lane().answered_sequence == 0
        assert Envelope.objects.count() == 1

    def test_a_lease_that_was_lost_before_sends_nothing(self, here, monkeypatch):
        publish(here, "v1")
        seen = fail_with(monkeypatch, "unit", lambda *_: None)
        real = leases.update_held

        def update_held(row, token, **values):
            if Envelope.objects.exists():
                take_over()
            real(row, token, **values)

        monkeypatch.setattr(leases, "update_held", update_held)
        api.deliver_lane(the_lane().pk)
        assert seen == []
        assert LocalEntity.objects.count() == 0

    @pytest.mark.parametrize(
        "error", [OperationalError(1213, "Deadlock found"), OperationalError("gone away")], ids=str
    )
    def test_an_error_of_the_database_is_no_problem_of_an_operation(self, here, monkeypatch, error):
        structure = publish(here, "v1")
        with monkeypatch.context() as patch:
            fail_with(patch, "unit", raise_for(UNIT, error))
            api.deliver_due()
        lane = the_lane()
        assert (lane.attempts, lane.failing, Problem.objects.count(), LocalEntity.objects.count()) == (1, False, 0, 0)
        assert "OperationalError" in lane.last_error
        assert "found" not in lane.last_error
        let_time_pass()
        api.deliver_due()
        assert differences(structure) == []

    def test_an_error_at_the_end_undoes_everything(self, here, monkeypatch):
        """For example a serializable transaction that fails when it moves the cursor."""
        structure = publish(here, "v1")
        real = deliver.apply_verdict

        def conflict(lane, envelope, verdict, *others):
            real(lane, envelope, verdict, *others)
            if verdict.done:
                raise OperationalError("could not serialize access")

        with monkeypatch.context() as patch:
            patch.setattr(deliver, "apply_verdict", conflict)
            assert api.deliver_due().operations == 0
        assert (the_lane().attempts, LocalEntity.objects.count(), the_lane().answered_sequence) == (1, 0, 0)
        assert the_lane().last_error == "The database rolled the transaction of the envelope back (OperationalError)."
        assert Target.objects.get().breaker_failures == 1
        let_time_pass()
        assert api.deliver_due().operations == len(structure)
        assert differences(structure) == []


class TestFailures:
    @pytest.mark.parametrize("error", [IntegrityError("unique: a title"), ValueError("a title"), PermanentError("no")])
    def test_one_operation_fails_alone(self, here, monkeypatch, error):
        structure = publish(here, "v1")
        with monkeypatch.context() as patch:
            fail_with(patch, "unit", raise_for(UNIT, error))
            api.deliver_until_empty()
        assert states() == [("failed", "unit-0-1"), ("misplaced", "unit-0-2")]
        assert "a title" not in api.problems()[0].reason
        assert LocalUnit.objects.count() == 5  # what the strategy had written for it is undone
        assert LocalEntity.objects.count() == len(structure) - 1
        assert not api.local_course(COURSE).complete
        api.retry("here")
        api.deliver_until_empty()
        assert differences(structure) == []
        assert api.local_course(COURSE).complete

    def test_what_depends_on_it_is_parked(self, here, monkeypatch):
        structure = publish(here, "v1")
        with monkeypatch.context() as patch:
            fail_with(patch, "section", raise_for(SECTION, ValueError("no")))
            api.deliver_until_empty()
        assert states()[0] == ("failed", "section-0")
        assert sorted(states()[1:]) == [
            ("misplaced", "section-1"),
            ("parked", "subsection-0"),
            *(("parked", f"unit-0-{number}") for number in range(3)),
        ]
        assert LocalEntity.objects.count() == len(structure) - 5
        api.retry("here")
        api.deliver_until_empty()
        assert differences(structure) == []

    def test_it_is_skipped(self, here, monkeypatch):
        publish(here, "v1")
        with monkeypatch.context() as patch:
            fail_with(patch, "unit", raise_for(UNIT, ValueError("no")))
            api.deliver_until_empty()
        assert api.skip("here", api.problems()[0].operation_id) == 1
        structure = publish(here, "v2", titles=renamed("unit-0-0"))
        api.deliver_until_empty()
        missing = [line for line in differences(structure) if not line.startswith(("children of", "LocalUnit"))]
        assert missing == [f"{UNIT}: None, should be {structure.entities[UNIT]}"]

    def test_a_whole_envelope_that_the_database_refuses_is_halved(self, here, monkeypatch):
        """An error of the tree's own table has no operation to blame, so the envelope is withdrawn."""
        structure = publish(here, "v1")
        real = LocalEntity._default_manager.__class__.bulk_create

        def refuse(manager, rows, **options):
            if any(getattr(row, "entity_id", "") == UNIT for row in rows):
                raise IntegrityError("no")
            return real(manager, rows, **options)

        with monkeypatch.context() as patch:
            patch.setattr(LocalEntity._default_manager.__class__, "bulk_create", refuse)
            api.deliver_until_empty()
        assert states() == [("failed", "unit-0-1"), ("misplaced", "unit-0-2")]
        assert LocalEntity.objects.count() == len(structure) - 1
        api.retry("here")
        api.deliver_until_empty()
        assert differences(structure) == []


class TestQueries:
    def test_their_number_does_not_grow_with_the_operations(self, here):
        counts = []
        for course, units in (("course-v1:O+Small+R", 2), ("course-v1:O+Large+R", 30)):
            here.publish(a_course("v1", sections=1, units=units, course=course))
            api.sync_course(course)
            with own_queries() as queries:
                api.deliver_due()
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_reading_a_course(self, here):
        publish(here, "v1", sections=5, units=5)
        api.deliver_until_empty()
        with own_queries() as queries:
            outline = api.local_outline(COURSE)
        assert len(queries) == 2
        assert [len(outline.children), len(outline.children[0].children[0].children)] == [5, 5]
        with own_queries() as queries:
            assert [course.key for course in api.local_courses(org="Org")] == [COURSE]
        assert len(queries) == 1


def test_reading_courses(here):
    for course in ("course-v1:Org+A+R", "course-v1:org+B+R", "course-v1:Org+C+R"):
        here.publish(a_course("v1", course=course))
        api.sync_course(course)
        api.deliver_until_empty()
    assert [one.key for one in api.local_courses()] == ["course-v1:Org+A+R", "course-v1:Org+C+R", "course-v1:org+B+R"]
    assert [one.key for one in api.local_courses(org="Org")] == ["course-v1:Org+A+R", "course-v1:Org+C+R"]
    later = LocalReplica.objects.order_by("updated_at").last().updated_at
    assert [one.key for one in api.local_courses(updated_since=later)] == ["course-v1:Org+C+R"]
    assert api.local_course("course-v1:Org+X+R") is None


def effect() -> list:
    """Return everything that a delivery changes at the target."""
    entities = LocalEntity.objects.order_by("pk").values_list("entity_id", "position", "parent_id", "fields")
    return [*entities, *LocalReplica.objects.values_list("sequence", "published_version"), *LocalUnit.objects.values()]


def deliver_and_die(statements: int) -> bool:
    """Deliver, and die after some statements. Return whether the process died."""
    try:
        with killed_after(statements):
            api.deliver_due()
    except Killed:
        return True
    return False
