"""Throttling by a leaking bucket."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from canvasapi.exceptions import Forbidden, RateLimitExceeded

from course_sync_plugin.testing.canvas.clock import Clock
from course_sync_plugin.testing.canvas.faults import Hang
from course_sync_plugin.testing.canvas.throttle import Throttle


def test_a_request_says_what_it_cost_and_what_remains(canvas, course, raw):
    canvas.throttle.cost = 20
    answer = raw("GET", f"/courses/{course.id}")
    assert answer.headers["X-Request-Cost"] == "20"
    assert 580 <= float(answer.headers["X-Rate-Limit-Remaining"]) < 581


def test_a_full_bucket_refuses_with_text(canvas, course, raw):
    canvas.throttle.fill(canvas.token, 700)
    answer = raw("GET", f"/courses/{course.id}")
    assert (answer.status_code, answer.text) == (403, "403 Forbidden (Rate Limit Exceeded)\n")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "X-Request-Cost" not in answer.headers
    assert "Retry-After" not in answer.headers


def test_a_refusal_may_say_that_something_remains(canvas, course, raw):
    canvas.throttle.fill(canvas.token, 580)
    answer = raw("GET", f"/courses/{course.id}")
    assert answer.status_code == 403
    assert 20 <= float(answer.headers["X-Rate-Limit-Remaining"]) < 25


def test_the_cloud_answers_429(canvas, api):
    canvas.throttle.fill(canvas.token, 700)
    with pytest.raises(Forbidden):
        api.create_module({"name": "Bees"})
    canvas.behaviour.throttled_status = 429
    with pytest.raises(RateLimitExceeded):
        api.create_module({"name": "Bees"})


def test_a_refused_request_changes_nothing(canvas, course, api):
    canvas.throttle.fill(canvas.token, 700)
    with pytest.raises(Forbidden):
        api.create_module({"name": "Bees"})
    assert course.modules == {}


def test_the_bucket_leaks(canvas, api):
    canvas.throttle.fill(canvas.token, 700)
    canvas.clock.advance(14)
    with pytest.raises(Forbidden):
        api.create_module({"name": "Bees"})
    canvas.clock.advance(2)
    assert api.create_module({"name": "Bees"}).position == 1


def test_each_token_has_its_bucket(canvas, course, raw):
    canvas.throttle.fill(canvas.token, 700)
    assert raw("GET", f"/courses/{course.id}", canvas.add_token(canvas.user)).status_code == 200


def test_throttling_can_be_switched_off(canvas, course, raw):
    canvas.throttle.enabled = False
    canvas.throttle.fill(canvas.token, 800)
    assert raw("GET", f"/courses/{course.id}").status_code == 200


def test_the_twelfth_request_in_flight_is_refused(canvas, course, raw):
    canvas.throttle.outflow_per_second = 0
    waiting = [Hang(path="modules") for _ in range(11)]
    canvas.faults += waiting
    with ThreadPoolExecutor(11) as pool:
        held = [pool.submit(raw, "GET", f"/courses/{course.id}/modules") for _ in waiting]
        assert all(hang.reached.wait(10) for hang in waiting)
        assert raw("GET", f"/courses/{course.id}").status_code == 403
        for hang in waiting:
            hang.release()
        assert {one.result().status_code for one in held} == {200}
    assert raw("GET", f"/courses/{course.id}").status_code == 200


def test_the_bucket_is_never_fuller_than_its_top():
    throttle = Throttle(Clock())
    throttle.fill("a", 790)
    with throttle.reserved("a") as allowed:
        assert (allowed, throttle.level("a")) == (False, pytest.approx(800, abs=1))
    assert throttle.level("a") == pytest.approx(750, abs=1)


def test_the_bucket_counts_in_many_threads():
    throttle = Throttle(Clock())
    throttle.outflow_per_second = 0
    threads = [threading.Thread(target=_use, args=(throttle,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert throttle.level("a") == pytest.approx(8 * 50 * 0.1)


def _use(throttle):
    for _ in range(50):
        with throttle.reserved("a"):
            pass
