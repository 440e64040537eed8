"""What the instructor dashboard of the LMS shows of ours: through the real filters, as the host calls them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from crum import impersonate
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import DatabaseError, transaction
from lxml import html
from mako.lookup import TemplateLookup
from opaque_keys.edx.keys import CourseKey
from openedx_filters.learning.filters import InstructorDashboardRenderStarted, InstructorDashboardTabsRequested

from course_sync_plugin.host_pages import section, tab
from course_sync_plugin.models import Course
from course_sync_plugin.settings import common, production
from tests.integration.courses import COURSE
from tests.integration.dashboard.people import OTHER, no_inline_code
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db

SECTION_FILTER = "org.openedx.learning.instructor.dashboard.render.started.v1"
TAB_FILTER = "org.openedx.learning.instructor.dashboard.tabs.requested.v1"
STEPS = {
    SECTION_FILTER: "course_sync_plugin.host_pages.section.AddSection",
    TAB_FILTER: "course_sync_plugin.host_pages.tab.AddTab",
}
PAGE = f"/course_sync/staff/{COURSE}/"

#: What the host has before our steps, and its name of the template.
THEIRS = {"section_key": "course_info", "section_display_name": "Course Info"}
THEIR_TAB = {"tab_id": "course_info", "title": "Course Info", "url": "/x/course_info", "sort_order": 10}
TEMPLATE = "instructor/instructor_dashboard_2/instructor_dashboard_2.html"

#: Who sees the section and the tab: the same people as the page.
PEOPLE = [
    ([], {"is_superuser": True}, True),
    ([], {"is_staff": True}, True),
    (["staff of Org"], {}, True),
    (["admin of Org"], {}, True),
    ([f"staff of {COURSE}"], {}, True),
    ([f"admin of {COURSE}"], {}, True),
    (["admin of Other"], {}, False),
    ([f"admin of {OTHER}"], {}, False),
    ([f"admin of {COURSE}"], {"is_active": False}, False),
    ([], {}, False),
]


@pytest.fixture(params=["page", "widget"])
def switched_on(request, settings):
    """Switch it on as a host does: ``plugin_settings`` runs on the settings module."""
    settings.COURSE_SYNC_INSTRUCTOR_DASHBOARD = request.param
    settings.OPEN_EDX_FILTERS_CONFIG = {name: {"pipeline": [], "fail_silently": False} for name in STEPS}
    settings.LMS_ROOT_URL = "https://lms.example.org"
    settings.INSTRUCTOR_MICROFRONTEND_URL = "https://apps.example.org/instructor-dashboard/"
    common.add_to_pages_of_the_host(settings)
    return request.param


@pytest.fixture
def recorded(shelf, receiver):
    publish(shelf, "1")


def person(*groups, **values):
    user = User.objects.create_user("somebody", **values)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return user


def sections(user, course=COURSE):
    """Return the sections of the legacy dashboard, as its view asks for them."""
    context = {"course": SimpleNamespace(id=CourseKey.from_string(course)), "sections": [THEIRS], "studio_url": "x"}
    kept = json.dumps(context["sections"])
    with impersonate(user):
        found, template = InstructorDashboardRenderStarted.run_filter(context=context, template_name=TEMPLATE)
    assert (found["studio_url"], found["course"], template) == ("x", context["course"], TEMPLATE)
    assert json.dumps(context["sections"]) == kept
    return found["sections"]


def tabs(user, course=COURSE):
    """Return the tabs of the MFE, as the serializer of the host asks for them.

    openedx-filters 3.4 returns the tabs alone; later releases return the user and the course too.
    """
    given, key = [dict(THEIR_TAB)], CourseKey.from_string(course)
    found = InstructorDashboardTabsRequested.run_filter(tabs=given, user=user, course_key=key)
    assert given == [THEIR_TAB]
    if isinstance(found, tuple):
        found, same_user, same_key = found
        assert (same_user, same_key) == (user, key)
    return found


@pytest.mark.usefixtures("switched_on", "recorded")
@pytest.mark.parametrize(("groups", "values", "sees"), PEOPLE)
def test_those_who_may_see_the_page_get_the_section_and_the_tab(client, groups, values, sees):
    user = person(*groups, **values)
    assert [one["section_key"] for one in sections(user)] == ["course_info", *(["course_sync"] if sees else [])]
    assert [one["tab_id"] for one in tabs(user)] == ["course_info", *(["course_sync"] if sees else [])]
    if user.is_active:
        client.force_login(user)
        assert (client.get(PAGE).status_code == 200) == sees


@pytest.mark.usefixtures("switched_on", "recorded")
@pytest.mark.parametrize("user", [AnonymousUser(), None])
def test_without_a_user_the_dashboard_is_as_before(user, caplog):
    assert sections(user) == [THEIRS]
    assert user is None or tabs(user) == [THEIR_TAB]
    assert caplog.records == []


@pytest.mark.usefixtures("switched_on", "recorded")
def test_a_course_that_was_never_published_has_no_page_and_no_section():
    user = person(is_staff=True)
    assert sections(user, OTHER) == [THEIRS]
    assert tabs(user, OTHER) == [THEIR_TAB]


@pytest.mark.usefixtures("recorded")
def test_the_tab_leads_to_the_page_or_to_the_widget(switched_on, settings):
    *_, ours = tabs(person(is_staff=True))
    assert (ours["title"], ours["sort_order"]) == ("Course sync", 200)
    widget = f"/instructor-dashboard/{COURSE}/course_sync"  # a path: the MFE looks for its own route
    assert ours["url"] == (widget if switched_on == "widget" else f"https://lms.example.org{PAGE}")
    del settings.INSTRUCTOR_MICROFRONTEND_URL
    if switched_on == "widget":
        assert tabs(User.objects.get())[-1]["url"] == f"/{COURSE}/course_sync"


@pytest.mark.usefixtures("switched_on", "recorded")
def test_the_template_shows_the_page_in_a_frame(client):
    *_, ours = sections(person(is_staff=True))
    host = SimpleNamespace(COURSE_SYNC_INSTRUCTOR_DASHBOARD="page", MAKO_TEMPLATE_DIRS_BASE=[])
    common.plugin_settings(host)
    (folder,) = host.MAKO_TEMPLATE_DIRS_BASE
    lookup = TemplateLookup([str(folder)])
    lookup.put_string(
        "dashboard.html",
        """<%include file="${section['template_path_prefix']}${section['section_key']}.html"
        args="section_data=section" />""",
    )
    page = html.fromstring(lookup.get_template("dashboard.html").render(section=ours))
    (frame,) = page.xpath("//iframe")
    assert (frame.get("src"), frame.get("title")) == (PAGE, "Course sync")
    assert page.xpath("//a/@href") == [PAGE]
    assert no_inline_code(page)
    hostile = lookup.get_template("dashboard.html").render(section={**ours, "page": '"><script>', "open_text": "<b>"})
    assert "<script>" not in hostile
    assert "<b>" not in hostile


@pytest.mark.usefixtures("switched_on", "recorded")
@pytest.mark.parametrize("error", [ValueError("no"), SystemError(), DatabaseError("gone")])
def test_an_error_of_ours_does_not_take_the_dashboard_down(monkeypatch, caplog, error):
    def fail(*_names):
        raise error

    user = person(is_staff=True)
    monkeypatch.setattr("course_sync_plugin.host_pages.step.access_of", fail)
    assert sections(user) == [THEIRS]
    assert tabs(user) == [THEIR_TAB]
    levels = {(one.levelname, one.name) for one in caplog.records}
    assert levels == {("WARNING", "course_sync_plugin.host_pages.step")}
    assert [type(error).__name__ in one.getMessage() for one in caplog.records] == [True, True]


@pytest.mark.usefixtures("switched_on", "recorded")
def test_after_an_error_of_the_database_the_host_can_go_on(monkeypatch):
    def fail(*_names):
        with transaction.atomic(savepoint=False):  # marks the transaction around it, as PostgreSQL does
            raise DatabaseError

    user = person(is_staff=True)
    monkeypatch.setattr("course_sync_plugin.host_pages.step.access_of", fail)
    assert sections(user) == [THEIRS]
    assert Course.objects.count() == 1


@pytest.mark.usefixtures("switched_on", "recorded")
def test_a_context_of_another_form_is_left_alone():
    with impersonate(person(is_staff=True)):
        found = InstructorDashboardRenderStarted.run_filter(context={"course": None}, template_name="other")
    assert found == ({"course": None}, "other")


@pytest.mark.usefixtures("switched_on", "recorded")
def test_more_arguments_of_a_later_release_are_handed_on():
    user, key = person(is_staff=True), CourseKey.from_string(COURSE)
    step = tab.AddTab(TAB_FILTER, [])
    found = step.run_filter(tabs=[], user=user, course_key=key, later=1)
    assert (found["later"], len(found["tabs"])) == (1, 1)
    with impersonate(user):
        context = {"course": SimpleNamespace(id=key), "sections": []}
        found = section.AddSection(SECTION_FILTER, []).run_filter(context=context, template_name="x", later=1)
    assert (found["later"], len(found["context"]["sections"])) == (1, 1)


def test_it_is_opt_in():
    host = SimpleNamespace(MAKO_TEMPLATE_DIRS_BASE=["theirs"])
    common.plugin_settings(host)
    assert not hasattr(host, "OPEN_EDX_FILTERS_CONFIG")
    assert host.MAKO_TEMPLATE_DIRS_BASE == ["theirs"]


@pytest.mark.parametrize(
    ("before", "pipeline"),
    [
        ({}, []),
        ({SECTION_FILTER: "other.Step", TAB_FILTER: "other.Step"}, ["other.Step"]),
        ({name: ["other.Step"] for name in STEPS}, ["other.Step"]),
        ({name: {"pipeline": ["other.Step"], "fail_silently": False} for name in STEPS}, ["other.Step"]),
        ({"another.filter": {"pipeline": ["x"]}}, []),
    ],
)
def test_it_disturbs_no_other_pipeline(before, pipeline):
    """The YAML is read between the two calls: production adds the steps again."""
    folders = ["theirs"]
    host = SimpleNamespace(
        OPEN_EDX_FILTERS_CONFIG=before,
        MAKO_TEMPLATE_DIRS_BASE=folders,
        ENV_TOKENS={"COURSE_SYNC_INSTRUCTOR_DASHBOARD": "page"},
    )
    kept = json.dumps(before)
    common.plugin_settings(host)
    production.plugin_settings(host)
    after = host.OPEN_EDX_FILTERS_CONFIG
    production.plugin_settings(host)
    assert after == host.OPEN_EDX_FILTERS_CONFIG
    for name, step in STEPS.items():
        assert after[name]["pipeline"] == [*pipeline, step]
        if isinstance(before.get(name), dict):
            assert after[name]["fail_silently"] is False
    assert json.dumps(before) == kept
    assert {name for name in after if name not in STEPS} == {name for name in before if name not in STEPS}
    assert host.MAKO_TEMPLATE_DIRS_BASE is folders  # the host has handed the list to its engine already
    assert len(folders) == 2


def test_the_host_calls_the_filters_by_these_names():
    assert InstructorDashboardRenderStarted.filter_type == SECTION_FILTER
    assert InstructorDashboardTabsRequested.filter_type == TAB_FILTER
