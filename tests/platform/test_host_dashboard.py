"""Tests our section of the legacy instructor dashboard in a real LMS: its filter, its Mako and its own template."""

from __future__ import annotations

import host_start
import pytest

if host_start.VARIANT != "lms":
    pytest.skip("needs the LMS: SERVICE_VARIANT=lms in the environment", allow_module_level=True)

from django.apps import apps
from django.urls import reverse
from lxml import html
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.models import Course, digest_of
from course_sync_plugin.settings import common

pytestmark = pytest.mark.django_db

KEY = CourseKey.from_string("course-v1:Org+Dashboard+2026")


@pytest.fixture(autouse=True)
def sessions_and_bundles(monkeypatch):
    """Let the test client sign in as browsers do, and the platform's pages do without the files of webpack."""
    from openedx.core.djangoapps.safe_sessions.testing import safe_cookie_test_session_patch
    from webpack_loader.loader import WebpackLoader

    safe_cookie_test_session_patch()
    monkeypatch.setattr(WebpackLoader, "get_bundle", lambda self, name: [])


@pytest.fixture
def switched_on(settings):
    """Switch the section on as ``plugin_settings`` does at the start, and let the host read its folders again."""
    settings.COURSE_SYNC_INSTRUCTOR_DASHBOARD = "page"
    folders = settings.MAKO_TEMPLATE_DIRS_BASE
    before = list(folders)
    common.add_to_pages_of_the_host(settings)
    mako = next(one for one in settings.TEMPLATES if one["NAME"] == "mako")
    assert mako["DIRS"] == folders  # the host reads the list that we changed
    apps.get_app_config("edxmako").ready()
    yield
    folders[:] = before
    apps.get_app_config("edxmako").ready()


@pytest.fixture
def course(store, author):
    """A course that is recorded."""
    from xmodule.modulestore import ModuleStoreEnum

    with store.default_store(ModuleStoreEnum.Type.split):
        store.create_course(KEY.org, KEY.course, KEY.run, author.id, fields={"display_name": "Bees"})
    return Course.objects.create(key=str(KEY), key_digest=digest_of(str(KEY)), org=KEY.org, last_position=1)


@pytest.fixture
def teacher(client, django_user_model):
    """A signed-in user who is staff of the course."""
    from common.djangoapps.student.models import CourseAccessRole, UserProfile

    user = django_user_model.objects.create_user("teacher", "teacher@example.com", "password")
    UserProfile.objects.create(user=user, name="Teacher")
    CourseAccessRole.objects.create(user=user, role="staff", org=KEY.org, course_id=KEY)
    assert client.login(username="teacher", password="password")
    return user


def dashboard(client):
    answer = client.get(reverse("instructor_dashboard", kwargs={"course_id": str(KEY)}))
    assert answer.status_code == 200
    return html.fromstring(answer.content.decode())


@pytest.mark.usefixtures("course", "teacher", "switched_on")
def test_the_dashboard_shows_our_page(client):
    page = dashboard(client)
    (button,) = page.xpath("//button[@data-section='course_sync']")
    assert button.text_content() == "Course sync"
    (frame,) = page.xpath("//section[@id='course_sync']//iframe")
    assert frame.get("src") == f"/course_sync/staff/{KEY}/"
    shown = client.get(frame.get("src"))
    assert shown.status_code == 200
    assert "X-Frame-Options" not in shown


@pytest.mark.usefixtures("course", "teacher")
def test_the_dashboard_is_as_before_without_the_setting(client):
    assert dashboard(client).xpath("//*[@data-section='course_sync']") == []


@pytest.mark.usefixtures("course", "teacher", "switched_on")
def test_an_error_of_ours_leaves_the_dashboard_as_it_was(client, monkeypatch):
    def fail(*_names):
        raise ValueError

    monkeypatch.setattr("course_sync_plugin.host_pages.section._section", fail)
    page = dashboard(client)
    assert page.xpath("//*[@data-section='course_sync']") == []
    assert page.xpath("//*[@data-section='course_info']") != []
