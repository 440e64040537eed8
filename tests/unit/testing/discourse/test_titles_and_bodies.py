"""How titles and bodies are judged and cleaned."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.forum.slugs import slug_for
from course_sync_plugin.testing.discourse.forum.texts import clean_title, cook, first_paragraph
from tests.unit.testing.discourse.api import BODY, Api, refused

MEANINGLESS = "Title seems unclear, most of the words contain the same letters over and over?"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("an introduction to physics", "An introduction to physics"),
        ("INTRODUCTION TO PHYSICS", "Introduction to physics"),
        ("INTRODUCTION Ä TO PHYSICS", "Introduction Ä to physics"),
        ("iPhones and what they are", "iPhones and what they are"),
        ("Introduction to physics...", "Introduction to physics"),
        ("What is physics good for  ??", "What is physics good for?"),
        ("Stop!!! Read   this first!!!", "Stop! Read this first!"),
        ("  Spaces\u00a0of\u2003all kinds ", "Spaces of all kinds"),
        ("Kapitel 1: Überblick", "Kapitel 1: Überblick"),
    ],
)
def test_a_title_is_cleaned(api, sent, kept):
    assert clean_title(sent, SiteSettings()) == kept
    topic = api.topic(sent)["topic_id"]
    assert api.show(topic)["title"] == kept


def test_cleaning_can_be_off(forum, api):
    forum.forum.settings.title_prettify = False
    assert api.show(api.topic("an introduction to physics...")["topic_id"])["title"] == "an introduction to physics..."


@pytest.mark.parametrize(
    ("title", "errors"),
    [
        ("Week 1", [MEANINGLESS]),
        ("", ["Title can't be blank"]),
        ("aaaa bbbb aaaa bbbb", [MEANINGLESS]),
        ("x" * 256, ["Title is too long (maximum is 255 characters)", MEANINGLESS]),
        ("A word of abcdefghijklmnopqrstuvwxyzabcde", ["Title seems unclear, one or more words is very long?"]),
        ("ВВЕДЕНИЕ В ФИЗИКУ 2026", ["Title seems unclear, did you mean to enter it in ALL CAPS?"]),
        ("!@#$%^&*()_+-=[]{}", ["Title seems unclear, is it a complete sentence?"]),
    ],
)
def test_an_administrator_s_titles_are_judged_too(api, title, errors):
    response = api.post("/posts.json", title=title, raw=BODY)
    assert refused(response, 422) == errors
    assert response.json()["action"] == "create_post"


def test_others_need_15_characters(api, student):
    api.topic("Brief heading")
    assert refused(student.post("/posts.json", title="Other heading", raw=BODY), 422) == [
        "Title is too short (minimum is 15 characters)"
    ]
    student.topic("Other long heading")


def test_a_title_is_unique_over_the_whole_forum(forum, api, student):
    first = api.topic("The same title for two", category=api.category("Course A")["id"])
    other = api.category("Course B")["id"]
    again = {"title": "the SAME title for two", "raw": "Another body of this topic.", "category": other}
    assert refused(student.post("/posts.json", **again), 422) == ["Title has already been used"]
    forum.forum.settings.allow_duplicate_topic_titles_category = True
    made = student.topic(**{**again, "raw": "A third body of this topic."})
    forum.forum.settings.allow_duplicate_topic_titles_category = False
    api.delete(f"/t/{made['topic_id']}.json")
    api.delete(f"/t/{first['topic_id']}.json")
    api.topic("The same title for two", raw="The deleted ones are no hindrance.")


@pytest.mark.parametrize(
    ("raw", "errors"),
    [
        ("", ["Body can't be blank", "Body is too short (minimum is 20 characters)", "unclear"]),
        ("Too short a text.", ["Body is too short (minimum is 20 characters)"]),
        ("ab ab ab ab ab ab ab ab ab", ["unclear"]),
        ("x1234567 y" * 3201, ["Body is limited to 32000 characters; you entered 32010."]),
    ],
)
def test_a_body_is_judged(api, raw, errors):
    unclear = "Body seems unclear, is it a complete sentence?"
    expected = [unclear if error == "unclear" else error for error in errors]
    assert refused(api.post("/posts.json", title="A topic with a bad body", raw=raw), 422) == expected
    topic = api.topic()["topic_id"]
    assert refused(api.post("/posts.json", topic_id=topic, raw=raw), 422) == expected


def test_odd_spaces_and_the_space_at_the_end_of_a_body_go(api):
    assert api.topic(raw="  A body\u00a0with spaces that is long. \n\n ")["raw"] == "  A body with spaces that is long."


def test_a_person_may_not_say_the_same_again_soon(forum, api, student):
    topic = api.topic()["topic_id"]
    student.reply(topic)
    again = student.post("/posts.json", topic_id=topic, raw="An answer to what was said above.", reply_to_post_number=1)
    assert refused(again, 422) == ["Body is too similar to what you recently posted"]
    forum.clock.advance(301)
    student.reply(topic, reply_to_post_number=2)
    api.reply(topic)
    api.reply(topic, reply_to_post_number=1)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Kapitel 1: Überblick & Co.", "kapitel-1-uberblick-co"),
        ("2026", "topic"),
        ("Übersicht", "ubersicht"),
        ("第一章", "topic"),
    ],
)
def test_slugs(title, slug):
    assert slug_for(title) == slug


def test_html_of_a_text():
    assert cook("One & two\nthree\n\nFour") == "<p>One &amp; two<br>\nthree</p>\n<p>Four</p>"
    assert first_paragraph(cook("One\n\nTwo")) == "One"
    assert first_paragraph("") is None


def test_a_moderator_is_no_administrator(forum):
    moderator = Api(forum, "moderator")
    assert refused(moderator.post("/posts.json", title="Brief heading", raw=BODY), 422)
