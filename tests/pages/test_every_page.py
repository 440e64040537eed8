"""What holds for every page: axe finds nothing, no page is too wide, nothing is inline, and a keyboard is enough."""

from __future__ import annotations

import re

import pytest

from course_sync_plugin import api

ARABIC = re.compile("[\u0621-\u064a]")

#: The pages of a site, with the key of the course.
PAGES = [
    "/course_sync/",
    "/course_sync/act/pause/?target=crm",
    "/course_sync/act/test/?target=crm",
    "/course_sync/act/set-token/?target=canvas",
    "/course_sync/targets/",
    "/course_sync/targets/crm/",
    "/course_sync/performance/",
    "/course_sync/errors/",
    "/course_sync/conflicts/",
    "/course_sync/proposals/",
    "/course_sync/history/?kind=all",
    "/course_sync/jobs/",
    "/course_sync/jobs/{job}/",
    "/course_sync/courses/",
    "/course_sync/courses/{course}/",
    "/course_sync/courses/{course}/tree/?target=crm&entity={course}",
    "/course_sync/courses/{course}/tree/?at=2020-01-01T00:00Z&until=2099-01-01",
    "/course_sync/staff/{course}/",
]

#: How people look at them.
VIEWS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 320, "height": 640}},
    "wide": {"viewport": {"width": 3840, "height": 2160}},
}


@pytest.fixture
def pages(course) -> list[str]:
    """Return the addresses of the pages. One shows a background job with everything that such a page can have."""
    with api.acting("somebody", "a check before the term " * 20):
        job = api.start_job("check-remote", [(course, "token")] * 3, target="canvas")
    finding = {"course_id": course, "entity_id": course, "what": "it is missing there", "repair": "it is created"}
    job.state, job.position, job.errors, job.results = "running", 1, ["an error " * 50], {"findings": [finding]}
    job.save()
    return [address.format(course=course, job=job.pk) for address in PAGES]


@pytest.mark.parametrize("view", VIEWS)
def test_everybody_can_use_it(sign_in, pages, view):
    window = sign_in(is_superuser=True, options=VIEWS[view])
    for address in pages:
        window.open(address)
        assert window.violations() == [], address
        assert not window.is_too_wide(), address


def test_right_to_left(sign_in, pages):
    """With the longest words of another script on the narrowest window."""
    window = sign_in(is_superuser=True, options={"locale": "ar", **VIEWS["narrow"]})
    for address in pages:
        page = window.open(address)
        assert page.evaluate("[document.documentElement.lang, getComputedStyle(document.body).direction]") == [
            "ar",
            "rtl",
        ], address
        assert ARABIC.search(page.locator("main").inner_text()), address
        assert window.violations() == [], address
        assert not window.is_too_wide(), address


def test_a_keyboard_is_enough(sign_in, course):
    """From the address of an action: read the plan, write a note, confirm."""
    page = sign_in(is_superuser=True).open("/course_sync/act/pause/?target=crm")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    while page.evaluate("document.activeElement.id") != "note":
        page.keyboard.press("Tab")
    page.keyboard.type("a test")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Target crm is paused").wait_for()


def test_the_tests_find_what_is_wrong(sign_in, course):
    window = sign_in(is_superuser=True)
    page = window.open(PAGES[0])
    page.evaluate("document.querySelector('main').append(Object.assign(new Image(9999, 9), {src: '/static/x.png'}))")
    assert [one.partition(":")[0] for one in window.violations()] == ["image-alt"]
    assert window.is_too_wide()
    page.evaluate("document.querySelector('main').setAttribute('style', 'color: red')")
    page.wait_for_function("true")
    assert any("Content Security Policy" in fault for fault in window.faults)
    window.faults.clear()
