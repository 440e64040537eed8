"""The pages of actions: what is shown is done, by those who may, and nobody is led to another site."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.http import urlencode

from course_sync_plugin import api
from course_sync_plugin.models import OperatorAction, Target
from course_sync_plugin.testing.faults import Refuse
from tests.integration.courses import COURSE, block
from tests.integration.dashboard.people import seen, texts
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db

OTHER = "course-v1:Other+C+R"


def page_of(name: str, **names: str) -> str:
    return f"/course_sync/act/{name}/?{urlencode(names)}"


def sign_in(client: Client, *groups: str, **values: bool) -> Client:
    user = User.objects.create_user("somebody", **values)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    client.force_login(user)
    return client


def tokens(answer) -> list[str]:
    return re.findall(r'name="token" value="(\w+)"', answer.content.decode())


def test_a_target_is_paused_as_shown(client, in_step):
    sign_in(client, is_superuser=True)
    address = page_of("pause", target="crm")
    shown = client.get(address)
    assert "Target crm would be paused" in shown.content.decode()
    assert not Target.objects.get().paused
    done = client.post(address, {"token": tokens(shown), "note": "moving"}, follow=True)
    assert "Target crm is paused" in done.content.decode()
    assert Target.objects.get().paused
    record = OperatorAction.objects.get(action="pause")
    assert (record.operator, record.note) == ("somebody", "moving")


def test_a_plan_that_was_not_shown_is_not_carried_out(client, in_step):
    sign_in(client, is_superuser=True)
    done = client.post(page_of("pause", target="crm"), {"token": "0123456789ab"}, follow=True)
    assert "is no longer valid" in done.content.decode()
    assert not Target.objects.get().paused


def test_the_new_secret_is_shown_once_and_never_stored(client, in_step):
    sign_in(client, is_superuser=True)
    address = page_of("rotate-secret", target="crm")
    done = client.post(address, {"token": tokens(client.get(address))})
    (secret,) = re.findall(r"whsec_[\w+/=]+", done.content.decode())
    assert secret not in client.get("/course_sync/").content.decode()
    assert secret not in str(client.cookies)


@pytest.mark.parametrize(
    ("groups", "values", "site", "course", "other"),
    [
        ([], {"is_superuser": True}, 200, 200, 404),  # there is no lane of the other course
        ([], {"is_staff": True}, 403, 403, 404),
        (["admin of Org"], {}, 403, 200, 404),
        (["staff of Org"], {}, 403, 403, 404),
        (["admin of Other"], {}, 403, 404, 404),
        ([f"admin of {COURSE}"], {}, 403, 200, 404),
        ([], {}, 403, 404, 404),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_act(client, in_step, groups, values, site, course, other, method):
    sign_in(client, *groups, **values)
    ask = getattr(client, method)
    expected = {200: 302} if method == "post" else {}
    assert ask(page_of("pause", target="crm")).status_code == expected.get(site, site)
    assert ask(page_of("reset", target="crm", course=COURSE)).status_code == expected.get(course, course)
    assert ask(page_of("reset", target="crm", course=OTHER)).status_code == other
    assert ask(page_of("rotate-secret", target="crm", course=COURSE)).status_code == expected.get(site, site)


def test_a_visitor_is_sent_to_the_sign_in(client, in_step):
    assert client.get(page_of("pause", target="crm")).status_code == 302
    assert client.post(page_of("pause", target="crm")).url.endswith("%3Ftarget%3Dcrm")


def test_a_form_of_another_site_is_refused(in_step):
    client = sign_in(Client(enforce_csrf_checks=True), is_superuser=True)
    address = page_of("pause", target="crm")
    assert client.post(address, {"token": tokens(client.get(address))}).status_code == 403
    assert not Target.objects.get().paused


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(client, in_step, back):
    sign_in(client, is_superuser=True)
    address = page_of("pause", target="crm", back=back)
    assert "evil" not in re.sub(r"<form.*?>|hx-get=\S+", "", client.get(address).content.decode())
    assert client.post(address, {"token": tokens(client.get(address))}).url == "/course_sync/"


def test_it_comes_back_to_the_page_that_it_was_opened_from(client, in_step):
    sign_in(client, is_superuser=True)
    address = page_of("pause", target="crm", back="/course_sync/?target=crm")
    assert client.post(address, {"token": tokens(client.get(address))}).url == "/course_sync/?target=crm"


@pytest.mark.parametrize("names", [{"target": "nobody"}, {"target": "CRM"}, {}])
@pytest.mark.parametrize("action", ["test", "reset", "approve", "no-such-action"])
def test_what_is_not_there(client, in_step, action, names):
    sign_in(client, is_superuser=True)
    assert client.get(page_of(action, **names)).status_code == 404


def test_a_held_run_is_shown_in_titles_the_largest_first(client, shelf, settings):
    """Ids alone do not tell an operator what would be lost."""
    settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
    publish(shelf, "1", titles={"section-1": "Week 2", "unit-1-0": "<b>Bees</b>"})
    publish(shelf, "2", sections=1)
    sign_in(client, is_superuser=True)
    plan = texts(seen(client, page_of("approve", course=COURSE)), "//ul[@class='plan']/li")
    assert plan[1] == "section: 1, subsection: 1, unit: 3"
    assert plan[2] == f"section “Week 2” ({block('chapter', 'section-1')})"
    assert f"unit “<b>Bees</b>” ({block('vertical', 'unit-1-0')})" in plan
    assert plan[-1].startswith("If this is wrong, do not approve it.")


def test_a_retry_says_that_waiting_lanes_go_on(client, shelf, receiver):
    receiver.faults.append(Refuse(503))
    publish(shelf, "1")
    api.deliver_due()
    sign_in(client, is_superuser=True)
    address = page_of("retry", target="crm")
    shown = client.get(address)
    assert "Target crm: no operation failed." in shown.content.decode()
    done = client.post(address, {"token": tokens(shown)}, follow=True)
    assert "Lanes that make their next attempt at once: 1" in done.content.decode()
