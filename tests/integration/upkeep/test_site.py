"""A target remembers its site. On another one, as after a restored dump, nothing is sent until someone confirms."""

from __future__ import annotations

import json

import pytest

from course_sync_plugin import api
from course_sync_plugin.lanes.site import normalised
from course_sync_plugin.models import Lane, OperatorAction, Target
from tests.integration.courses import COURSE, a_course, exit_status
from tests.integration.one_lane import publish

pytestmark = pytest.mark.django_db(transaction=True)

PRODUCTION, STAGE = "https://lms.example.org", "https://stage.example.org"
OTHER = "course-v1:Org+Course+Other"


@pytest.fixture
def restored(settings, shelf, receiver):
    """Deliver on production; then go on with the same database on stage, as after a restored dump."""
    settings.LMS_ROOT_URL = PRODUCTION
    Target.objects.update(site=PRODUCTION)
    publish(shelf, "v1")
    api.deliver_until_empty()
    settings.LMS_ROOT_URL = STAGE
    return shelf


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://LMS.Example.org/", PRODUCTION),
        ("  https://lms.example.org//\n", PRODUCTION),
        ("https://lms.example.org:443", PRODUCTION),
        ("http://lms.example.org:80/", "http://lms.example.org"),
        ("http://lms.example.org:443", "http://lms.example.org:443"),
        ("https://lms.example.org/Campus", "https://lms.example.org/campus"),
        ("https://lms.example.org/X", "https://lms.example.org/x"),
        ("https://campüs.example.org", "https://camp%c3%bcs.example.org"),
        ("", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_the_form_in_which_sites_are_compared(url, site):
    assert normalised(url) == site
    assert normalised(normalised(url)) == normalised(url)


def test_nothing_is_sent_and_publishes_are_recorded(restored, receiver):
    sent = len(receiver.requests)
    publish(restored, "v2", units=5)
    restored.publish(a_course("v1", course=OTHER))
    api.sync_course(OTHER)
    api.sweep()
    assert api.due_lane_ids() == []
    assert [api.deliver_lane(pk) for pk in Lane.objects.values_list("pk", flat=True)] == [None, None]
    assert len(receiver.requests) == sent
    (target,) = api.status()["targets"]
    assert (target["state"], target["pending"]) == ("other site", 4 + 11)
    assert target["error"] == f"made for {PRODUCTION}, and this is {STAGE}: 'confirm-site crm' lets it send from here"
    assert Target.objects.get().site == PRODUCTION  # a sweep adopts only targets that were made for no site


def test_all_is_delivered_once_someone_confirms(restored, receiver, capsys):
    publish(restored, "v2", units=5)
    assert exit_status("confirm-site", "crm") == 0
    out = capsys.readouterr().out
    assert f"made for {PRODUCTION}" in out
    assert f"this is  {STAGE}" in out
    assert api.due_lane_ids() == []
    assert exit_status("confirm-site", "--all", "--yes", "--note", "stage has its own receiver") == 0
    api.deliver_until_empty()
    assert receiver.equals(a_course("v2", units=5))
    assert receiver.violations == []
    action = OperatorAction.objects.get(action="confirm-site")
    assert (action.target_name, action.note) == ("crm", "stage has its own receiver")
    assert (action.changed["from"], action.changed["to"]) == (PRODUCTION, STAGE)
    assert exit_status("confirm-site", "crm", "--yes") == 0  # there is nothing to confirm any more


def test_the_site_it_was_made_on_goes_on(restored, receiver, settings):
    settings.LMS_ROOT_URL = f"{PRODUCTION.upper()}/"
    publish(restored, "v2", units=5)
    api.deliver_until_empty()
    assert receiver.equals(a_course("v2", units=5))
    assert api.status()["targets"][0]["state"] == "in step"


@pytest.mark.parametrize("url", ["", None])
def test_a_host_without_a_root_url_does_not_check(restored, receiver, settings, url):
    settings.LMS_ROOT_URL = url
    publish(restored, "v2", units=5)
    api.deliver_until_empty()
    assert receiver.equals(a_course("v2", units=5))
    assert exit_status("confirm-site", "crm") == 1


def test_a_target_of_an_older_release_belongs_to_the_site_of_the_next_sweep(settings, shelf, receiver):
    settings.LMS_ROOT_URL = PRODUCTION
    Target.objects.update(site=None)
    publish(shelf, "v1")
    api.deliver_until_empty()
    assert receiver.equals(a_course("v1"))
    assert Target.objects.get().site is None
    api.sweep()
    assert Target.objects.get().site == PRODUCTION


def test_a_target_is_made_for_the_site_it_is_added_on(settings, shelf, receiver):
    settings.LMS_ROOT_URL = f"{STAGE}/"
    api.add_target("other", url=receiver.url)
    assert Target.objects.get(name="other").site == STAGE


def test_what_has_changed_since_it_was_shown_is_not_confirmed(restored, settings, capsys):
    exit_status("confirm-site", "crm", "--json")
    (plan,) = json.loads(capsys.readouterr().out)
    Target.objects.update(url="https://production.example.org/")
    assert exit_status("confirm-site", "crm", "--yes", "--token", plan["token"]) == 1
    assert Target.objects.get().site == PRODUCTION


@pytest.mark.parametrize("arguments", [[], ["crm", "--all"]], ids=["none", "both"])
def test_wrong_usage(restored, arguments):
    assert exit_status("confirm-site", *arguments, "--yes") == 2


def test_its_courses_are_found_in_the_short_form(restored, capsys):
    exit_status("status")
    out = capsys.readouterr().out
    assert "'confirm-site crm' lets it send from here" in out
    assert f"  {COURSE}\n    crm: other site\n" in out
