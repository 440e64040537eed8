"""The line for course staff, which the widgets of the MFEs show."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.translation import override

from course_sync_plugin import api
from course_sync_plugin.models import Course, digest_of
from tests.integration.courses import COURSE

pytestmark = pytest.mark.django_db

LINE = f"/api/course_sync/v1/courses/{COURSE}/staff-line"


def test_it_says_what_the_page_says(site, sign_in):
    client = sign_in("staff of the course")
    found = client.get(LINE).json()
    with override("en-us"):
        report = api.staff_report(Course.objects.get(key_digest=digest_of(COURSE)))
    assert found["notes"] == list(report.notes) != []
    (shown,), (told,) = found["targets"], report.targets
    assert (shown["target"], shown["sentences"]) == ("crm", list(told.sentences))
    assert shown["is_well"] is told.is_well is False
    assert [one["text"] for one in shown["not_taken"]] == [one.text for one in told.not_taken] != []
    page = client.get(found["page"]).content.decode()
    assert all(sentence in page for sentence in told.sentences)


def test_the_names_of_an_answer(site, sign_in):
    found = sign_in("staff of the course").get(LINE).json()
    assert sorted(found) == ["course_id", "notes", "page", "targets", "title"]
    assert found["page"] == f"/course_sync/staff/{COURSE}/"
    assert found["page"] == reverse("course_sync:staff", args=[COURSE])


def test_what_the_other_system_said_is_told_as_on_the_page(site, sign_in):
    (told,) = api.staff_report(Course.objects.get(key_digest=digest_of(COURSE))).targets
    not_taken = sign_in("staff of the course").get(LINE).json()["targets"][0]["not_taken"]
    assert [one["reason"] for one in not_taken] == [one.reason for one in told.not_taken]
    assert any("<script>" in one["reason"] for one in not_taken)  # React escapes it


def test_no_answer_is_cached_and_only_get_is_possible(site, sign_in):
    client = sign_in("staff of the course")
    assert "no-store" in client.get(LINE)["Cache-Control"]
    assert client.post(LINE).status_code == 405
