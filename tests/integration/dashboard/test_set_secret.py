"""A wrong secret is replaced on the pages by the one that the receiver has. It is entered once and shown nowhere."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.open_target import config_of
from course_sync_plugin.models import Lane, OperatorAction, Target
from course_sync_plugin.targets.signing import generate_secret
from tests.integration.dashboard.people import seen, sign_in
from tests.integration.dashboard.test_act import page_of, tokens
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db

ADDRESS = page_of("set-secret", target="crm")


@pytest.fixture
def refused(shelf, receiver):
    """Return a receiver that has got another secret and refuses everything."""
    receiver.secrets = (generate_secret(),)
    publish(shelf, "1")
    api.deliver_until_empty()
    assert Lane.objects.get().failing
    return receiver


def test_the_secret_of_the_receiver_is_set_and_lanes_go_on(client, refused):
    sign_in(client, is_superuser=True)
    (address,) = seen(client, "/course_sync/targets/crm/").xpath("//a/@href[contains(., '/act/set-secret/')]")
    shown = client.get(address)
    assert "Enter the secret that the receiver has." in shown.content.decode()
    done = client.post(
        address, {"token": tokens(shown), "entered": f" {refused.secret}\n", "note": "theirs"}, follow=True
    )
    assert "Target crm has a new secret." in done.content.decode()
    api.deliver_until_empty()
    assert not Lane.objects.get().failing
    assert api.status()["targets"][0]["state"] == "in step"
    assert OperatorAction.objects.get(action="rotate-secret").note == "theirs"


def test_it_is_shown_nowhere(client, refused):
    sign_in(client, is_superuser=True)
    secret = refused.secret
    answer = client.post(ADDRESS, {"token": tokens(client.get(ADDRESS)), "entered": secret}, follow=True)
    assert secret not in answer.content.decode()
    for page in ("", "targets/crm/", "history/", "act/set-secret/?target=crm"):
        assert secret not in client.get(f"/course_sync/{page}").content.decode()
    assert secret not in str(list(OperatorAction.objects.values()))


@pytest.mark.parametrize("entered", ["", " ", "whsec_", "hunter2", "whsec_<b>"])
def test_what_is_no_secret_changes_nothing(client, refused, entered):
    sign_in(client, is_superuser=True)
    before = config_of(Target.objects.get()).secrets
    answer = client.post(ADDRESS, {"token": tokens(client.get(ADDRESS)), "entered": entered}, follow=True)
    assert "Target crm has a new secret." not in answer.content.decode()
    assert config_of(Target.objects.get()).secrets == before
    assert Lane.objects.get().failing


def test_a_page_from_before_another_change_is_out_of_date(client, refused):
    sign_in(client, is_superuser=True)
    shown = tokens(client.get(ADDRESS))
    api.rotate_secret("crm", 0)
    answer = client.post(ADDRESS, {"token": shown, "entered": refused.secret}, follow=True)
    assert "is no longer valid" in answer.content.decode()
    assert Lane.objects.get().failing


@pytest.mark.parametrize(("values", "groups"), [({"is_staff": True}, []), ({}, ["admin of Org"])])
def test_only_those_who_act_on_the_whole_site(client, refused, values, groups):
    sign_in(client, *groups, **values)
    assert client.get(ADDRESS).status_code == 403


def test_no_program_sets_it(client, refused):
    sign_in(client, is_superuser=True)
    assert client.get("/api/course_sync/v1/actions/set-secret/plan", {"target": "crm"}).status_code == 404
