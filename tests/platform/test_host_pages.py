"""Tests the pages and the API in a real Studio or LMS: its middleware, its roles and its tokens."""

from __future__ import annotations

from urllib.parse import quote

import host_start
import pytest
from django.contrib.staticfiles import finders
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin.models import Course, digest_of
from course_sync_plugin.roles.access import access_of

pytestmark = pytest.mark.django_db

KEY = "course-v1:Org+C+R"
OTHER = "course-v1:Other+C+R"

#: The pages of the whole site, and those of a course.
SITE_PAGES = ["/course_sync/", "/course_sync/targets/", "/course_sync/performance/"]
LIST_PAGES = ["/course_sync/courses/", "/course_sync/errors/", "/course_sync/conflicts/", "/course_sync/history/"]


@pytest.fixture(autouse=True, scope="module")
def sessions_and_bundles():
    """Let the test client sign in as browsers do, and the platform's error pages do without the files of webpack."""
    from openedx.core.djangoapps.safe_sessions.testing import safe_cookie_test_session_patch
    from webpack_loader.loader import WebpackLoader

    safe_cookie_test_session_patch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WebpackLoader, "get_bundle", lambda self, name: [])
        if host_start.VARIANT == "cms":  # the footer of this Studio's error pages is broken
            from cms.djangoapps.contentstore.views import error

            patch.setattr(error, "render_to_string", lambda *args, **options: "an error page")
        yield


@pytest.fixture(autouse=True)
def courses(db):
    """Two courses, of two organisations."""
    for key in (KEY, OTHER):
        org = CourseKey.from_string(key).org
        Course.objects.create(key=key, key_digest=digest_of(key), org=org, last_position=1)


def person(django_user_model, **values):
    return django_user_model.objects.create_user("person", "person@example.com", "password", **values)


def sign_in(client, user):
    """Sign in with a password: the platform's test client makes its safe cookie only then."""
    assert client.login(username=user.username, password="password")


def give(user, role, org="", course=""):
    from common.djangoapps.student.models import CourseAccessRole

    key = CourseKey.from_string(course) if course else None
    CourseAccessRole.objects.create(user=user, role=role, org=org or (key and key.org), course_id=key)


@pytest.mark.parametrize("address", SITE_PAGES + LIST_PAGES)
def test_global_staff_sees_every_page(client, django_user_model, address):
    sign_in(client, person(django_user_model, is_staff=True))
    answer = client.get(address)
    assert answer.status_code == 200
    assert "<nav" in answer.content.decode()


@pytest.mark.parametrize("address", SITE_PAGES + LIST_PAGES)
def test_a_learner_sees_none(client, django_user_model, address):
    sign_in(client, person(django_user_model))
    assert client.get(address).status_code in (403, 404)


@pytest.mark.parametrize("address", SITE_PAGES + LIST_PAGES)
def test_a_visitor_is_sent_to_the_sign_in_of_the_platform(client, address):
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"?next={quote(address)}")


@pytest.mark.parametrize(("role", "acts"), [("staff", False), ("instructor", True)])
def test_the_roles_of_an_organisation(client, django_user_model, role, acts):
    user = person(django_user_model)
    give(user, role, org="Org")
    access = access_of(user)
    assert (access.sees.includes("Org", KEY), access.acts.includes("Org", KEY)) == (True, acts)
    assert not access.sees.includes("Other", OTHER)
    sign_in(client, user)
    assert client.get("/course_sync/").status_code == 403
    shown = client.get("/course_sync/courses/").content.decode()
    assert KEY in shown
    assert OTHER not in shown
    assert client.get(f"/course_sync/courses/{KEY}/").status_code == 200
    assert client.get(f"/course_sync/courses/{OTHER}/").status_code == 404


def test_the_staff_of_a_course(client, django_user_model):
    user = person(django_user_model)
    give(user, "staff", course=KEY)
    sign_in(client, user)
    assert client.get("/course_sync/courses/").status_code == 403
    assert client.get(f"/course_sync/staff/{KEY}/").status_code == 200
    assert client.get(f"/course_sync/staff/{OTHER}/").status_code == 404


@pytest.mark.parametrize("role", ["beta_testers", "limited_staff", "data_researcher"])
def test_other_roles_of_the_platform_see_nothing(django_user_model, role):
    user = person(django_user_model)
    give(user, role, course=KEY)
    assert not access_of(user).sees.includes("Org", KEY)


@pytest.mark.parametrize(
    "path", ["course_sync_plugin/dashboard.css", "course_sync_plugin/dashboard.js", "django_htmx/htmx.min.js"]
)
def test_the_platform_finds_the_static_files(path):
    assert finders.find(path)


@pytest.mark.django_db(transaction=True)  # an error of the API marks the innermost transaction for a rollback
@pytest.mark.parametrize(("is_staff", "status"), [(True, 200), (False, 403)])
def test_a_jwt_of_the_platform(client, django_user_model, is_staff, status):
    from openedx.core.djangoapps.oauth_dispatch.jwt import create_jwt_for_user

    token = create_jwt_for_user(person(django_user_model, is_staff=is_staff))
    answer = client.get("/api/course_sync/v1/courses/", HTTP_AUTHORIZATION=f"JWT {token}")
    assert answer.status_code == status
    assert (KEY in answer.content.decode()) == is_staff


def test_the_api_without_a_token(client):
    answer = client.get("/api/course_sync/v1/courses/")
    assert answer.status_code in (401, 403)
    assert answer["Content-Type"].startswith("application/problem+json")
