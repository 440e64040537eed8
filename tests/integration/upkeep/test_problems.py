"""``problems``: what failed, grouped by its cause; and everything about one operation."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from course_sync_plugin import api
from course_sync_plugin.exceptions import UnknownName
from course_sync_plugin.models import DatabaseNow, JournalOperation, Lane, Problem, ProblemState, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from course_sync_plugin.upkeep.advice import ADVICE, advice_for
from course_sync_plugin.upkeep.causes import list_causes, normalised
from course_sync_plugin.upkeep.filters import Filters
from tests.integration.courses import COURSE, a_course, block, own_queries
from tests.integration.one_lane import publish, renamed

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "course-v1:Org+Course+Other"


def shown(*arguments: str) -> str:
    out = StringIO()
    call_command("course_sync", "problems", *arguments, stdout=out)
    return out.getvalue()


def value(*arguments: str):
    return json.loads(shown(*arguments, "--json"))


@pytest.fixture
def refused(shelf, receiver, settings):
    """Two units refused for one cause, a section with what is below it for another, and a lane without an answer."""
    settings.COURSE_SYNC_RETRY_SCHEDULE = [600]
    publish(shelf, "1", sections=1)
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    for number, name in enumerate(("unit-0-0", "unit-0-1")):
        reason = f"no room for {block('vertical', name)} (ticket {number}41)"
        receiver.faults.append(Fail(entity_id=block("vertical", name), reason=reason))
    receiver.faults.append(Fail(entity_id=block("chapter", "section-1"), reason="no such class"))
    for at, change in enumerate((renamed("unit-0-0"), renamed("unit-0-0", "unit-0-1")), 2):
        publish(shelf, str(at), sections=1, titles=change)
        api.deliver_until_empty()
    publish(shelf, "4", titles=renamed("unit-0-0", "unit-0-1"))
    api.deliver_until_empty()
    receiver.faults.append(Refuse(503, times=None))
    shelf.publish(a_course("2", course=OTHER, titles=renamed("unit-0-0")))
    api.sync_course(OTHER)
    api.deliver_until_empty()
    return receiver


def test_they_are_grouped_by_their_cause(refused):
    listed = value()
    assert (listed["problems"], listed["parked"], listed["lanes"]) == (3, 4, 1)
    by_reason = {cause["reason"]: cause for cause in listed["causes"]}
    assert len(listed["causes"]) == 3
    first = by_reason["no room for # (ticket #)"]
    assert (first["count"], first["parked"], first["error_class"], first["status"]) == (2, 0, "PermanentError", 200)
    assert first["first"] <= first["last"]
    oldest = Problem.objects.order_by("pk")[0].operation
    assert first["example"] == {
        "course_id": COURSE, "operation": "update", "entity_type": "unit", "entity_id": oldest.entity_id,
        "operation_id": str(oldest.operation_id), "reason": f"no room for {oldest.entity_id} (ticket 041)",
    }  # fmt: skip
    assert (by_reason["no such class"]["count"], by_reason["no such class"]["parked"]) == (1, 4)
    lane = next(cause for cause in listed["causes"] if cause["what"] == "retrying")
    assert (lane["error_class"], lane["example"]["course_id"]) == ("TransientError", OTHER)


def test_the_trend_of_a_cause_counts_the_days_from_now(refused):
    newest, older = Problem.objects.filter(reason__startswith="no room").order_by("-pk")[:2]
    Problem.objects.filter(pk=older.pk).update(since=DatabaseNow(-3 * 86_400 - 60))
    Problem.objects.filter(pk=newest.pk).update(since=DatabaseNow(60))  # the clock of the database is ahead
    (cause,) = (one for one in value()["causes"] if one["reason"].startswith("no room"))
    assert cause["by_day"] == [0, 0, 0, 1, 0, 0, 1]
    Problem.objects.filter(pk=older.pk).update(since=DatabaseNow(-8 * 86_400))
    (cause,) = (one for one in value()["causes"] if one["reason"].startswith("no room"))
    assert cause["by_day"] == [0, 0, 0, 0, 0, 0, 1]


def test_the_text_fits_a_terminal_and_cuts_nothing(refused):
    text = shown()
    assert "Operations that failed: 3, parked behind them: 4. Lanes that fail or wait for an" in text
    long = [line for line in text.splitlines() if len(line) > 80 and " " in line.strip()]
    assert long == []
    for cause in value()["causes"]:
        flat = " ".join(text.split())
        for part in (cause["example"]["reason"], cause["meaning"], cause["action"], cause["target"]):
            assert " ".join(part.split()) in flat


@pytest.mark.parametrize(
    ("arguments", "problems", "lanes"),
    [
        (["--target", "crm"], 3, 1),
        (["--course", OTHER], 0, 1),
        (["--entity-type", "section"], 1, 0),
        (["--operation", "update"], 2, 0),
        (["--since", "1h"], 3, 1),
        (["--until", "1h"], 0, 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_filters(refused, arguments, problems, lanes):
    listed = value(*arguments)
    assert (listed["problems"], listed["lanes"]) == (problems, lanes)


def test_operations_that_are_parked_behind_one_that_is_not_chosen(refused):
    listed = value("--entity-type", "unit", "--operation", "create")
    assert [(cause["state"], cause["count"]) for cause in listed["causes"]] == [("parked", 3)]


def test_everything_about_one(refused):
    problem = Problem.objects.get(reason="no such class")
    (one,) = value("--id", str(problem.operation.operation_id))
    assert (one["state"], one["error_class"], one["parked"]) == ("failed", "PermanentError", 4)
    assert [len(one["waiting"]), one["waiting"][0]["state"]] == [4, "parked"]
    (attempt,) = one["attempts"]
    assert (attempt["status"], attempt["failed"], attempt["error_class"]) == (200, 5, "")
    assert "no such class" in attempt["body"]
    assert "Content-Type: application/json" in attempt["head"]
    text = shown("--id", str(problem.operation.operation_id))
    for part in ("no such class", "HTTP 200 after", "4 operations are parked behind it", "To do: Read the reason."):
        assert part in text
    assert [line for line in text.splitlines() if len(line) > 80 and " " in line.strip()] == []


def test_one_that_is_parked_was_never_sent(refused, shelf):
    publish(shelf, "5", units=4, titles=renamed("unit-0-0", "unit-0-1"))
    api.deliver_until_empty()
    parked = Problem.objects.get(state=ProblemState.PARKED, error_class=None)
    (one,) = value("--id", str(parked.operation.operation_id))
    assert (one["attempts"], one["meaning"]) == ([], str(ADVICE["parked", None].meaning))


def test_one_that_is_closed(refused):
    operation_id = str(Problem.objects.get(reason="no such class").operation.operation_id)
    api.skip("crm", operation_id)
    (one,) = value("--id", operation_id)
    assert one["state"] == "skipped"
    assert one["closed_at"]


@pytest.mark.parametrize("resumed", [False, True])
def test_a_target_that_is_unreachable(shelf, receiver, resumed):
    """Its lanes are one cause, whether a lane has had an attempt or waits for a probe alone."""
    Target.objects.update(options={"breaker_failures": 1})
    publish(shelf, "1", sections=1)
    shelf.publish(a_course("1", course=OTHER))
    api.sync_course(OTHER)
    receiver.faults.append(Refuse(503, times=None))
    api.deliver_due()
    if resumed:
        assert api.resume("crm").unreachable
    (cause,) = value()["causes"]
    assert (cause["what"], cause["state"], cause["count"]) == ("unreachable", "unreachable", 2)
    assert "503" in cause["example"]["reason"]
    assert cause["action"] == str(ADVICE["unreachable", None].action)
    receiver.faults.clear()
    Target.objects.update(breaker_probe_at=None)
    api.deliver_until_empty()
    assert value()["causes"] == []
    assert not api.resume("crm").unreachable


def test_a_target_that_is_gone(shelf, receiver):
    publish(shelf, "1", sections=1)
    receiver.faults.append(Refuse(410))
    api.deliver_due()
    (cause,) = value()["causes"]
    assert (cause["what"], cause["error_class"], cause["status"]) == ("disabled", "TargetGone", 410)
    assert cause["action"] == str(ADVICE["TargetGone", None].action)
    api.resume("crm")
    assert value()["causes"] == []


def test_a_lane_that_fails_for_its_secret(shelf, receiver):
    """The status of its newest attempt tells which advice holds."""
    publish(shelf, "1", sections=1)
    receiver.faults.append(Refuse(401))
    api.deliver_due()
    (cause,) = value()["causes"]
    assert (cause["what"], cause["error_class"], cause["status"]) == ("failing", "ConfigurationError", 401)
    assert cause["action"] == str(ADVICE["ConfigurationError", 401].action)


def test_one_without_a_problem(refused):
    operation = JournalOperation.objects.exclude(pk__in=Problem.objects.values("operation_id"))[0]
    assert "has no problem" in shown("--id", str(operation.operation_id))
    with pytest.raises(UnknownName):
        api.show_problems(Filters(id="261fd25b-4574-47d8-9594-4a4d68f4bdaf"))


def test_nothing_failed(db):
    assert shown() == "There is no open problem, and no lane fails or waits for an answer.\n"


@pytest.mark.parametrize(
    ("reason", "same"),
    [
        (f"no {block('vertical', 'a')}.", f"no {block('html', 'b')}."),
        ("row 17 of 20", "row 3 of 4"),
        ("id 261fd25b-4574-47d8-9594-4a4d68f4bdaf", "id 00000000-4574-47D8-9594-4a4d68f4bdaf"),
        ("<object at 0x7fe7>", "<object at 0x1234abcd>"),
        ("hash deadbeef12", "hash 00abcdef99"),
    ],
)
def test_reasons_of_one_cause(reason, same):
    assert normalised(reason) == normalised(same) != reason


def test_reasons_of_different_causes():
    assert normalised("no such class") != normalised("no such course")
    assert normalised("faced a decade") == "faced a decade", "words of the letters a to f are no ids"


@pytest.mark.parametrize(
    ("error_class", "status", "state", "key"),
    [
        ("PermanentError", 404, "failed", ("PermanentError", 404)),
        ("PermanentError", 422, "failed", ("PermanentError", None)),
        ("PermanentError", 302, "failed", ("PermanentError", 3)),
        ("PermanentError", 200, "failed", ("PermanentError", 2)),
        ("TransientError", 503, "", ("TransientError", 5)),
        ("TransientError", None, "", ("TransientError", None)),
        ("RateLimited", 429, "", ("RateLimited", None)),
        ("ConfigurationError", 401, "", ("ConfigurationError", 401)),
        ("TargetGone", 410, "", ("TargetGone", None)),
        (None, None, "failed", ("", None)),
        ("AnotherError", 400, "failed", ("", None)),
        (None, None, "parked", ("parked", None)),
        ("PermanentError", 200, "parked", ("PermanentError", 2)),
        (None, None, "misplaced", ("misplaced", None)),
    ],
)
def test_what_to_do(error_class, status, state, key):
    assert advice_for(error_class, status, state) == ADVICE[key]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("backend", ["canvas", "discourse"])
def test_what_to_do_about_a_target_with_an_access_token(backend, status):
    """Such a target signs nothing, so nobody should compare secrets and clocks."""
    advice = advice_for("ConfigurationError", status, backend=backend)
    assert ("set-token" in str(advice.action), "secret" in str(advice.action)) == (True, False)
    assert "set-token" in str(advice_for("PermanentError", status, backend=backend).action)
    assert "set-url" not in str(advice_for("PermanentError", 404, backend=backend).action)


@pytest.mark.parametrize("backend", ["webhook", "of a package that is gone", ""])
def test_what_to_do_about_other_targets(backend):
    assert advice_for("ConfigurationError", 403, backend=backend) == ADVICE["ConfigurationError", 403]


def test_the_number_of_queries_is_constant(refused):
    def queries() -> int:
        with own_queries() as found:
            list_causes(Filters())
        return len(found)

    before = queries()
    rows = JournalOperation.objects.exclude(pk__in=Problem.objects.values("operation_id"))
    lane = Lane.objects.order_by("pk")[0]
    for at, row in enumerate(rows):
        Problem.objects.create(
            lane=lane, operation=row, state=ProblemState.FAILED, reason="no" * at, since=DatabaseNow()
        )
    assert queries() == before <= 6
