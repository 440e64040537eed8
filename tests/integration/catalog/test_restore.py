"""Tests that catalog columns are restored without a request to the catalog, and tests drift and about links."""

from __future__ import annotations

import json
import socket
import threading
from io import StringIO

import pytest
from config_models.models import cache
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from edx_django_utils.cache import RequestCache
from opaque_keys.edx.keys import CourseKey

from course_sync_plugin import api
from course_sync_plugin.catalog import restore
from course_sync_plugin.models import CatalogRecord, CatalogSyncConfiguration, DatabaseNow
from course_sync_plugin.settings import common
from course_sync_plugin.signals import handlers
from course_sync_plugin.signals.saved_overviews import SavedOverviews
from course_sync_plugin.testing.catalog_server import MadeUpRuns, made_up_key
from sandbox.course_overviews.models import CourseOverview
from sandbox.published.publishing import publish, unpublish
from tests.conftest import SAMPLE
from tests.integration.catalogs import running_catalog

pytestmark = pytest.mark.django_db

KEY = made_up_key(0)
URL = "https://www.example.com/course/c000000"
SOCIAL = "https://social.example.com/c"
ABOUT = "org.openedx.learning.course_about.render.started.v1"


@pytest.fixture(autouse=True)
def _fresh():
    cache.clear()
    RequestCache.clear_all_namespaces()


@pytest.fixture
def filled(settings):
    """A site with overviews that a catalog has filled; the catalog is gone since then."""
    CourseOverview.objects.create(id=KEY)
    with running_catalog(settings, MadeUpRuns(3)):
        api.update_catalog_data(api.CatalogOptions())
    CatalogRecord.objects.update(check_at=None)
    return CourseOverview.objects.get(id=KEY)


@pytest.fixture
def make(monkeypatch, django_capture_on_commit_callbacks):
    """Create an overview and commit it; its task is lost."""
    monkeypatch.setattr(handlers.saved_overviews, "add", lambda key: None)

    def made(key: str) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            CourseOverview.objects.create(id=key)

    return made


def url():
    return CourseOverview.objects.get(id=KEY).marketing_url


# ---- restoring


def test_installed_and_never_run_it_leaves_nothing_behind():
    CourseOverview.objects.create(id=KEY, marketing_url="https://www.example.com/mine")
    CourseOverview.objects.create(id="ccx-v1:Org+C000000+2026+ccx@1")
    assert api.restore_due_catalog_columns() == 0
    api.restore_catalog_columns([KEY])
    assert (url(), CatalogRecord.objects.count()) == ("https://www.example.com/mine", 0)


@pytest.mark.story(12)
def test_an_overview_made_again_gets_its_columns_back(filled, make):
    filled.delete()
    make(KEY)
    assert url() is None
    assert api.restore_due_catalog_columns() == 1
    assert url() == URL
    assert api.restore_due_catalog_columns() == 0


def test_a_ccx_made_after_the_run_gets_the_url_of_its_parent(filled, make):
    ccx = "ccx-v1:Org+C000000+2026+ccx@9"
    make(ccx)
    assert api.restore_due_catalog_columns() == 1
    assert CourseOverview.objects.get(id=ccx).marketing_url == URL


def test_a_task_is_woken_after_the_commit_with_the_key(filled, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(handlers.saved_overviews, "add", sent.append)
    with django_capture_on_commit_callbacks() as callbacks:
        filled.save()
        assert sent == []
    for callback in callbacks:
        callback()
    assert sent == [KEY]


def test_saving_and_making_an_overview_cost_no_query_and_lock_nothing_of_ours(filled, make):
    """The note of a new overview is written after the commit, in a separate statement."""
    with CaptureQueriesContext(connection) as saving:
        filled.save()
    assert len(saving) == 1
    with CaptureQueriesContext(connection) as making:
        CourseOverview.objects.create(id=made_up_key(1))
    assert len(making) == 1
    with CaptureQueriesContext(connection) as committing:
        make(made_up_key(2))
    assert [one["sql"].split()[0] for one in committing] == ["INSERT", "UPDATE"]


def test_a_publish_that_saved_the_old_row_over_ours(filled):
    """The publish had read the row before the run wrote it."""
    CourseOverview.objects.update(marketing_url=None)
    stale = CourseOverview.objects.get(id=KEY)
    api.restore_catalog_columns([KEY])
    stale.display_name = "Renamed"
    stale.save()
    assert url() is None
    api.restore_catalog_columns([KEY])
    assert (url(), CourseOverview.objects.get().display_name) == (URL, "Renamed")


def test_what_a_run_wrote_is_looked_at_again_a_minute_later(settings):
    CourseOverview.objects.create(id=KEY)
    with running_catalog(settings, MadeUpRuns(1)):
        api.update_catalog_data(api.CatalogOptions())
    CourseOverview.objects.update(marketing_url=None)
    assert api.restore_due_catalog_columns() == 0
    CatalogRecord.objects.update(check_at=DatabaseNow(-1))
    assert api.restore_due_catalog_columns() == 1
    assert url() == URL


def test_an_overview_that_is_due_at_a_full_second_is_looked_at_once(filled, monkeypatch):
    """SQLite writes the time with ``.000``, which is greater as text than the time without it."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE course_sync_catalogrecord SET check_at = '2026-01-01 00:00:00.000'")
    looks = iter([0])
    monkeypatch.setattr(restore, "restore", lambda keys: next(looks))
    assert api.restore_due_catalog_columns() == 0


def test_switched_off_nothing_comes_back_until_it_is_on_again(filled, make):
    CatalogSyncConfiguration.objects.create(enabled=False)
    filled.delete()
    make(KEY)
    assert (api.restore_due_catalog_columns(), url()) == (0, None)
    CatalogSyncConfiguration.objects.create(enabled=True)
    assert (api.restore_due_catalog_columns(), url()) == (1, URL)


def test_a_failing_database_does_not_fail_the_save(filled, make, monkeypatch, caplog):
    def fail(key):
        raise RuntimeError("no table")

    monkeypatch.setattr(handlers.api, "note_overview_created", fail)
    make(made_up_key(1))
    assert CourseOverview.objects.filter(id=made_up_key(1)).exists()
    assert "was not noted; the next catalog run will correct it" in caplog.text


def test_keys_are_collected_and_sent_in_few_messages():
    """The first message is sent at once. The keys that come while it is sent go together in the next one."""
    sent, go_on, begun = [], threading.Event(), threading.Event()

    def send(keys):
        sent.append(keys)
        begun.set()
        go_on.wait(5)

    saved = SavedOverviews(send, rest=lambda: 0)
    saved.add("a")
    assert begun.wait(5)
    for _ in range(100):
        saved.add("b")
        saved.add("c")
    go_on.set()
    saved.finish()
    assert sent == [["a"], ["b", "c"]]


@pytest.mark.story(12)
def test_a_course_deleted_and_published_again(filled, monkeypatch, django_capture_on_commit_callbacks):
    """The whole sequence in the sandbox, with the platform's changes of an overview."""
    course = "course-v1:Org+C000000+2026"
    publish(SAMPLE / "old", course)
    assert url() == URL
    unpublish(course)
    assert not CourseOverview.objects.exists()
    monkeypatch.setattr(handlers.saved_overviews, "add", lambda key: None)
    monkeypatch.setattr(handlers.waker, "request", lambda: None)
    with django_capture_on_commit_callbacks(execute=True):
        publish(SAMPLE / "new", course)
    assert url() is None
    api.restore_due_catalog_columns()
    assert url() == URL


# ---- drift


def drift():
    out = StringIO()
    call_command("course_sync", "drift", "--json", stdout=out)
    return json.loads(out.getvalue())


def test_drift_is_told_with_both_sides_and_since_when(filled):
    """The catalog has a start date, 2026-02-02, and a pacing. The overview has the same pacing and no start date."""
    found = drift()
    assert [(one["course_id"], one["column"], one["catalog"], one["here"]) for one in found] == [
        (KEY, "start", "2026-02-02T00:00:00Z", None)
    ]
    assert found[0]["since"] == CatalogRecord.objects.get(key=KEY).drift["start"]
    assert drift() == found


def test_drift_follows_both_sides(filled):
    CourseOverview.objects.update(start="2026-02-02T00:00:00Z", self_paced=True, end="2026-03-01T12:00:00.5Z")
    found = {one["column"]: (one["catalog"], one["here"]) for one in drift()}
    assert found == {"self_paced": (False, True), "end": (None, "2026-03-01T12:00:00Z")}
    CourseOverview.objects.update(self_paced=False, end=None)
    assert drift() == []
    assert CatalogRecord.objects.get(key=KEY).drift == {}


def test_its_queries_do_not_grow_with_what_drifts(settings):
    """Each difference is new, so it is stored."""
    counts = []
    for number in (5, 50):
        CatalogRecord.objects.all().delete()
        CourseOverview.objects.all().delete()
        CourseOverview.objects.bulk_create(CourseOverview(id=made_up_key(at)) for at in range(number))
        with running_catalog(settings, MadeUpRuns(number)):
            api.update_catalog_data(api.CatalogOptions())
        CatalogRecord.objects.update(drift={})
        with CaptureQueriesContext(connection) as queries:
            assert len({one.course_id for one in api.drift()}) == number
        assert not CatalogRecord.objects.filter(drift={}).exists()
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.story(13)
def test_drift_is_never_written(filled):
    drift()
    api.restore_catalog_columns([KEY])
    assert CourseOverview.objects.get().start is None


@pytest.mark.parametrize(
    ("here", "differs"), [("en", False), ("en-us", False), ("EN_US", False), (None, False), ("fr", True)]
)
def test_languages_are_compared_by_what_they_mean(filled, here, differs):
    CourseOverview.objects.update(start="2026-02-02T00:00:00Z", language=here)
    assert bool(drift()) == differs


def test_drift_by_mail(filled):
    call_command("course_sync", "drift", "--notify", "team@example.com", stdout=StringIO())
    assert mail.outbox[0].to == ["team@example.com"]
    assert f"{KEY}: start is 2026-02-02T00:00:00Z in the catalog and None in Studio" in mail.outbox[0].body
    CourseOverview.objects.update(start="2026-02-02T00:00:00Z")
    call_command("course_sync", "drift", "--notify", "team@example.com", stdout=StringIO())
    assert len(mail.outbox) == 1


def test_drift_is_told_although_the_mail_server_is_down(filled, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit):
        call_command("course_sync", "drift", "--json", "--notify", "a@example.com", stdout=out, stderr=err)
    assert json.loads(out.getvalue())
    assert "mail server" in err.getvalue()


# ---- about links


@pytest.mark.parametrize(
    ("social", "marketing", "custom", "mktg", "ignores", "expected"),
    [
        (SOCIAL, URL, True, True, False, SOCIAL),
        (SOCIAL, URL, False, True, False, URL),
        (SOCIAL, URL, True, False, False, SOCIAL),
        (SOCIAL, URL, False, False, False, "about"),
        (SOCIAL, URL, False, False, True, SOCIAL),
        (None, URL, True, True, False, URL),
        (None, URL, True, False, False, "about"),
        (None, URL, False, False, True, URL),
        (None, None, True, True, False, "about"),
        ("", "", True, True, True, "about"),
    ],
)
def test_the_order_and_the_switches(settings, social, marketing, custom, mktg, ignores, expected):
    settings.SOCIAL_SHARING_SETTINGS = {"CUSTOM_COURSE_URLS": custom}
    settings.FEATURES = {"ENABLE_MKTG_SITE": mktg}
    settings.LMS_ROOT_URL = "https://lms.example.com"
    if ignores:
        CatalogSyncConfiguration.objects.create(about_page_ignores_switches=True)
    overview = CourseOverview(id=CourseKey.from_string(KEY), social_sharing_url=social, marketing_url=marketing)
    about = f"https://lms.example.com/courses/{KEY}/about"
    assert api.about_page_url(overview) == (about if expected == "about" else expected)


def test_releases_that_have_the_switch_as_a_setting(settings):
    settings.FEATURES = {}
    settings.ENABLE_MKTG_SITE = True
    assert api.about_page_url(CourseOverview(id=CourseKey.from_string(KEY), marketing_url=URL)) == URL


class Host:
    """A settings module of the host."""

    def __init__(self, **values):
        self.__dict__.update(values)


@pytest.mark.parametrize(
    ("before", "pipeline"),
    [
        (None, []),
        ({}, []),
        ({ABOUT: []}, []),
        ({ABOUT: ["other.Step"]}, ["other.Step"]),
        ({ABOUT: "other.Step"}, ["other.Step"]),
        ({ABOUT: {"pipeline": ["other.Step"], "fail_silently": False}}, ["other.Step"]),
        ({ABOUT: {"fail_silently": False}}, []),
        ({"another.filter": {"pipeline": ["x"]}}, []),
    ],
)
def test_the_redirect_disturbs_no_other_pipeline(before, pipeline):
    host = (
        Host(COURSE_SYNC_REDIRECT_ABOUT_PAGE=True)
        if before is None
        else Host(COURSE_SYNC_REDIRECT_ABOUT_PAGE=True, OPEN_EDX_FILTERS_CONFIG=before)
    )
    kept = json.dumps(before)
    common.plugin_settings(host)
    common.plugin_settings(host)
    after = host.OPEN_EDX_FILTERS_CONFIG
    assert after[ABOUT]["pipeline"] == [*pipeline, "course_sync_plugin.catalog.about_link.RedirectAboutPage"]
    assert json.dumps(before) == kept
    assert {name: value for name, value in after.items() if name != ABOUT} == {
        name: value for name, value in (before or {}).items() if name != ABOUT
    }
    if isinstance((before or {}).get(ABOUT), dict):
        assert after[ABOUT]["fail_silently"] is False


def test_the_redirect_is_opt_in():
    host = Host()
    common.plugin_settings(host)
    assert not hasattr(host, "OPEN_EDX_FILTERS_CONFIG")


@pytest.fixture
def _redirecting(settings):
    settings.LMS_ROOT_URL = "https://Lms.example.com"
    settings.FEATURES = {"ENABLE_MKTG_SITE": True}
    settings.OPEN_EDX_FILTERS_CONFIG = {
        ABOUT: {"pipeline": ["course_sync_plugin.catalog.about_link.RedirectAboutPage"]}
    }


@pytest.mark.usefixtures("_redirecting")
def test_the_about_page_leads_to_the_marketing_url(filled, client):
    response = client.get(f"/courses/{KEY}/about")
    assert (response.status_code, response["Location"]) == (302, URL)


@pytest.mark.usefixtures("_redirecting")
@pytest.mark.parametrize(
    "target",
    [
        None,
        "https://LMS.example.com/courses/{}/about",
        "https://lms.example.com:443/courses/{}/about",
        "http://testserver/courses/{}/about/",
        "http://testserver:80/courses/{}/about/",
    ],
)
def test_the_about_page_never_leads_to_itself(filled, client, target):
    CourseOverview.objects.update(marketing_url=target.format(KEY) if target else None)
    assert client.get(f"/courses/{KEY}/about").status_code == 200


@pytest.mark.usefixtures("_redirecting")
def test_a_marketing_site_may_have_the_paths_of_the_lms(filled, client):
    there = f"https://www.example.com/courses/{KEY}/about"
    CourseOverview.objects.update(marketing_url=there)
    response = client.get(f"/courses/{KEY}/about")
    assert (response.status_code, response["Location"]) == (302, there)


@pytest.mark.usefixtures("_redirecting")
@pytest.mark.parametrize(
    "typed",
    [
        "?utm=1",
        "#x",
        "about",
        "www.example.com/x",
        "javascript:alert(1)",
        "mailto:a@b.c",
        "//www.example.com/x",
        "https://[x]/",
    ],
)
def test_a_sharing_url_that_leads_nowhere_leaves_the_page_alone(filled, client, settings, typed):
    """Authors type the URL, and the platform does not check it."""
    settings.OPEN_EDX_FILTERS_CONFIG[ABOUT]["fail_silently"] = False
    settings.SOCIAL_SHARING_SETTINGS = {"CUSTOM_COURSE_URLS": True}
    CourseOverview.objects.update(social_sharing_url=typed)
    assert client.get(f"/courses/{KEY}/about").status_code == 200


def test_switched_off_the_about_page_stays(filled, client, settings):
    settings.FEATURES = {}
    response = client.get(f"/courses/{KEY}/about")
    assert response.status_code == 200
    assert f"/courses/{KEY}/about" in response.content.decode()


# ---- web requests


@pytest.mark.usefixtures("_redirecting")
def test_no_web_request_touches_the_catalog(filled, client, monkeypatch):
    """Every page that shows or changes catalog data, without a network."""

    def refuse(self, address):
        raise AssertionError(f"a web request connected to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    client.force_login(User.objects.create_superuser("admin", password="x"))
    admin = "/admin/course_sync_plugin/"
    for path in (
        "/", f"/courses/{KEY}/about", f"{admin}catalogrun/", f"{admin}catalogrecord/",
        f"{admin}catalogsyncconfiguration/",
        f"{admin}catalogsyncconfiguration/add/", f"{admin}catalogrecord/?q=Org",
    ):  # fmt: skip
        assert client.get(path).status_code in (200, 302), path
    form = {"enabled": "on", "page_size": 50, "connect_timeout": 5, "read_timeout": 30, "wait_budget": 60,
            "requests_per_hour": 0, "sync_marketing_url": "on"}  # fmt: skip
    assert client.post(f"{admin}catalogsyncconfiguration/add/", form).status_code == 302
    assert CatalogSyncConfiguration.current().page_size == 50
    publish(SAMPLE / "old", KEY)


def test_the_run_record_is_there_to_see(filled, client):
    client.force_login(User.objects.create_superuser("admin", password="x"))
    page = client.get("/admin/course_sync_plugin/catalogrun/").content.decode()
    assert "completed" in page
    assert "&#x27;retrieved&#x27;: 3" in page or '"retrieved": 3' in page or "&quot;retrieved&quot;: 3" in page
    assert client.post("/admin/course_sync_plugin/catalogrun/add/").status_code == 403
