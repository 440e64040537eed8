"""Lists that come in pages."""

from __future__ import annotations

import pytest

from course_sync_plugin.exceptions import ConfigurationError, PermanentError, RateLimited, TransientError
from course_sync_plugin.targets.canvas import client as client_module
from course_sync_plugin.targets.canvas import modules
from course_sync_plugin.targets.canvas.paging import next_page
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.faults import Fault, Refuse, throttled

HERE = "https://canvas.example.org/api/v1/courses/7/modules?per_page=100"


@pytest.fixture
def many(canvas, course):
    for number in range(25):
        canvas.teacher.add_module(course.id, f"M{number:02}")
    canvas.behaviour.max_per_page = 10


@pytest.mark.parametrize("opaque", [True, False])
def test_all_pages_are_read(canvas, many, course_id, client, opaque):
    canvas.behaviour.opaque_pages = opaque
    assert [one.name for one in modules.list_all(client, course_id)] == [f"M{number:02}" for number in range(25)]
    assert len(canvas.requests) == 3
    assert canvas.requests[0].query == "per_page=100"


def test_the_query_stays_on_each_page(canvas, many, course_id, client):
    listed = modules.list_all(client, course_id, with_items=True)
    assert [one.items for one in listed] == [()] * 25


class Between(Fault):
    """Lets something happen before the request is answered."""

    def __init__(self, happen, **which):
        super().__init__(processed=True, **which)
        self.happen = happen

    def respond(self, answer):
        self.happen()
        return answer


def test_what_is_added_while_paging_comes_once(canvas, many, course, course_id, client):
    new = {"name": "New", "position": 1}
    canvas.faults.append(Between(lambda: canvas.teacher.do("POST", f"/courses/{course.id}/modules", module=new)))
    names = [one.name for one in modules.list_all(client, course_id)]
    assert names == [f"M{number:02}" for number in range(25)]
    assert modules.list_all(client, course_id)[0].name == "New"


def test_what_is_deleted_while_paging_lets_another_be_left_out(canvas, many, course, course_id, client):
    """So a module that is missing in a list is no proof that it was deleted."""
    first = min(course.modules)
    canvas.faults.append(Between(lambda: canvas.teacher.delete_module(course.id, first)))
    assert "M10" not in [one.name for one in modules.list_all(client, course_id)]


def test_a_link_to_another_host_is_not_followed(canvas, many, course_id, client):
    with CanvasFake() as stranger:
        canvas.behaviour.links_root = stranger.url
        with pytest.raises(ConfigurationError, match="another address") as error:
            modules.list_all(client, course_id)
        assert stranger.requests == []
        assert stranger.url in error.value.message
    assert error.value.exchange.status == 200
    assert error.value.context == {"target": "canvas"}


@pytest.mark.parametrize(
    "following",
    [
        "http://canvas.example.org/api/v1/next",
        "http://canvas.example.org:443/api/v1/next",
        "https://canvas.example.org:8443/api/v1/next",
        "https://canvas.example.org.evil.example/api/v1/next",
        "https://canvas.example.org@evil.example/api/v1/next",
        "https://user:pass@canvas.example.org/api/v1/next",
        "https://evil.example\\@canvas.example.org/api/v1/next",
        "//evil.example/next",
        "https://[::1/next",
        "https://canvas.example.org:x/next",
        "ftp://canvas.example.org/next",
        "javascript:alert(1)",
    ],
)
def test_links_to_another_origin(following):
    with pytest.raises(ConfigurationError, match="set-url") as error:
        next_page({"Link": f'<{following}>; rel="next"'}, HERE)
    assert "pass" not in error.value.message


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("", None),
        ("nonsense", None),
        ('<https://evil.example/>; rel="prev"', None),
        ('<https://canvas.example.org/n?page=bookmark:W10>; rel="next"', "https://canvas.example.org/n?page=bookmark:W10"),
        ('<https://CANVAS.example.org:443/n>; rel="next"', "https://CANVAS.example.org:443/n"),
        ('</n?page=2>; rel="next"', "https://canvas.example.org/n?page=2"),
        ('<https://evil.example/>; rel="last", <https://canvas.example.org/n>; rel="next"', "https://canvas.example.org/n"),
    ],
)  # fmt: skip
def test_links_that_are_followed(link, following):
    assert next_page({"Link": link}, HERE) == following


def test_a_list_that_goes_in_circles(canvas, course_id, client):
    link = f'<{canvas.url}/api/v1/courses/{course_id}/modules?per_page=100>; rel="next"'
    canvas.faults.append(Refuse(200, body=b"[]", headers={"Link": link}, times=None))
    with pytest.raises(PermanentError, match="follows itself"):
        modules.list_all(client, course_id)
    assert len(canvas.requests) == 1


def test_a_list_has_an_end(canvas, many, course_id, client, monkeypatch):
    monkeypatch.setattr(client_module, "MOST_PAGES", 2)
    with pytest.raises(PermanentError, match="more than 2 pages"):
        modules.list_all(client, course_id)
    assert len(canvas.requests) == 2


@pytest.mark.parametrize(
    ("fault", "expected"), [(Refuse(502), TransientError), (throttled(403), RateLimited), (throttled(429), RateLimited)]
)
def test_a_list_is_whole_or_an_error(canvas, many, course_id, client, fault, expected):
    canvas.faults += [Fault(processed=True), fault]
    with pytest.raises(expected):
        modules.list_all(client, course_id)


def test_each_page_takes_from_the_budget(canvas, many, course_id, client):
    canvas.throttle.fill(canvas.token, 520)
    with pytest.raises(RateLimited):
        modules.list_all(client, course_id)
    assert len(canvas.requests) == 1
