"""An access token that has expired is replaced on the pages; it is entered once and shown nowhere."""

from __future__ import annotations

import pytest
from django.db import connection

from course_sync_plugin import api
from course_sync_plugin.lanes.open_target import config_of
from course_sync_plugin.models import Lane, OperatorAction, Target
from tests.integration.dashboard.people import seen, sign_in
from tests.integration.dashboard.test_act import page_of, tokens
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db

NEW = "9~hidden-token-of-the-page"


@pytest.fixture
def canvas(shelf):
    publish(shelf, "1")
    api.add_target("lms2", backend="canvas", url="https://canvas.example.org", token="7~old")
    return Target.objects.get(name="lms2")


def test_it_is_set_and_lanes_go_on(client, canvas):
    sign_in(client, is_superuser=True)
    Lane.objects.filter(target=canvas).update(failing=True, last_error="HTTP 401")
    (address,) = seen(client, "/course_sync/targets/lms2/").xpath("//a/@href[contains(., '/act/set-token/')]")
    shown = client.get(address)
    assert "Target lms2, canvas.example.org, would get requests" in shown.content.decode()
    done = client.post(address, {"token": tokens(shown), "entered": f" {NEW}\n", "note": "expired"}, follow=True)
    assert "Target lms2 has a new token. Lanes that go on: 1." in done.content.decode()
    canvas.refresh_from_db()
    assert config_of(canvas).token == NEW
    assert not Lane.objects.get(target=canvas).failing
    assert OperatorAction.objects.get(action="set-token").note == "expired"


def test_it_is_shown_nowhere(client, canvas):
    sign_in(client, is_superuser=True)
    address = page_of("set-token", target="lms2")
    client.post(address, {"token": tokens(client.get(address)), "entered": NEW})
    for page in ("", "targets/", "targets/lms2/", "history/", "act/set-token/?target=lms2"):
        assert NEW not in client.get(f"/course_sync/{page}").content.decode()
    with connection.cursor() as cursor:
        for model in (Target, OperatorAction):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            assert NEW not in str(cursor.fetchall())


def test_an_empty_one_changes_nothing(client, canvas):
    sign_in(client, is_superuser=True)
    address = page_of("set-token", target="lms2")
    done = client.post(address, {"token": tokens(client.get(address)), "entered": " "}, follow=True)
    assert "needs an access token, and none was given" in done.content.decode()
    assert "--token-file" not in done.content.decode(), "a page does not speak of the options of commands"
    assert config_of(Target.objects.get(name="lms2")).token == "7~old"


def test_a_page_from_before_another_change_is_out_of_date(client, canvas):
    sign_in(client, is_superuser=True)
    address = page_of("set-token", target="lms2")
    shown = tokens(client.get(address))
    api.set_token("lms2", "8~meanwhile")
    done = client.post(address, {"token": shown, "entered": NEW}, follow=True)
    assert "is no longer valid" in done.content.decode()
    assert config_of(Target.objects.get(name="lms2")).token == "8~meanwhile"


def test_a_target_without_one_is_told(client, canvas, receiver):
    sign_in(client, is_superuser=True)
    assert "uses no access token" in client.get(page_of("set-token", target="crm")).content.decode()


@pytest.mark.parametrize(("values", "groups"), [({"is_staff": True}, []), ({}, ["admin of Org"])])
def test_only_those_who_act_on_the_whole_site(client, canvas, values, groups):
    sign_in(client, *groups, **values)
    assert client.get(page_of("set-token", target="lms2")).status_code == 403


def test_no_program_sets_it(client, canvas):
    sign_in(client, is_superuser=True)
    assert client.get("/api/course_sync/v1/actions/test/plan", {"target": "lms2"}).status_code == 200
    assert client.get("/api/course_sync/v1/actions/set-token/plan", {"target": "lms2"}).status_code == 404
