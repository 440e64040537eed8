"""A started fake with a course, and a client of a library that others wrote."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from canvasapi import Canvas
from canvasapi.course import Course as ApiCourse
from requests.adapters import HTTPAdapter

from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.objects import Course
from tests.unit.testing.canvas.conformity import has_descriptions, violations


class Raw:
    """A client that sends what no library sends. Its requests are not checked against the description."""

    def __init__(self, canvas: CanvasFake):
        self._canvas = canvas
        self.own: list[Any] = []
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_maxsize=20))

    def __call__(self, method: str, path: str, token: str | None = "", **more: Any) -> requests.Response:
        headers = more.pop("headers", {})
        if token is not None:
            headers = {"Authorization": f"Bearer {token or self._canvas.token}", **headers}
        url = path if path.startswith("http") else f"{self._canvas.url}/api/v1{path}"
        before = len(self._canvas.requests)
        try:
            return self.session.request(method, url, headers=headers, timeout=10, **more)
        finally:
            self.own += self._canvas.requests[before:]


@pytest.fixture
def canvas() -> Iterator[CanvasFake]:
    with CanvasFake() as fake:
        yield fake


@pytest.fixture
def course(canvas: CanvasFake) -> Course:
    return canvas.add_course()


@pytest.fixture
def raw(canvas: CanvasFake) -> Iterator[Raw]:
    client = Raw(canvas)
    yield client
    client.session.close()


@pytest.fixture
def client(canvas: CanvasFake, raw: Raw) -> Iterator[Canvas]:
    """The client library. After the test, each request that it sent is checked against the published description."""
    api = connect(canvas)
    yield api
    api._Canvas__requester._session.close()
    sent = [request for request in canvas.requests if not any(request is one for one in raw.own)]
    if has_descriptions():
        assert [problem for request in sent for problem in violations(request)] == []


@pytest.fixture
def api(client: Canvas, course: Course, canvas: CanvasFake) -> ApiCourse:
    """The course of the fake, in the client library. The log of requests begins empty."""
    found = client.get_course(course.id)
    canvas.requests.clear()
    return found


def connect(canvas: CanvasFake, token: str = "") -> Canvas:
    """Return a client that does not complain about http."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Canvas(canvas.url, token or canvas.token)
