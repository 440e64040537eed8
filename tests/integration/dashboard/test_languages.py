"""The pages in the language of the reader, and commands in English."""

from __future__ import annotations

import re
from io import StringIO
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.utils import translation

from course_sync_plugin import api
from tests.integration.courses import COURSE
from tests.integration.dashboard.people import seen_in, sign_in, texts
from tests.unit.catalogues import read, source

pytestmark = pytest.mark.django_db

ARABIC = re.compile("[\u0621-\u064a]")

PAGES = [
    "/course_sync/",
    "/course_sync/act/pause/?target=crm",
    "/course_sync/act/reset/?target=crm&course={course}",
    "/course_sync/targets/",
    "/course_sync/targets/crm/",
    "/course_sync/performance/?since=x",
    "/course_sync/errors/",
    "/course_sync/conflicts/",
    "/course_sync/proposals/",
    "/course_sync/history/?kind=all",
    "/course_sync/courses/",
    "/course_sync/courses/{course}/",
    "/course_sync/courses/{course}/tree/?target=crm",
    "/course_sync/staff/{course}/",
    "/admin/course_sync_plugin/lane/",
    "/admin/course_sync_plugin/notificationchannel/add/",
]

#: English sentences: messages of at least three words that leave nothing open.
SENTENCES = [one.text for one in read(source("en")) if one.text.count(" ") > 1 and not re.search("[{%<]", one.text)]


@pytest.fixture
def reader(client):
    return sign_in(client, is_superuser=True, is_staff=True)


@pytest.mark.parametrize("address", PAGES)
def test_no_english_sentence_is_left(reader, two_courses, address):
    page = seen_in(reader, address.format(course=quote(COURSE)), "de")
    shown = " ".join(" ".join(page.itertext()).split())
    assert [one for one in SENTENCES if one in shown] == []


def test_german(reader, two_courses):
    page = seen_in(reader, "/course_sync/", "de-DE,de;q=0.9,en;q=0.5")
    assert (page.get("lang"), page.get("dir")) == ("de", "ltr")
    assert texts(page, "//h1") == ["1 Sache braucht einen Blick"]
    assert "100,0 %" in texts(page, "//td")
    times = texts(seen_in(reader, "/course_sync/history/", "de"), "//time")
    assert times
    assert all(re.fullmatch(r"\d\d\.\d\d\.20\d\d \d\d:\d\d:\d\d", one) for one in times)


def test_arabic_is_from_right_to_left(reader, two_courses):
    page = seen_in(reader, "/course_sync/", "ar")
    assert (page.get("lang"), page.get("dir")) == ("ar", "rtl")
    assert texts(page, "//h1") == ["1 أمر يحتاج إلى نظرة"]
    assert all(ARABIC.search(one) for one in texts(page, "//h1 | //h2 | //nav//a"))


def test_a_filter_sends_the_word_that_is_stored(reader, two_courses):
    page = seen_in(reader, "/course_sync/courses/?state=problems", "de")
    (chosen,) = page.xpath("//select[@name='state']/option[@selected]")
    assert (chosen.get("value"), chosen.text) == ("problems", "Probleme")


def test_a_language_without_translation_gets_english(reader, two_courses):
    page = seen_in(reader, "/course_sync/", "eo")
    assert texts(page, "//h1") == ["1 thing needs a look"]


def test_a_command_answers_in_english(two_courses, settings):
    """Scripts read its output. The sentences of the pages are its sentences too."""
    settings.LANGUAGE_CODE = "de"
    out = StringIO()
    with translation.override("de"):
        assert api.attention(api.status_overview())[0].text == "crm: Probleme"
        call_command("course_sync", "status", stdout=out)
        assert translation.get_language() == "de"
    assert "problems" in out.getvalue()
    assert "Probleme" not in out.getvalue()
    assert "'problems --target crm' says what to do" in out.getvalue()
