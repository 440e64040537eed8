"""Faults that a test scripts, and the log of requests."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.faults import Drop, Hang, Refuse, maintenance, throttled


@pytest.fixture
def create(course, raw):
    return lambda: raw("POST", f"/courses/{course.id}/modules", json={"module": {"name": "Bees"}})


def test_the_connection_closes_before_the_request_is_carried_out(canvas, course, create):
    canvas.faults.append(Drop())
    with pytest.raises(requests.ConnectionError):
        create()
    assert course.modules == {}
    assert create().status_code == 200


def test_the_connection_closes_after_it_so_that_a_second_try_makes_a_double(canvas, course, create):
    canvas.faults.append(Drop(processed=True))
    with pytest.raises(requests.ConnectionError):
        create()
    assert create().status_code == 200
    assert [module.name for module in course.modules.values()] == ["Bees", "Bees"]


@pytest.mark.parametrize("processed", [True, False])
def test_an_error_of_the_server(canvas, course, create, processed):
    canvas.faults.append(Refuse(502, times=2, processed=processed))
    assert [create().status_code for _ in range(3)] == [502, 502, 200]
    assert len(course.modules) == (3 if processed else 1)


@pytest.mark.parametrize("status", [200, 503])
def test_a_maintenance_page(canvas, course, create, status):
    canvas.faults.append(maintenance(status))
    answer = create()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    assert "<html>" in answer.text
    assert course.modules == {}


@pytest.mark.parametrize("status", [403, 429])
def test_throttling_as_a_fault(canvas, create, status):
    canvas.faults.append(throttled(status))
    answer = create()
    assert (answer.status_code, answer.headers["X-Rate-Limit-Remaining"]) == (status, "0.0")
    assert "Rate Limit Exceeded" in answer.text
    assert create().status_code == 200


def test_a_request_hangs_until_it_is_released(canvas, course, create):
    hang = Hang(path="modules")
    canvas.faults.append(hang)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(create)
        assert hang.reached.wait(10)
        assert not answer.done()
        assert len(course.modules) == 1
        hang.release()
        assert answer.result().status_code == 200


def test_a_request_that_hangs_may_never_be_carried_out(canvas, course, create):
    canvas.faults.append(Hang(0.01, processed=False))
    with pytest.raises(requests.ConnectionError):
        create()
    assert course.modules == {}


def test_a_fault_can_be_for_some_requests(canvas, course, create, raw):
    canvas.faults.append(Refuse(500, method="POST", path="/modules$", times=None))
    assert raw("GET", f"/courses/{course.id}/modules").status_code == 200
    assert [create().status_code for _ in range(3)] == [500, 500, 500]


def test_the_log_has_every_request(canvas, course, create):
    canvas.faults += [Drop(method="POST"), Refuse(500)]
    with pytest.raises(requests.ConnectionError):
        create()
    create()
    create()
    assert [(one.method, one.status) for one in canvas.requests] == [("POST", None), ("POST", 500), ("POST", 200)]
    assert canvas.requests[0].parameters == {"module": {"name": "Bees"}}
    assert (canvas.count("POST"), canvas.count("GET"), canvas.count(path="/modules$")) == (3, 0, 3)


def test_a_fake_stops_while_requests_hang():
    hang = Hang()
    canvas = CanvasFake().start()
    canvas.faults.append(hang)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(requests.get, f"{canvas.url}/api/v1/courses", timeout=10)
        assert hang.reached.wait(10)
        canvas.stop()
        assert waiting.exception(10) is None or isinstance(waiting.exception(), requests.ConnectionError)
    with pytest.raises(requests.ConnectionError):
        requests.get(canvas.url, timeout=10)
