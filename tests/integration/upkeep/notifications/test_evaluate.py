"""Rules are evaluated: what they find, what is told of it, and what that costs."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import Error
from waffle.testutils import override_switch

from course_sync_plugin import api
from course_sync_plugin.models import (
    Activity,
    CatalogRun,
    DatabaseNow,
    HeldRun,
    JournalOperation,
    Lane,
    Notice,
    NotificationEvent,
    NotificationRule,
    Problem,
    Run,
    Target,
    bulk,
)
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep.notifications import outbox
from course_sync_plugin.upkeep.notifications.evaluate import Evaluated
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.upkeep.notifications.helpers import channel, evaluate, failing, lanes, rule, target, told

pytestmark = pytest.mark.django_db

HOUR = 3600


@pytest.fixture
def crm() -> Target:
    return target()


class TestWhatIsFound:
    def test_a_target_that_fails_for_longer_than_the_threshold(self, crm, caplog):
        rule("target_failing", channel(), 900)
        lanes(crm, 3, failing=True)
        evaluate()
        evaluate(840)
        assert told(caplog) == []
        evaluate()
        (text,) = told(caplog)
        assert text.startswith("target failing: crm: Deliveries fail")
        assert "crm, courses: 3, since 20" in text
        assert "manage.py course_sync status --target crm" in text

    def test_the_database_may_know_since_when_it_fails(self, crm, caplog):
        rule("target_failing", channel())  # 15 minutes
        lanes(crm, 1, attempts=2, retrying_since=DatabaseNow(-800))
        evaluate()
        assert told(caplog) == []
        Lane.objects.update(retrying_since=DatabaseNow(-901))
        evaluate()
        assert len(told(caplog)) == 1

    @pytest.mark.parametrize(
        "quiet",
        [
            lambda: Lane.objects.update(failing=False),
            lambda: Lane.objects.update(paused=True),
            lambda: Target.objects.update(paused=True),
            lambda: Target.objects.update(disabled_reason="HTTP 410"),  # this is told by an event of its own
        ],
        ids=["in order", "lane paused", "target paused", "target disabled"],
    )
    def test_a_target_that_does_not_fail(self, crm, caplog, quiet):
        rule("target_failing", channel(), 0)
        lanes(crm, 1, failing=True)
        quiet()
        evaluate()
        assert told(caplog) == []

    def test_the_first_problem_of_a_course(self, shelf, receiver, caplog):
        rule("first_problem", channel())
        receiver.faults.append(Fail(times=None, entity_id=block("vertical", "unit-0-0"), reason="<b>their text</b>"))
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        evaluate()
        (text,) = told(caplog)
        assert text.startswith(f"first problem of a course: {COURSE} → crm: ")
        assert "crm, operations: 1, since 20" in text
        assert f"course_sync status --course {COURSE} --target crm" in text
        assert "their text" not in text
        receiver.faults.append(Fail(times=None, entity_id=block("vertical", "unit-0-1"), reason="again"))
        shelf.publish(a_course("v2", titles={"unit-0-1": "new"}))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        assert Problem.objects.filter(state="failed").count() == 2
        evaluate()
        assert told(caplog) == [], "only the first problem of a course is told"

    def test_a_breaker_that_is_open(self, crm, caplog):
        rule("breaker_open", channel(), 300)
        Target.objects.update(breaker_opened_at=DatabaseNow(-200))
        evaluate()
        assert told(caplog) == []
        Target.objects.update(breaker_opened_at=DatabaseNow(-301))
        evaluate()
        assert told(caplog)[0].startswith("circuit breaker open: crm: ")

    def test_a_receiver_that_is_gone(self, shelf, receiver, caplog):
        rule("target_disabled", channel())
        receiver.faults.append(Refuse(410))
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        evaluate()
        assert told(caplog)[0].startswith("target disabled: crm: ")

    def test_a_run_that_is_held(self, shelf, caplog):
        rule("run_held", channel())
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        shelf.delete()
        api.sync_course(COURSE)
        evaluate()
        (text,) = told(caplog)
        assert text.startswith(f"run held: {COURSE}: ")
        assert "deletions: 11, since 20" in text
        HeldRun.objects.update(approved=True)
        rule("recovered", channel(name="other"))
        evaluate(HOUR)
        assert (told(caplog), Notice.objects.count()) == ([], 0), "the other channel was not told of the begin"

    @pytest.mark.parametrize(("age", "is_told"), [(1799, False), (1801, True)])
    def test_the_oldest_operation_that_is_not_delivered(self, shelf, receiver, settings, caplog, age, is_told):
        settings.COURSE_SYNC_OBJECTIVE_SECONDS = 1800
        rule("undelivered", channel())
        shelf.publish(a_course("v1"))
        api.sync_course(COURSE)
        api.deliver_until_empty()
        shelf.publish(a_course("v2", titles={"unit-0-0": "new"}))
        api.sync_course(COURSE)
        Run.objects.update(ended_at=DatabaseNow(-age))
        Lane.objects.update(created_at=DatabaseNow(-9000))
        evaluate()
        assert bool(told(caplog)) == is_told
        api.deliver_until_empty()
        evaluate()
        assert not Notice.objects.filter(closed_at=None).exists()

    def test_a_lane_without_a_baseline_waits_since_it_was_made(self, crm, caplog):
        rule("undelivered", channel(), 600)
        lanes(crm, 1)
        Lane.objects.update(cursor=None, created_at=DatabaseNow(-601), due_at=DatabaseNow(300))
        evaluate()
        assert len(told(caplog)) == 1

    def test_no_sweep(self, shelf, caplog):
        rule("no_sweep", channel())
        evaluate()
        assert told(caplog) == [], "a site that never swept may use neither run nor sweep"
        api.sweep()
        Activity.objects.update(swept_at=DatabaseNow(-601))
        evaluate()
        assert told(caplog)[0].startswith("no sweep: No process has swept")
        api.sweep()
        evaluate()
        assert Notice.objects.get().closed_at

    @pytest.mark.parametrize(
        ("state", "failures", "is_told"),
        [
            ("stopped", ["no answer"], True),
            ("stopped", [], False),
            ("completed", ["one page, then it answered"], False),
            ("running", ["no answer"], False),
        ],
    )
    def test_a_catalog_run(self, caplog, state, failures, is_told):
        rule("catalog_failed", channel())
        CatalogRun.objects.create(state=state, failures=failures, began_at=DatabaseNow())
        evaluate()
        assert bool(told(caplog)) == is_told

    def test_a_later_catalog_run_that_completed(self, caplog):
        rule("catalog_failed", channel())
        for state in ("stopped", "completed", "running"):
            CatalogRun.objects.create(state=state, failures=["x"], began_at=DatabaseNow())
        evaluate()
        assert told(caplog) == []

    def test_a_rule_for_one_target(self, crm, caplog):
        lanes(crm, 1, failing=True)
        lanes(target("lms"), 1, failing=True)
        rule("target_failing", channel(), 0, target=crm)
        evaluate()
        (text,) = told(caplog)
        assert "crm" in text
        assert "lms" not in text


class TestWhatIsTold:
    def test_nothing_without_rules(self, crm, caplog):
        channel()
        lanes(crm, 1, failing=True)
        assert evaluate() == Evaluated(0, 0)
        assert told(caplog) == []

    def test_one_message_for_5000_courses(self, crm, caplog):
        """The number of queries for 5,000 lanes is that for 2, and a rule sends one message."""
        for event in NotificationEvent:
            rule(event, channel(name=event), 0)
        few = target("few")
        lanes(few, 2, failing=True)
        evaluate()
        with own_queries() as for_two:
            evaluate(HOUR)
        told(caplog)
        lanes(crm, 5000, failing=True)
        with own_queries() as first:
            assert evaluate(HOUR).sent == 1
        (text,) = told(caplog)
        assert "crm, courses: 5000, since" in text
        assert len(first) <= len(for_two) + 1, "the notice of the new target"
        with own_queries() as again:
            evaluate(HOUR)
        assert len(again) <= len(for_two)

    def test_one_message_for_problems_of_many_courses(self, crm, caplog):
        """Queries grow with the parts of 500 rows, and not with the rows."""
        rule("first_problem", channel())
        evaluate()
        with own_queries() as idle:
            evaluate()
        problems(lanes(crm, 1500))
        with own_queries() as many:
            assert evaluate() == Evaluated(1, 0)
        others = [one for one in many if not one.startswith("INSERT")]  # SQLite takes few values in a statement
        assert len(others) <= len(idle) + 1500 / bulk.ROWS
        (text,) = told(caplog)
        assert text.count("course-v1:") == 10 + 1
        assert "and 1499 more" in text
        assert "and 1490 more" in text
        with own_queries() as nothing_new:
            assert evaluate() == Evaluated(0, 0)
        assert len(nothing_new) == len(idle)

    def test_a_group_of_courses_that_follow(self, crm, caplog):
        rule("first_problem", channel())
        rows = lanes(crm, 4)
        for minute in range(4):
            problems(rows[minute : minute + 1])
            evaluate()
        assert len(told(caplog)) == 1
        evaluate(120)
        (text,) = told(caplog)
        assert "and 2 more" in text

    def test_the_cool_down_and_the_repeat(self, crm, caplog):
        rule("target_failing", channel(), 0, cooldown_seconds=HOUR)
        lanes(crm, 1, failing=True)
        evaluate()
        assert len(told(caplog)) == 1
        for _ in range(3):
            failing(crm, is_failing=False)
            evaluate()
            failing(crm)
            evaluate()
        assert told(caplog) == [], "flapping stays quiet"
        evaluate(HOUR)
        (text,) = told(caplog)
        assert "(4 times since 20" in text

    def test_the_recovery(self, crm, caplog):
        to = channel()
        rule("target_failing", to, 0, cooldown_seconds=600)
        rule("recovered", to, 0)
        lanes(crm, 1, failing=True)
        evaluate()
        told(caplog)
        failing(crm, is_failing=False)
        evaluate(300)
        assert told(caplog) == [], "it may come back within the cool-down"
        evaluate(300)
        (text,) = told(caplog)
        assert text.startswith("recovered: target failing: crm: ")
        assert evaluate(HOUR) == Evaluated(0, 0)
        assert Notice.objects.count() == 0

    def test_a_recovery_that_must_last(self, crm, caplog):
        to = channel()
        rule("target_failing", to, 0, cooldown_seconds=60)
        rule("recovered", to, 600)
        lanes(crm, 1, failing=True)
        evaluate()
        failing(crm, is_failing=False)
        evaluate(61)
        told(caplog)
        evaluate(540)
        assert told(caplog) == []
        evaluate(61)
        assert told(caplog)[0].startswith("recovered: ")

    def test_no_recovery_of_what_was_not_told(self, crm, caplog):
        to = channel()
        rule("target_failing", to, 900)
        rule("recovered", to)
        lanes(crm, 1, failing=True)
        evaluate()
        failing(crm, is_failing=False)
        for _ in range(3):
            evaluate(HOUR)
        assert told(caplog) == []
        assert Notice.objects.count() == 0

    def test_a_rule_that_is_switched_off_forgets(self, crm, caplog):
        one = rule("target_failing", channel(), 0)
        lanes(crm, 1, failing=True)
        evaluate()
        told(caplog)
        NotificationRule.objects.filter(pk=one.pk).update(enabled=False)
        evaluate(HOUR)
        assert (told(caplog), Notice.objects.count()) == ([], 0)

    def test_nothing_while_everything_is_stopped(self, crm, caplog):
        rule("target_failing", channel(), 0)
        lanes(crm, 1, failing=True)
        with override_switch("course_sync.stopped", active=True):
            evaluate()
        assert (told(caplog), Notice.objects.count()) == ([], 0)

    def test_text_of_others_is_cleaned(self, caplog, settings):
        settings.LMS_ROOT_URL = "https://lms\x1b[31m.example.org\n"
        rule("target_disabled", channel())
        target(disabled_reason="gone")
        evaluate()
        assert told(caplog)[0].isprintable()


class TestSeveralProcesses:
    def test_one_of_them_evaluates(self, crm, caplog):
        rule("target_failing", channel(), 0, cooldown_seconds=60)
        lanes(crm, 1, failing=True)
        assert evaluate() == Evaluated(1, 0)
        assert api.send_notifications() == Evaluated(0, 0)
        assert evaluate(61) == Evaluated(1, 0)

    def test_the_claim(self):
        assert Activity.claim_evaluation(50)
        assert Activity.claim_evaluation(50) is None
        Activity.objects.update(notified_at=DatabaseNow(-51))
        assert Activity.claim_evaluation(50)

    def test_a_kill_between_send_and_note_sends_once_more(self, crm, caplog, monkeypatch):
        rule("target_failing", channel(), 0)
        lanes(crm, 1, failing=True)
        with monkeypatch.context() as killed:
            killed.setattr(outbox, "_note_sent", raise_error)
            with pytest.raises(Error):
                evaluate()
        for _ in range(3):
            evaluate()
        assert len(told(caplog)) == 2


def raise_error(*_arguments: object) -> None:
    raise Error("the process dies here")


def problems(of: list[Lane]) -> None:
    """Insert an operation and its failed problem for each of these lanes."""
    bulk.insert(
        Run(course_id=lane.course_id, kind="sync", began_at=DatabaseNow(), ended_at=DatabaseNow(), operations_count=1)
        for lane in of
    )
    runs = dict(Run.objects.values_list("course_id", "pk"))
    bulk.insert(operation(lane, runs[lane.course_id]) for lane in of)
    rows = dict(JournalOperation.objects.values_list("course_id", "pk"))
    bulk.insert(
        Problem(lane=lane, operation_id=rows[lane.course_id], state="failed", since=DatabaseNow(-1)) for lane in of
    )


def operation(lane: Lane, run: int) -> JournalOperation:
    return JournalOperation(
        course_id=lane.course_id, position=1, run_id=run, operation_id=uuid4(), operation="create",
        entity_type="unit", entity_id="x", block_type="vertical",
    )  # fmt: skip
