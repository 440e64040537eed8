"""Tests the catalog sync in a real LMS: next to the platform's own command, and with its changes of overviews."""

from __future__ import annotations

import time

import host_start
import pytest

if host_start.VARIANT != "lms":
    pytest.skip("needs the LMS: SERVICE_VARIANT=lms in the environment", allow_module_level=True)

from ccx_keys.locator import CCXLocator
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api
from course_sync_plugin.models import CatalogRecord, CatalogRun
from course_sync_plugin.signals import handlers
from course_sync_plugin.testing.catalog_server import Answer, CatalogServer, MadeUpRuns, made_up_key

pytestmark = pytest.mark.django_db

KEY = CourseKey.from_string(made_up_key(0))
URL = "https://www.example.com/course/c000000"


class AnyToken(set):
    """Contains every token: the test catalog does not know the key with which this LMS signs."""

    def __contains__(self, token):
        return token.count(".") == 2


@pytest.fixture
def integration(db, django_user_model):
    """The platform's catalog integration, enabled, with its service user."""
    from openedx.core.djangoapps.catalog.models import CatalogIntegration

    user = django_user_model.objects.create(username="lms_catalog_service_user", email="catalog@example.com")
    return CatalogIntegration.objects.create(enabled=True, internal_api_url="", service_username=user.username)


@pytest.fixture
def catalog(settings, integration):
    with CatalogServer() as server:
        server.tokens = AnyToken()
        settings.COURSE_CATALOG_API_URL = server.settings["COURSE_CATALOG_API_URL"]
        yield server


@pytest.fixture
def course(store, author):
    """A course with an overview in the LMS."""
    from xmodule.modulestore import ModuleStoreEnum

    with store.default_store(ModuleStoreEnum.Type.split):
        return store.create_course("Org", "C000000", "2026", author.id, fields={"display_name": "Bees"})


def publish(store, author, name):
    """Rename the course and publish it, as Studio does."""
    from xmodule.modulestore import ModuleStoreEnum

    with store.branch_setting(ModuleStoreEnum.Branch.draft_preferred, KEY), store.bulk_operations(KEY):
        course = store.get_course(KEY)
        course.display_name = name
        store.update_item(course, author.id)


def overview(key=KEY):
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    return CourseOverview.objects.get(id=key)


def bare_overviews(number):
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    columns = {"version": CourseOverview.VERSION, "org": "Org", "start": "2030-01-01T00:00:00Z",
               "cert_html_view_enabled": False, "has_any_active_web_certificate": False, "cert_name_short": "",
               "cert_name_long": "", "lowest_passing_grade": 0.5, "mobile_available": False,
               "visible_to_staff_only": False, "invitation_only": False,
               "certificates_show_before_end": False}  # fmt: skip
    keys = [CourseKey.from_string(made_up_key(at)) for at in range(number)]
    CourseOverview.objects.bulk_create(
        [CourseOverview(id=key, _location=key.make_usage_key("course", "course"), **columns) for key in keys]
    )


def update():
    result = api.update_catalog_data(api.CatalogOptions())
    assert (result.state, result.error) == ("completed", "")
    return result


def measured(command):
    """Run a command twice; return the number of overviews with a URL, queries and seconds of both, and history rows."""
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    CourseOverview.objects.update(marketing_url=None, language=None)
    history = CourseOverview.history.count()
    found = {}
    for round_ in ("first", "again"):
        with CaptureQueriesContext(connection) as queries:
            began = time.perf_counter()
            call_command(command)
            found[round_] = {"queries": len(queries), "seconds": round(time.perf_counter() - began, 3)}
    filled = CourseOverview.objects.exclude(marketing_url=None).count()
    return {"filled": filled, "history": CourseOverview.history.count() - history, **found}


def test_side_by_side_with_sync_course_runs(catalog):
    """The same 250 course runs, with the page size that both commands have by default."""
    catalog.runs = MadeUpRuns(250)
    bare_overviews(250)
    theirs, ours = (measured(name) for name in ("sync_course_runs", "update_catalog_data"))
    print(f"\nsync_course_runs    {theirs}\nupdate_catalog_data {ours}")
    assert (theirs["filled"], ours["filled"]) == (170, 250)
    assert ours["first"]["queries"] < theirs["first"]["queries"] / 10
    assert (theirs["history"], ours["history"]) == (170, 0)


def test_faster_than_one_get_and_one_save_per_course(catalog):
    """With the platform's own model, its 60 columns and its history, in one transaction like all tests here."""
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    runs, sample = 3200, 200
    catalog.runs = MadeUpRuns(runs)
    bare_overviews(runs)
    ours = {}
    for round_ in ("all new", "nothing new"):
        began = time.perf_counter()
        update()
        ours[round_] = (time.perf_counter() - began) / runs
    began = time.perf_counter()
    for at in range(sample):
        row = CourseOverview.objects.get(id=made_up_key(at))
        row.marketing_url = f"https://www.example.com/another/{at}"
        row.save()
    theirs = (time.perf_counter() - began) / sample
    faster = {round_: round(theirs / seconds, 1) for round_, seconds in ours.items()}
    print(f"\ntimes faster than one get and one save ({theirs * 1000:.1f} ms): {faster}")
    assert faster["all new"] > 5


def test_an_outage_is_told_where_theirs_reports_success(catalog):
    catalog.fault = lambda asked: Answer(403)
    call_command("sync_course_runs")
    with pytest.raises(SystemExit) as ended:
        call_command("update_catalog_data")
    assert ended.value.code == 1
    assert CatalogRun.objects.get().state == "stopped"


def test_it_signs_in_as_the_service_user(catalog):
    assert api.check_catalog().signed_in_as == "service user lms_catalog_service_user"
    assert catalog.asked[-1].headers["Authorization"].startswith("JWT ")


def test_a_jwt_that_is_not_taken_any_more_is_made_anew(catalog):
    waiting = [Answer(401)]
    catalog.fault = lambda asked: waiting.pop() if waiting else None
    catalog.runs = MadeUpRuns(3)
    assert update().run_counts.counts["retrieved"] == 3


def test_a_service_user_that_is_missing_is_named(catalog, integration, django_user_model):
    django_user_model.objects.filter(username=integration.service_username).delete()
    with pytest.raises(SystemExit):
        call_command("update_catalog_data")
    assert "lms_catalog_service_user" in CatalogRun.objects.get().failures[0]


@pytest.mark.story(12)
def test_published_again_the_course_keeps_its_url(catalog, course, store, author):
    catalog.runs = MadeUpRuns(1)
    update()
    assert (overview().marketing_url, overview().language) == (URL, "en")
    publish(store, author, "More bees")
    assert (overview().display_name, overview().marketing_url, overview().language) == ("More bees", URL, "en")


def test_deleted_and_created_again_it_comes_back_by_a_task(
    catalog, course, store, author, monkeypatch, django_capture_on_commit_callbacks
):
    from xmodule.modulestore import ModuleStoreEnum

    catalog.runs = MadeUpRuns(1)
    update()
    requests = len(catalog.asked)
    store.delete_course(KEY, author.id)
    with pytest.raises(Exception, match="does not exist"):
        overview()
    tasked = []
    monkeypatch.setattr(handlers.saved_overviews, "add", tasked.append)
    with django_capture_on_commit_callbacks(execute=True), store.default_store(ModuleStoreEnum.Type.split):
        store.create_course("Org", "C000000", "2026", author.id, fields={"display_name": "Bees"})
    assert overview().marketing_url is None
    assert set(tasked) == {str(KEY)}
    api.restore_catalog_columns(tasked)
    assert overview().marketing_url == URL
    assert len(catalog.asked) == requests


@pytest.fixture
def make_again(monkeypatch, django_capture_on_commit_callbacks):
    """Delete an overview, make the platform create it again, and commit; the task is lost."""
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    monkeypatch.setattr(handlers.saved_overviews, "add", lambda key: None)

    def made(key) -> None:
        overview(key).delete()
        with django_capture_on_commit_callbacks(execute=True):
            CourseOverview.load_from_module_store(key)

    return made


def test_without_a_task_the_note_in_our_table_does_it(catalog, course, make_again):
    catalog.runs = MadeUpRuns(1)
    update()
    CatalogRecord.objects.update(check_at=None)
    make_again(KEY)
    assert overview().marketing_url is None
    assert api.restore_due_catalog_columns() == 1
    assert overview().marketing_url == URL


def test_a_version_bump_keeps_it(catalog, course):
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    catalog.runs = MadeUpRuns(1)
    update()
    CourseOverview.objects.update(version=CourseOverview.VERSION - 1)
    assert CourseOverview.get_from_id(KEY).marketing_url == URL


def test_a_ccx_has_the_url_of_its_parent(catalog, course, author, make_again):
    from lms.djangoapps.ccx.models import CustomCourseForEdX
    from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

    ccx = CustomCourseForEdX.objects.create(course_id=KEY, coach=author, display_name="Coached")
    key = CCXLocator.from_course_locator(KEY, str(ccx.id))
    CourseOverview.load_from_module_store(key)
    catalog.runs = MadeUpRuns(1)
    assert update().run_counts.counts["ccx_filled"] == 1
    assert overview(key).marketing_url == URL
    make_again(key)
    api.restore_due_catalog_columns()
    assert overview(key).marketing_url == URL


def test_dates_are_studios_and_drift_is_told(catalog, course):
    catalog.runs = MadeUpRuns(1)
    update()
    assert str(overview().start).startswith("2030")
    found = {one.column: (one.catalog, one.here) for one in api.drift()}
    assert found == {"start": ("2026-02-02T00:00:00Z", "2030-01-01T00:00:00Z")}


def test_language_is_studios_where_the_integration_is_off(settings, course):
    from openedx.core.djangoapps.catalog.models import CatalogIntegration

    CatalogIntegration.objects.create(enabled=False, internal_api_url="")
    with CatalogServer(MadeUpRuns(1)) as server:
        for name, value in server.settings.items():
            setattr(settings, name, value)
        before = overview().language
        update()
    assert (overview().marketing_url, overview().language) == (URL, before)


@pytest.mark.parametrize(("mktg", "custom"), [(False, False), (True, False), (True, True), (False, True)])
def test_the_platforms_own_links(catalog, course, settings, mktg, custom):
    """``get_link_for_about_page`` and our function return the same URL for all values of the switches."""
    from common.djangoapps.util.course import get_link_for_about_page

    catalog.runs = MadeUpRuns(1)
    update()
    settings.FEATURES = {**settings.FEATURES, "ENABLE_MKTG_SITE": mktg}
    settings.SOCIAL_SHARING_SETTINGS = {**settings.SOCIAL_SHARING_SETTINGS, "CUSTOM_COURSE_URLS": custom}
    row = overview()
    row.social_sharing_url = "https://social.example.com/"
    expected = (
        "https://social.example.com/" if custom else URL if mktg else f"{settings.LMS_ROOT_URL}/courses/{KEY}/about"
    )
    assert get_link_for_about_page(row) == api.about_page_url(row) == expected


def test_the_learner_dashboard_has_it(catalog, course, author, settings):
    """The data of an enrolled course in the learner home, from its own serializers."""
    from common.djangoapps.student.models import CourseEnrollment, UserProfile
    from lms.djangoapps.learner_home.serializers import CourseRunSerializer, CourseSerializer
    from lms.djangoapps.learner_home.views import get_course_share_urls

    catalog.runs = MadeUpRuns(1)
    update()
    requests = len(catalog.asked)
    settings.FEATURES = {**settings.FEATURES, "ENABLE_MKTG_SITE": True}
    UserProfile.objects.create(user=author)
    enrollment = CourseEnrollment.enroll(author, KEY)
    context = {"course_share_urls": get_course_share_urls([enrollment])}
    assert CourseSerializer(enrollment.course_overview, context=context).data["socialShareUrl"] == URL
    assert CourseRunSerializer(context={}).fields["marketingUrl"].get_attribute(enrollment) == URL
    assert len(catalog.asked) == requests


@pytest.fixture
def _redirecting(settings):
    settings.COURSE_SYNC_REDIRECT_ABOUT_PAGE = True
    settings.FEATURES = {**settings.FEATURES, "ENABLE_MKTG_SITE": False}
    step = "course_sync_plugin.catalog.about_link.RedirectAboutPage"
    settings.OPEN_EDX_FILTERS_CONFIG = {
        "org.openedx.learning.course_about.render.started.v1": {"pipeline": [step], "fail_silently": False}
    }


@pytest.mark.usefixtures("_redirecting")
def test_the_about_page_leads_to_the_marketing_url(catalog, course, client):
    from course_sync_plugin.models import CatalogSyncConfiguration

    catalog.runs = MadeUpRuns(1)
    update()
    CatalogSyncConfiguration.objects.create(about_page_ignores_switches=True)
    requests = len(catalog.asked)
    response = client.get(f"/courses/{KEY}/about")
    assert (response.status_code, response["Location"]) == (302, URL)
    assert len(catalog.asked) == requests
