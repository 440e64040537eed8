"""The section of the legacy instructor dashboard in a browser: the page of the LMS around it has a strict policy."""

from __future__ import annotations

import pytest
from mako.lookup import TemplateLookup

from course_sync_plugin.host_pages.section import PREFIX, _section
from tests.conftest import ROOT
from tests.pages.browser import POLICY

MAKO = ROOT / "course_sync_plugin" / "templates" / "mako"


@pytest.fixture
def dashboard(course) -> str:
    """Return a page of the host that shows our section and nothing else."""
    template = TemplateLookup([str(MAKO)]).get_template(f"{PREFIX}course_sync.html")
    section = template.render(section_data=_section(course))
    head = '<html lang="en"><head><title>Instructor</title></head>'
    return f"<!DOCTYPE html>{head}<body><main><h1>Instructor</h1>{section}</main></body></html>"


def test_the_frame_shows_the_page_under_the_strictest_policy(course, dashboard, sign_in, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.clickjacking.XFrameOptionsMiddleware"]
    settings.X_FRAME_OPTIONS = "DENY"  # as the platform
    window = sign_in(f"staff of {course}")
    window.page.unroute("**/course_sync/**")  # what is framed has its own policy here
    headers = {"content-security-policy": POLICY, "content-type": "text/html"}
    window.page.route("**/instructor", lambda route: route.fulfill(body=dashboard, headers=headers))
    page = window.open("/instructor")
    frame = page.frame_locator("iframe")
    frame.locator("li").first.wait_for()
    assert "has what you published until" in frame.locator("main").inner_text()
    assert page.locator("iframe").bounding_box()["width"] > 500
    assert window.violations() == []
