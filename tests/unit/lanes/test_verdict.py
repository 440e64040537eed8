"""The verdict on an attempt: it depends on who must act."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.data import Answer, FailedOperation
from course_sync_plugin.exceptions import (
    ConfigurationError,
    CourseSyncError,
    Interrupted,
    PermanentError,
    RateLimited,
    TargetGone,
    TransientError,
)
from course_sync_plugin.lanes.retry import JITTER, Retries, next_wait
from course_sync_plugin.lanes.verdict import Signal, Verdict, judge

IDS = ("one", "two", "three")
SCHEDULE = Retries((10, 100))
FINAL = FailedOperation("two", "no such class")
AGAIN = FailedOperation("three", "locked", retry=True)


def assert_waits(verdict: Verdict, seconds: float) -> None:
    assert seconds <= verdict.wait <= seconds * (1 + JITTER)
    assert not any((verdict.done, verdict.isolate, verdict.stop, verdict.gone))


@pytest.mark.parametrize("attempts", [0, 1, 5])
def test_an_answer_is_the_end_of_an_envelope(attempts):
    assert judge(Answer(), IDS, attempts, SCHEDULE) == Verdict(done=True, accepted=True)


def test_what_failed_for_good_is_named():
    verdict = judge(Answer((FINAL,)), IDS, 0, SCHEDULE)
    assert verdict == Verdict(done=True, accepted=True, failures=(("two", "no such class"),))


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 10), (1, 100)])
def test_what_the_receiver_wants_to_see_again_makes_the_envelope_wait(attempts, seconds):
    verdict = judge(Answer((FINAL, AGAIN)), IDS, attempts, SCHEDULE)
    assert_waits(verdict, seconds)
    assert (verdict.attempts, verdict.error, verdict.failures) == (attempts + 1, "locked", ())


def test_what_it_still_wants_to_see_when_no_attempt_is_left_has_failed():
    verdict = judge(Answer((FINAL, AGAIN)), IDS, 2, SCHEDULE)
    assert verdict == Verdict(done=True, accepted=True, failures=(("two", "no such class"), ("three", "locked")))


@pytest.mark.parametrize("failed", [(), (FINAL,), (AGAIN,)])
def test_what_was_not_understood_is_passed_on_and_decides_nothing(failed):
    with_warning = judge(Answer(failed, "cannot be read"), IDS, 0, SCHEDULE)
    without = judge(Answer(failed), IDS, 0, SCHEDULE)
    assert (with_warning.warning, without.warning) == ("cannot be read", "")
    same = ("done", "accepted", "failures", "isolate", "stop", "gone", "attempts", "error")
    assert [getattr(with_warning, name) for name in same] == [getattr(without, name) for name in same]
    assert (with_warning.wait is None) == (without.wait is None)


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 10), (1, 100)])
def test_no_answer_waits_by_the_schedule(attempts, seconds):
    verdict = judge(TransientError("silence"), IDS, attempts, SCHEDULE)
    assert_waits(verdict, seconds)
    assert (verdict.attempts, verdict.error) == (attempts + 1, "silence")


@pytest.mark.parametrize("attempts", [2, 3, 50])
def test_no_answer_and_no_attempt_left_stops_the_lane(attempts):
    verdict = judge(TransientError("silence"), IDS, attempts, SCHEDULE)
    assert verdict == Verdict(stop=True, attempts=attempts + 1, error="silence", signal=Signal.UNANSWERED)


@pytest.mark.parametrize("attempts", [0, 2, 50])
def test_who_asks_us_to_wait_burns_no_attempt(attempts):
    verdict = judge(RateLimited("slowly", retry_after=42), IDS, attempts, SCHEDULE)
    assert verdict == Verdict(wait=42, attempts=attempts, error="slowly", signal=Signal.LIMITED)


@pytest.mark.parametrize("attempts", [0, 2, 50])
def test_what_this_process_interrupts_burns_no_attempt_and_is_no_error(attempts):
    verdict = judge(Interrupted("The process is ending.", retry_after=3), IDS, attempts, SCHEDULE)
    assert verdict == Verdict(wait=3, attempts=attempts, signal=Signal.NONE)


def test_who_is_gone_disables_the_target():
    assert judge(TargetGone("gone"), IDS, 1, SCHEDULE) == Verdict(gone=True, error="gone")


@pytest.mark.parametrize("operation_ids", [IDS, IDS[:2]])
def test_a_final_refusal_of_several_is_looked_into(operation_ids):
    assert judge(PermanentError("no"), operation_ids, 1, SCHEDULE) == Verdict(isolate=True, error="no")


def test_a_final_refusal_of_one_is_its_problem():
    assert judge(PermanentError("no"), ("one",), 1, SCHEDULE) == Verdict(
        done=True, failures=(("one", "no"),), error="no"
    )


def test_a_final_refusal_of_nothing_stops_the_lane():
    """An envelope that only ends a run has no operation that could become a problem."""
    assert judge(PermanentError("no"), (), 1, SCHEDULE) == Verdict(stop=True, attempts=1, error="no")


@pytest.mark.parametrize("error", [ConfigurationError("wrong secret"), CourseSyncError("what?")])
def test_anything_else_is_for_the_operator(error):
    expected = Verdict(stop=True, attempts=1, error=error.message, signal=Signal.UNANSWERED)
    assert judge(error, IDS, 1, SCHEDULE) == expected


RESULTS = st.one_of(
    st.lists(st.sampled_from([FINAL, AGAIN]), unique=True).map(lambda failed: Answer(tuple(failed))),
    st.sampled_from([TransientError("?"), PermanentError("?"), TargetGone("?"), ConfigurationError("?")]),
    st.floats(1, 1e5).map(lambda seconds: RateLimited("?", retry_after=seconds)),
)


@given(RESULTS, st.integers(0, 3), st.integers(0, 12), st.lists(st.floats(1, 1e5), max_size=10))
def test_exactly_one_thing_follows_and_every_failure_has_a_reason(result, operations, attempts, schedule):
    verdict = judge(result, IDS[:operations], attempts, Retries(schedule))
    assert [verdict.done, verdict.isolate, verdict.stop, verdict.gone, verdict.wait is not None].count(True) == 1
    assert all(operation_id and reason for operation_id, reason in verdict.failures)
    assert verdict.done or not verdict.failures
    assert verdict.error or verdict.accepted


@given(st.lists(st.floats(0, 1e6), max_size=12))
def test_n_waits_are_n_plus_one_attempts(schedule):
    waits = [next_wait(schedule, attempts) for attempts in range(1, len(schedule) + 2)]
    assert waits[-1] is None
    assert all(planned <= wait <= planned * (1 + JITTER) for planned, wait in zip(schedule, waits))


@pytest.mark.parametrize("result", [TransientError("silence"), Answer((AGAIN,))])
def test_those_that_failed_together_do_not_come_back_together(result):
    """Their waits differ by at least a tenth of the planned wait."""
    waits = [judge(result, IDS, 0, Retries([1000])).wait for _ in range(100)]
    assert max(waits) - min(waits) > 100


@pytest.mark.parametrize(
    ("result", "signal"),
    [
        (Answer(), Signal.ANSWERED),
        (Answer((FINAL,)), Signal.ANSWERED),
        (Answer((AGAIN,)), Signal.ANSWERED),
        (PermanentError("no"), Signal.ANSWERED),
        (TargetGone("gone"), Signal.ANSWERED),
        (RateLimited("slowly", retry_after=1), Signal.LIMITED),
        (TransientError("silence"), Signal.UNANSWERED),
        (ConfigurationError("wrong secret"), Signal.UNANSWERED),
    ],
)
@pytest.mark.parametrize("operation_ids", [IDS, IDS[:1], ()])
def test_what_an_attempt_says_about_the_target(result, signal, operation_ids):
    assert judge(result, operation_ids, 0, SCHEDULE).signal is signal
