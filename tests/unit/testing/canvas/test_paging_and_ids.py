"""Lists in pages, ids that are too great for some programs, and fields that come and go."""

from __future__ import annotations

import pytest
import requests

from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.parameters import nest, to_boolean, to_integer
from course_sync_plugin.testing.canvas.site import EXACT

STRING_IDS = {"Accept": "application/json+canvas-string-ids"}


@pytest.fixture
def many(canvas, course):
    return [canvas.teacher.add_module(course.id, f"M{number:03}") for number in range(105)]


@pytest.fixture
def path(course):
    return f"/courses/{course.id}/modules"


def titles(answer):
    return [one["name"] for one in answer.json()]


@pytest.mark.parametrize(
    ("wanted", "size"),
    [(None, 10), ("3", 3), ("100", 100), ("1000", 100), ("0", 1), ("-5", 1), ("x", 1)],
)
def test_the_size_of_a_page(many, raw, path, wanted, size):
    answer = raw("GET", path, params={"per_page": wanted} if wanted else {})
    assert len(answer.json()) == size


def test_the_links_lead_through_all_pages(many, raw, path):
    answer = raw("GET", path, params={"per_page": "50", "search_term": "M"})
    assert set(answer.links) == {"current", "next", "first"}
    assert "search_term=M" in answer.links["next"]["url"]
    seen = titles(answer)
    while "next" in answer.links:
        answer = raw("GET", answer.links["next"]["url"])
        seen += titles(answer)
    assert seen == [f"M{number:03}" for number in range(105)]
    assert "prev" in answer.links


def test_the_client_library_reads_all_pages(many, api):
    assert len([*api.get_modules(per_page=10)]) == 105


def test_pages_may_have_numbers_and_a_last_one(canvas, many, raw, path):
    canvas.behaviour.opaque_pages = False
    answer = raw("GET", path, params={"page": "2", "per_page": "50"})
    assert {name: link["url"].partition("?")[2] for name, link in answer.links.items()} == {
        "current": "page=2&per_page=50",
        "next": "page=3&per_page=50",
        "prev": "page=1&per_page=50",
        "first": "page=1&per_page=50",
        "last": "page=3&per_page=50",
    }


def test_links_do_not_have_the_token(canvas, many, raw, path):
    answer = raw("GET", path, None, params={"access_token": canvas.token})
    assert answer.status_code == 200
    assert canvas.token not in answer.headers["Link"]


@pytest.mark.parametrize("page", ["0", "-1", "x", "bookmark:%%%", "bookmark:W10"])
def test_a_page_that_is_not_one(many, raw, path, page):
    assert raw("GET", path, params={"page": page}).status_code == 404


def test_a_page_behind_the_last_is_empty(many, raw, path):
    assert raw("GET", path, params={"page": "99"}).json() == []


def test_what_is_added_while_paging_is_seen_twice(canvas, course, many, raw, path):
    first = raw("GET", path)
    canvas.teacher.do("POST", f"/courses/{course.id}/modules", module={"name": "New", "position": 1})
    second = raw("GET", first.links["next"]["url"])
    assert titles(first)[-1] == titles(second)[0]


def test_a_link_may_lead_to_another_host_if_the_test_says_so(canvas, many, raw, path):
    canvas.behaviour.links_root = "http://127.0.0.1:1"
    assert raw("GET", path).links["next"]["url"].startswith("http://127.0.0.1:1/api/v1/")


@pytest.fixture
def great():
    with CanvasFake(first_id=EXACT + 1) as fake:
        yield fake


def test_great_ids_are_exact_as_texts(great):
    course = great.add_course()
    module = great.teacher.add_module(course.id, "Bees")
    headers = {"Authorization": f"Bearer {great.token}"}
    url = f"{great.url}/api/v1/courses/{course.id}/modules/{module['id']}"
    assert float(module["id"]) != module["id"] or float(module["id"] + 1) != module["id"] + 1
    plain = requests.get(url, headers=headers, timeout=10)
    assert plain.json()["id"] == module["id"] > EXACT
    texts = requests.get(url, headers=headers | STRING_IDS, timeout=10)
    assert texts.json()["id"] == str(module["id"])


def test_all_kinds_of_ids_become_texts(canvas, course, api, raw):
    first = api.create_module({"name": "A"})
    second = api.create_module({"name": "B", "prerequisite_module_ids": [first.id]})
    answer = raw("GET", f"/courses/{course.id}/modules/{second.id}", headers=STRING_IDS).json()
    assert (answer["id"], answer["prerequisite_module_ids"]) == (str(second.id), [str(first.id)])
    assert (answer["position"], answer["published"]) == (2, False)


def test_fields_come_and_go(canvas, api):
    canvas.behaviour.extra_fields = {"module": {"colour": "red"}}
    canvas.behaviour.missing_fields = {"module": {"unlock_at", "items_count"}}
    module = api.create_module({"name": "Bees"})
    assert (module.colour, hasattr(module, "unlock_at"), module.name) == ("red", False, "Bees")


@pytest.mark.parametrize(
    ("pairs", "nested"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("module[name]", "x"), ("module[position]", "2")], {"module": {"name": "x", "position": "2"}}),
        ([("include[]", "a"), ("include[]", "b")], {"include": ["a", "b"]}),
        ([("a[b][]", "1"), ("a[b][]", "2")], {"a": {"b": ["1", "2"]}}),
        ([("a", "1"), ("a[b]", "2")], {"a": "1"}),
    ],
)
def test_parameters_are_nested_as_in_rails(pairs, nested):
    assert nest(pairs) == nested


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("TRUE", True), ("1", True), ("on", True), (True, True), ("false", False), ("", False)]
    + [("2", False), (None, False), (0, False)],
)
def test_what_is_true(value, expected):
    assert to_boolean(value) is expected


@pytest.mark.parametrize(("value", "expected"), [("12", 12), (" 12x", 12), ("x", 0), ("-3", -3), (None, 0), (7, 7)])
def test_what_is_a_number(value, expected):
    assert to_integer(value) == expected


def test_a_body_that_is_no_json_counts_as_empty(course, raw):
    path = f"/courses/{course.id}/modules"
    answer = raw("POST", path, data=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"message": "missing module parameter"})
