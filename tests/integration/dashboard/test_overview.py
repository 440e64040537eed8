"""The overview: who sees it, what it says, and that nothing in it is read as HTML."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from lxml import html

from course_sync_plugin import api
from course_sync_plugin.models import Activity, Attempt, CatalogRun, DatabaseNow, Lane, Target
from course_sync_plugin.testing.faults import Fail, Refuse
from tests.integration.courses import COURSE, a_course, block
from tests.integration.dashboard import people
from tests.integration.dashboard.people import HOSTILE, cells, sign_in, texts
from tests.integration.one_lane import let_time_pass, publish, renamed

pytestmark = pytest.mark.django_db

PAGE = "/course_sync/"


@pytest.fixture
def operator(client):
    return sign_in(client, is_staff=True)


def seen(client) -> html.HtmlElement:
    return people.seen(client, PAGE)


def facts(page: html.HtmlElement) -> dict[str, str]:
    return dict(zip(texts(page, "//dl/dt"), texts(page, "//dl/dd"), strict=True))


def test_somebody_who_is_not_signed_in_is_sent_to_the_sign_in(client, shelf):
    answer = client.get(PAGE)
    assert answer.status_code == 302
    assert answer["Location"].endswith("?next=/course_sync/")


def test_only_global_staff_sees_it(client, shelf):
    sign_in(client)
    assert client.get(PAGE).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(operator, shelf, method):
    assert getattr(operator, method)(PAGE).status_code == 405


def test_an_empty_site(operator, shelf):
    page = seen(operator)
    assert texts(page, "//h1") == ["Everything is in step"]
    assert "There is no target yet." in page.text_content()


def test_everything_is_in_step(operator, shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    page = seen(operator)
    assert texts(page, "//h1") == ["Everything is in step"]
    (row,) = cells(page, "targets")
    assert row[:7] == ["crm", "in step", "0", "0", "0", "1", "100.0%"]
    assert page.xpath("//tbody//a/@href") == ["/course_sync/targets/crm/"]
    assert page.xpath("//*[@class='attention-list' or @id='courses' or @id='problems']") == []


def test_the_success_of_the_last_day_is_drawn_by_hour(operator, shelf, receiver):
    receiver.faults.append(Refuse(503))
    publish(shelf, "1")
    api.deliver_due()
    let_time_pass()
    api.deliver_until_empty()
    Attempt.objects.filter(error_class="").update(began_at=DatabaseNow(-7200))
    page = seen(operator)
    (row,) = cells(page, "targets")
    assert row[8:] == ["1/2", "0", "0"]
    (drawing,) = page.xpath("//*[local-name()='svg']")
    assert drawing.get("aria-label") == "Requests that were answered, by hour: 1 of 2"
    (line,) = drawing.xpath("*/@d")
    assert line == "M547.8 0.0L547.8 0.0M600.0 100.0L600.0 100.0"


def test_a_held_run_can_be_approved_by_those_who_act(client, shelf, receiver, settings):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
    publish(shelf, "1")
    api.deliver_until_empty()
    publish(shelf, "2", sections=1)
    user = User.objects.create_user("somebody", is_superuser=True)
    client.force_login(user)
    page = seen(client)
    (row,) = cells(page, "held")
    assert (row[:3], row[4]) == ([COURSE, "5", "11"], f"Look and approve {COURSE}")
    assert cells(page, "courses")[0][:3] == [COURSE, "–", "held"]
    course, address = page.xpath("//*[@aria-labelledby='held']//a/@href")
    assert course == f"/course_sync/courses/{COURSE}/"
    assert "5 of 11 entities would be deleted" in client.get(address).content.decode()
    User.objects.update(is_superuser=False, is_staff=True)
    assert len(cells(seen(client), "held")[0]) == 4


def test_the_background_work(operator, shelf):
    assert facts(seen(operator)) == {
        "Process 'run' at work (UTC)": "never",
        "Last sweep (UTC)": "never",
        "Oldest publish that waits (UTC)": "none",
        "Last run of the catalog (UTC)": "There was none.",
    }
    Activity.note_run()
    Activity.note_sweep()
    CatalogRun.objects.create(
        began_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), state="completed", failures=["no answer"]
    )
    found = facts(seen(operator))
    assert found["Process 'run' at work (UTC)"].startswith("20")
    assert found["Last sweep (UTC)"].startswith("20")
    told = "2026-01-02 03:04:00: completed; 1 failure to reach the catalog. All runs"
    assert found["Last run of the catalog (UTC)"] == told


def test_changes_on_their_way_need_nobody(operator, shelf, receiver):
    publish(shelf, "1")
    page = seen(operator)
    assert texts(page, "//h1") == ["Changes are on their way"]
    assert cells(page, "courses")[0][:3] == [COURSE, "crm", "pending"]


def test_a_problem(operator, shelf, receiver):
    publish(shelf, "1")
    api.deliver_until_empty()
    receiver.faults.append(Fail(entity_id=block("vertical", "unit-0-0"), reason=HOSTILE))
    publish(shelf, "2", titles=renamed("unit-0-0"))
    api.deliver_until_empty()
    page = seen(operator)
    assert texts(page, "//h1") == ["1 thing needs a look"]
    (finding,) = texts(page, "//li[@class='urgent']")
    assert finding == "crm: problems Look at the causes. When one is mended, retry."
    (row,) = cells(page, "problems")
    assert row == ["crm", f"update {block('vertical', 'unit-0-0')}", HOSTILE, "0"]
    assert page.xpath("//script[not(@src)]") == []


def test_the_worst_comes_first(operator, shelf, receiver, settings):
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
    publish(shelf, "1")
    api.deliver_until_empty()
    api.pause("crm")
    Activity.note_run()
    Activity.objects.update(ran_at=DatabaseNow(-7200))
    publish(shelf, "2", sections=1)
    page = seen(operator)
    urgent, waits = texts(page, "//li[@class='urgent']"), texts(page, "//li[@class='waits']")
    assert texts(page, "//ul[@class='attention-list']/li") == urgent + waits
    assert urgent[0].startswith("No process does the background work.")
    assert urgent[1].startswith(f"{COURSE}: a publish would delete 5 of 11 entities, so it is held.")
    assert waits[0].startswith("crm: paused")


def test_a_target_that_is_down(operator, shelf, receiver):
    receiver.faults.append(Refuse(503, times=None))
    publish(shelf, "1")
    api.deliver_due()
    assert texts(seen(operator), "//li[@class='waits']")[0].startswith("crm: the last message got no answer.")
    Target.objects.update(breaker_opened_at=DatabaseNow(), breaker_error="no answer")
    (line,) = texts(seen(operator), "//li[@class='waits']")
    assert re.match(r"crm: the target has taken nothing since \S+Z\. no answer It is tried again and again", line)


@pytest.mark.parametrize("failing", [True, False])
def test_what_does_not_answer_is_one_finding_with_its_reason(operator, shelf, receiver, failing, settings):
    """Before, a target with a wrong secret had two, and one of them said that there is nothing to do."""
    publish(shelf, "1")
    Target.objects.update(breaker_opened_at=DatabaseNow(), breaker_error="The secret is wrong.")
    Lane.objects.update(failing=failing)
    (line,) = texts(seen(operator), "//ul[@class='attention-list']/li")
    assert "The secret is wrong." in line
    assert texts(seen(operator), "//li[@class='urgent']") == ([line] if failing else [])
    Lane.objects.update(created_at=DatabaseNow(-100))
    settings.COURSE_SYNC_OBJECTIVE_SECONDS = 50
    assert texts(seen(operator), "//li[@class='urgent']") == [line]


def test_what_takes_nothing_comes_before_a_conflict(shelf, receiver):
    """Whatever the names of the targets: a conflict waits for a day, a wrong secret stops all courses."""
    publish(shelf, "1")
    Target.objects.update(breaker_opened_at=DatabaseNow())
    Lane.objects.update(failing=True)
    status = api.status_overview()
    (down,) = status["targets"]
    calm = {**down, "name": "a", "state": "in step", "conflicts": 1, "breaker": {"state": "closed"}}
    found = [one.text for one in api.attention({**status, "targets": [calm, down], "not_running": False})]
    assert [text.split(":")[0] for text in found] == ["crm", "a"]


def test_no_finding_needs_a_shell(operator, shelf, receiver):
    """What the pages can do is said in their words, with links to the actions for those who act."""
    publish(shelf, "1")
    api.pause("crm")
    User.objects.update(is_superuser=True)
    (finding,) = seen(operator).xpath("//ul[@class='attention-list']/li")
    assert "'" not in finding.text_content()
    (address,) = finding.xpath("a[@class='offer']/@href")
    assert "would be resumed" in operator.get(address).content.decode()
    User.objects.update(is_superuser=False)
    assert seen(operator).xpath("//a[@class='offer']") == []


def test_a_lag_over_the_objective_is_marked(operator, shelf, receiver, settings):
    publish(shelf, "1")
    assert "a change is delivered within 3600 s" in seen(operator).text_content()
    Lane.objects.update(created_at=DatabaseNow(-100))
    settings.COURSE_SYNC_OBJECTIVE_SECONDS = 50
    assert cells(seen(operator), "targets")[0][2].endswith(" over 50")


def test_the_number_of_queries_is_small(operator, shelf, receiver, django_assert_max_num_queries):
    for number in range(5):
        shelf.publish(a_course("1", course=f"course-v1:Org+Course+{number}"))
        api.sync_course(f"course-v1:Org+Course+{number}")
    with django_assert_max_num_queries(14):  # one reads the switch, if it is not in the cache of the host
        seen(operator)


def test_a_strict_content_security_policy_holds(operator, shelf, receiver):
    """There is no inline script or style, and every file comes from the static files of the site."""
    publish(shelf, "1")
    page = seen(operator)
    assert page.xpath("//script[not(@src)] | //style | //@style | //@*[starts-with(name(), 'on')]") == []
    (stylesheet,) = page.xpath("//link[@rel='stylesheet']/@href")
    assert stylesheet == "/static/course_sync_plugin/dashboard.css"
    assert all(one.startswith("/static/") for one in page.xpath("//script/@src"))
    with open(finders.find("course_sync_plugin/dashboard.css"), encoding="utf-8") as css:
        assert "url(" not in css.read()


def test_right_to_left(operator, shelf, settings):
    settings.LANGUAGE_CODE = "ar"
    root = seen(operator).getroottree().getroot()
    assert (root.get("lang"), root.get("dir")) == ("ar", "rtl")


class TestWhatLeadsToThePageThatMendsIt:
    @pytest.fixture
    def leads(self, operator):
        def addresses() -> dict[str, str]:
            found = seen(operator).xpath("//ul[@class='attention-list']//strong/a")
            for link in found:
                assert operator.get(link.get("href").partition("#")[0] or PAGE).status_code == 200
            return {link.text_content(): link.get("href") for link in found}

        return addresses

    def test_a_paused_target_and_a_held_run(self, leads, shelf, receiver, settings):
        settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
        publish(shelf, "1")
        api.deliver_until_empty()
        api.pause("crm")
        publish(shelf, "2", sections=1)
        held, paused = leads().items()
        assert held[0].startswith(f"{COURSE}: a publish would delete 5 of 11 entities")
        assert held[1] == "#held"
        assert paused == ("crm: paused", "/course_sync/targets/crm/")
        User.objects.update(is_superuser=True)
        (held, _paused) = leads().items()
        assert held[1].startswith("/course_sync/act/approve/?course=course-v1")

    def test_a_conflict_and_a_proposal(self, operator, leads, shelf, receiver, monkeypatch):
        publish(shelf, "1")
        api.deliver_until_empty()
        counted = [{**one, "conflicts": 1, "proposals": 2} for one in api.status_overview()["targets"]]
        status = {**api.status_overview(), "targets": counted}
        monkeypatch.setattr(api, "status_overview", lambda: status)
        assert leads() == {
            "crm: 1 conflict waits for a person.": "/course_sync/conflicts/?target=crm",
            "crm: 2 proposals wait for an author.": "/course_sync/proposals/?target=crm",
        }
