"""Steps on a cause of errors: what is kept, when a cause is reopened by itself, and who may know of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError, UnknownName
from course_sync_plugin.models import ErrorCause, ErrorStep, Lane, OperatorAction, Problem, Target
from course_sync_plugin.testing.faults import Refuse
from tests.integration.courses import COURSE
from tests.integration.failing import OTHER, deliver, heal, let_fail, step, the_cause
from tests.integration.one_lane import let_time_pass, probe_time_comes

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(shelf, receiver):
    """A unit fails. Return the receiver."""
    deliver(shelf, "1")
    let_fail(shelf, receiver, "2")
    return receiver


@pytest.fixture
def ann(db) -> User:
    return User.objects.create_user("ann")


def shown(state: str = "open", orgs: frozenset[str] | None = None, **filters: object) -> list[str]:
    found = api.errors(api.Filters(**filters), state=state, orgs=orgs)
    return [cause["noted"]["state"] for cause in found.listed["causes"]]


def test_a_cause_without_notes_is_open(failed):
    assert the_cause()["noted"] == {
        "state": "open",
        "assignee": "",
        "resolved_at": None,
        "resolved_by": "",
        "steps": [],
    }
    assert (shown("open"), shown("resolved"), shown("all")) == (["open"], [], ["open"])


def test_every_step_is_kept_with_who_and_why(failed, ann):
    digest = the_cause()["cause"]
    step("assign", digest, user="ann", note="she knows the receiver")
    step("note", digest, note="asked them", by="bob")
    step("resolve", digest, note="their disk was full", by="bob")
    noted = the_cause()["noted"]
    assert (noted["state"], noted["assignee"], noted["resolved_by"]) == ("resolved", "ann", "bob")
    assert noted["resolved_at"]
    assert [(one["operator"], one["action"], one["note"], one["assignee"]) for one in noted["steps"]] == [
        ("ann", "assign-cause", "she knows the receiver", "ann"),
        ("bob", "note-cause", "asked them", ""),
        ("bob", "resolve-cause", "their disk was full", ""),
    ]
    row = OperatorAction.objects.latest("pk")
    assert (row.action, row.target_name, row.course_key) == ("resolve-cause", "crm", COURSE)
    assert row.arguments == {"cause": digest}
    step("reopen", digest)
    step("assign", digest)
    noted = the_cause()["noted"]
    assert (noted["state"], noted["assignee"], noted["resolved_at"], noted["resolved_by"]) == ("open", "", None, "")
    assert len(noted["steps"]) == 5


def test_a_resolved_cause_is_left_out_until_it_comes_back(failed, shelf):
    digest = the_cause()["cause"]
    step("resolve", digest)
    assert (shown("open"), shown("resolved"), shown("all")) == ([], ["resolved"], ["resolved"])
    assert api.errors(api.Filters()).hidden == 1
    let_fail(shelf, failed, "3", unit="unit-0-1")
    assert the_cause()["cause"] == digest
    assert (shown("open"), shown("resolved"), shown("all")) == (["reopened"], [], ["reopened"])


def test_it_comes_back_after_it_was_healed_and_pruned(failed, shelf):
    digest = the_cause()["cause"]
    step("resolve", digest)
    heal()
    assert shown("all") == []
    (ended,) = api.errors(api.Filters(), state="all").ended
    assert (ended["cause"], ended["reason"], ended["noted"]["state"]) == (digest, "no room", "resolved")
    Problem.objects.update(behind=None)
    Problem.objects.all().delete()  # as prune does
    assert [one["cause"] for one in api.errors(api.Filters(target="crm"), state="resolved").ended] == [digest]
    let_fail(shelf, failed, "3")
    assert shown("open") == ["reopened"]
    assert api.errors(api.Filters(), state="all").ended == []


def test_a_cause_that_is_gone_can_be_resolved_and_each_error_is_then_a_return(failed, shelf):
    digest = the_cause()["cause"]
    step("note", digest, note="asked them")
    heal()
    step("resolve", digest)
    assert [one["noted"]["state"] for one in api.errors(api.Filters(), state="resolved").ended] == ["resolved"]
    let_fail(shelf, failed, "3")
    assert shown("open") == ["reopened"]


def test_what_the_operator_did_not_see_is_not_covered(failed, shelf):
    """An error that began before the resolution, and was committed after it, was not looked at."""
    digest = the_cause()["cause"]
    plan = api.step_plan("resolve-cause", digest)
    let_fail(shelf, failed, "3", unit="unit-0-1")
    api.carry_out_step(plan)
    assert shown("open") == ["reopened"]


def test_the_history_says_that_it_had_come_back(failed, shelf):
    digest = the_cause()["cause"]
    step("resolve", digest)
    let_fail(shelf, failed, "3", unit="unit-0-1")
    last = the_cause()["last"]
    step("resolve", digest)
    noted = the_cause()["noted"]
    assert noted["state"] == "resolved"
    assert [one["came_back"] for one in noted["steps"]] == ["", last]


def test_lanes_that_stand_still(shelf, receiver):
    deliver(shelf, "1")
    receiver.faults.append(Refuse(503))
    deliver(shelf, "2", titles={"unit-0-0": "other"})
    digest = the_cause()["cause"]
    step("resolve", digest)
    assert shown() == []
    let_time_pass()
    probe_time_comes()
    api.deliver_until_empty()
    assert shown("all") == []
    receiver.faults.append(Refuse(503))
    deliver(shelf, "3", titles={"unit-0-0": "again"})
    assert the_cause()["cause"] == digest
    assert shown() == ["reopened"]


def test_a_disabled_target(shelf, receiver):
    deliver(shelf, "1")
    receiver.faults.append(Refuse(410))
    deliver(shelf, "2", titles={"unit-0-0": "other"})
    cause = the_cause()
    assert cause["what"] == "disabled"
    step("resolve", cause["cause"])
    assert shown() == []
    api.resume("crm")
    api.deliver_until_empty()
    receiver.faults.append(Refuse(410))
    deliver(shelf, "3", titles={"unit-0-0": "again"})
    assert the_cause()["cause"] == cause["cause"]
    assert shown() == ["reopened"]


def test_lanes_of_which_nobody_knows_since_when_they_stand_still(shelf, receiver):
    """Nothing could tell their return from what was there, so they are never hidden."""
    deliver(shelf, "1")
    receiver.faults.append(Refuse(410))
    deliver(shelf, "2", titles={"unit-0-0": "other"})
    Lane.objects.update(retrying_since=None)
    digest = the_cause()["cause"]
    with pytest.raises(ConfigurationError, match="Resume the target first"):
        step("resolve", digest)
    step("note", digest, note="gone?")
    api.resume("crm")
    api.deliver_until_empty()
    step("resolve", digest)
    Target.objects.update(disabled_reason=ErrorCause.objects.get().reason.replace("#", "1"))
    assert shown() == ["reopened"]


@pytest.mark.parametrize(
    ("name", "before", "said"),
    [("reopen", [], "is open"), ("resolve", ["resolve"], "resolved already"), ("note", [], "needs a text")],
)
def test_a_step_that_makes_no_sense(failed, name, before, said):
    digest = the_cause()["cause"]
    for one in before:
        step(one, digest)
    with pytest.raises(ConfigurationError, match=said):
        step(name, digest)
    assert ErrorStep.objects.count() == OperatorAction.objects.filter(action__contains="-cause").count() == len(before)


def test_a_plan_is_carried_out_once_and_not_after_another_step(failed):
    digest = the_cause()["cause"]
    plan = api.step_plan("resolve-cause", digest)
    assert plan.token != api.step_plan("assign-cause", digest).token
    step("note", digest, note="wait")
    assert plan.token != api.step_plan("resolve-cause", digest).token
    with pytest.raises(ConfigurationError, match="no longer valid"):
        api.carry_out_step(plan)
    assert the_cause()["noted"]["state"] == "open"


def test_a_step_that_is_rolled_back_leaves_nothing(failed):
    plan = api.step_plan("resolve-cause", the_cause()["cause"])
    with pytest.raises(RuntimeError), transaction.atomic():
        api.carry_out_step(plan)
        raise RuntimeError
    assert not ErrorCause.objects.exists()
    assert not OperatorAction.objects.filter(action="resolve-cause").exists()


@pytest.mark.parametrize("name", ["Ann", "nobody", "gone", "a\0b", ""])
def test_a_user_has_exactly_this_name_and_is_active(failed, ann, name):
    User.objects.create_user("gone", is_active=False)
    digest = the_cause()["cause"]
    if name:
        with pytest.raises(UnknownName):
            api.step_plan("assign-cause", digest, assignee=name)
    else:
        assert api.step_plan("assign-cause", digest, assignee=name).assignee == ""


def test_a_database_that_ignores_case_finds_nobody_else(failed, ann, monkeypatch):
    found = SimpleNamespace(_default_manager=SimpleNamespace(filter=lambda username: [ann]))
    monkeypatch.setattr("course_sync_plugin.upkeep.error_steps.get_user_model", lambda: found)
    with pytest.raises(UnknownName):
        api.step_plan("assign-cause", the_cause()["cause"], assignee="ANN")


def test_a_user_who_is_deleted(failed, ann):
    digest = the_cause()["cause"]
    step("assign", digest, user="ann")
    ann.delete()
    assert the_cause()["noted"]["assignee"] == ""


def test_the_beginning_of_a_digest_names_a_cause(failed, shelf):
    digest = the_cause()["cause"]
    assert api.find_noted_cause(digest[:8]).digest == digest
    for wrong in (digest[:7], "", "%" * 8, "é" * 8):
        with pytest.raises(ConfigurationError):
            api.find_noted_cause(wrong)
    with pytest.raises(UnknownName):
        api.find_noted_cause("0" * 64)
    row = ErrorCause.objects.create(target=Target.objects.get(), digest=f"{digest[:8]}{'z' * 56}", what="operations")
    with pytest.raises(ConfigurationError, match="several"):
        api.find_noted_cause(digest[:8])
    assert api.find_noted_cause(row.digest[:9]).digest == row.digest


def test_the_notes_go_with_the_target_and_the_record_stays(failed):
    step("resolve", the_cause()["cause"])
    api.remove_target("crm")
    assert not ErrorCause.objects.exists()
    assert not ErrorStep.objects.exists()
    assert OperatorAction.objects.filter(action="resolve-cause").exists()


class TestWhoKnows:
    """A cause of two organisations. What concerned both is known to those who see both."""

    @pytest.fixture
    def both(self, failed, shelf) -> str:
        deliver(shelf, "1", OTHER)
        let_fail(shelf, failed, "2", OTHER)
        return the_cause()["cause"]

    def seen(self, org: str, course: str) -> dict:
        (cause,) = api.errors(api.Filters(course=course), state="all", orgs=frozenset({org})).listed["causes"]
        return cause["noted"]

    def test_a_resolution_holds_for_everybody_and_its_words_do_not(self, both, ann):
        step("assign", both, user="ann")
        step("resolve", both, note="Other University's firewall")
        assert self.seen("Org", COURSE) == {
            "state": "resolved",
            "assignee": "",
            "resolved_at": None,
            "resolved_by": "",
            "steps": [],
        }

    def test_a_note_of_another_organisation_stays_there(self, failed, shelf, ann):
        digest = the_cause()["cause"]
        step("assign", digest, user="ann")
        step("resolve", digest, note="only we know this")
        heal()
        deliver(shelf, "1", OTHER)
        let_fail(shelf, failed, "2", OTHER)
        noted = self.seen("Other", OTHER)
        assert (noted["state"], noted["assignee"], noted["steps"]) == ("open", "", [])
        assert api.errors(api.Filters(), state="all", orgs=frozenset({"Org"})).listed["causes"][0]["noted"]["steps"]
        step("assign", digest, user="ann", note="ours")
        noted = self.seen("Other", OTHER)
        assert (noted["assignee"], [one["note"] for one in noted["steps"]]) == ("ann", ["ours"])

    def test_a_return_in_one_organisation_is_none_for_the_other(self, both, failed, shelf):
        step("resolve", both)
        let_fail(shelf, failed, "3", OTHER, unit="unit-0-1")
        assert self.seen("Org", COURSE)["state"] == "resolved"
        assert self.seen("Other", OTHER)["state"] == "open"  # it does not know the resolution of both
        assert shown("open") == ["reopened"]

    def test_a_cause_that_is_gone_is_shown_to_those_who_see_all_of_it(self, both):
        step("resolve", both)
        heal()
        for orgs, number in ((frozenset({"Org"}), 0), (frozenset({"Org", "Other"}), 1), (None, 1), (frozenset(), 0)):
            assert len(api.errors(api.Filters(), state="all", orgs=orgs).ended) == number


class TestTheCauseOfARetry:
    @pytest.fixture
    def two(self, failed, shelf) -> dict[str, str]:
        """Two units fail for two causes. Return the digests by the reasons."""
        let_fail(shelf, failed, "3", reason="no time", unit="unit-0-1")
        return {one["reason"]: one["cause"] for one in api.list_causes(api.Filters())["causes"]}

    def test_it_concerns_the_cause_alone(self, two):
        for reason, digest in two.items():
            for cause in (digest, digest[:8]):
                (retry,) = api.retry_plans(api.Filters("crm", cause=cause))
                (skip,) = api.skip_plans(api.Filters(course=COURSE, cause=cause))
                assert [one.reason for one in retry.problems] == [one.reason for one in skip.problems] == [reason]
        assert len(api.retry_plans(api.Filters())[0].problems) == 2

    def test_a_cause_that_is_gone_or_is_not_named_enough(self, two):
        for cause in ("0" * 64, two["no time"][:7]):
            assert api.retry_plans(api.Filters(cause=cause)) == api.skip_plans(api.Filters(cause=cause)) == []

    def test_the_record_names_the_cause(self, two):
        chosen = api.Filters(cause=two["no time"])
        (plan,) = api.retry_plans(chosen)
        api.carry_out_retry(plan, chosen)
        assert OperatorAction.objects.get(action="retry").arguments == {"cause": two["no time"]}
        assert [one["reason"] for one in api.list_causes(api.Filters())["causes"] if one["state"] == "failed"] == [
            "no room"
        ]

    def test_lanes(self, failed, shelf):
        """A lane that waits for an answer is another cause than the operation in another lane."""
        deliver(shelf, "1", OTHER)
        failed.faults.append(Refuse(503, times=None))
        deliver(shelf, "2", OTHER, titles={"unit-0-0": "other"})
        causes = {one["what"]: one["cause"] for one in api.list_causes(api.Filters())["causes"]}
        (plan,) = api.retry_plans(api.Filters(cause=causes["retrying"]))
        assert (plan.problems, plan.courses) == ((), (OTHER,))
        assert api.skip_plans(api.Filters(cause=causes["retrying"])) == []
        (plan,) = api.retry_plans(api.Filters(cause=causes["operations"]))
        assert (len(plan.problems), plan.courses) == (1, (COURSE,))


def test_one_query_reads_the_notes(failed, shelf, django_assert_num_queries):
    let_fail(shelf, failed, "3", reason="no time", unit="unit-0-1")
    with CaptureQueriesContext(connection) as without:
        api.list_causes(api.Filters())
    for one in api.list_causes(api.Filters())["causes"]:
        step("note", one["cause"], note="a")
        step("note", one["cause"], note="b")
    with django_assert_num_queries(len(without) + 1):
        api.errors(api.Filters())
