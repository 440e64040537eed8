"""Titles are such that the forum keeps them as they are, and the name of the entity is found in them again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_sync_plugin.targets.discourse.first_post import first_post, link
from course_sync_plugin.targets.discourse.titles import (
    CategoryNames,
    TopicTitles,
    clean_title,
    slug_if_reserved,
    slug_of,
    tag_of,
)
from course_sync_plugin.testing.discourse.forum import texts
from course_sync_plugin.testing.discourse.forum.settings import SiteSettings
from course_sync_plugin.testing.discourse.forum.tags import clean_tag

SETTINGS = SiteSettings()
#: Texts with what Discourse cleans, and any others.
NAMES = st.text(st.sampled_from("abAB !?.·-\u00a0é"), max_size=30) | st.text(max_size=400)


def titles(name: str, parent: str = "Week 1", course: str = "DemoX 2026") -> TopicTitles:
    return TopicTitles("block-v1:Org+DemoX+2026+type@sequential+block@a", name, parent, course)


class TestTopicTitles:
    def test_the_two_titles(self):
        assert list(titles("Bees")) == ["Bees · Week 1 · DemoX 2026", "Bees · Week 1 · DemoX 2026 · 8eb551"]

    @given(NAMES, NAMES)
    def test_the_forum_keeps_them(self, name, parent):
        for title in titles(name, parent):
            assert texts.clean_title(title, SETTINGS) == title
            assert texts.clean_title(title, SiteSettings(title_prettify=False)) == title
            assert texts.title_faults(title, 1, SETTINGS) == []

    @given(st.text(st.sampled_from("abAB 1!?.,"), min_size=1, max_size=30), st.sampled_from(["Week 1", "x", "WEEK"]))
    def test_they_are_of_good_quality(self, name, parent):
        assert [fault for title in titles(name, parent) for fault in texts.title_quality(title, SETTINGS)] == []

    @given(NAMES)
    def test_cleaning_what_is_clean_changes_nothing(self, text):
        assert clean_title(clean_title(text)) == clean_title(text)

    @pytest.mark.parametrize(
        ("title", "name"),
        [
            ("Bees · Week 1 · DemoX 2026", "Bees"),
            ("Bees · Week 1 · DemoX 2026 · 8eb551", "Bees"),
            ("Wasps and bees · Week 1 · DemoX 2026", "Wasps and bees"),
            ("Bees · WEEK 1 · demox 2026", "Bees"),
            ("Bees · its former week · DemoX 2026", "Bees"),
            ("Bees · Wasps · Week 1 · DemoX 2026", "Bees · Wasps"),
            ("Bees · Week 1", "Bees"),
            ("Bees · Wasps", "Bees · Wasps"),
            ("A title of a person", "A title of a person"),
        ],
    )
    def test_the_name_in_a_title(self, title, name):
        assert titles("Bees").name_in(title) == name

    def test_a_long_name_is_cut_and_the_rest_is_not(self):
        first, second = titles("word " * 100)
        assert (len(first), len(second)) == (255, 255)
        assert first.endswith("… · Week 1 · DemoX 2026")


class TestCategoryNames:
    @given(NAMES)
    def test_they_fit(self, name):
        first, second = CategoryNames("id", name)
        assert (len(first) <= 50, len(second) <= 50, first.strip()) == (True, True, first)
        assert first.lower() != second.lower()

    def test_the_name_in_a_name(self):
        names = CategoryNames("id", "Week 1")
        assert [names.name_in(one) for one in (*names, "Renamed")] == ["Week 1", "Week 1", "Renamed"]


@given(NAMES)
def test_the_forum_keeps_a_tag(name):
    tag = tag_of(name)
    assert clean_tag(tag, SETTINGS) == tag


def test_a_slug():
    assert slug_of("course-v1:Org+Demo.X+2026_T1") == "org-demo-x-2026-t1"
    assert slug_of("Org/DemoX/2026") == "org-demox-2026"
    assert slug_of("course-v1:7+category+2026") == "course-7-category-2026", "the forum refuses those of this form"
    assert [slug_if_reserved(one) for one in ("7. Category theory", "Category 7")] == ["course-7-category-theory", None]


class TestFirstPost:
    def test_a_name_is_shown_as_it_is_and_notifies_nobody(self):
        text = first_post(["*A* course", "[Bees](x) for @all"], "course-v1:a+b+c", "block-v1:a+b+c+type@x+block@y", "")
        assert "\\*A\\* course › \\[Bees\\]\\(x\\) for @\u2060all**" in text

    def test_the_link(self):
        where = link("https://lms.example.org", "course-v1:a+b+c", "block-v1:a+b+c+type@x+block@y z")
        assert where == "https://lms.example.org/courses/course-v1:a+b+c/jump_to/block-v1:a+b+c+type@x+block@y%20z"

    @given(st.lists(st.text(max_size=300), min_size=1, max_size=6))
    def test_the_forum_accepts_it(self, names):
        text = texts.clean_body(first_post(names, "course-v1:a+b+c", "block-v1:a+b+c+type@x+block@y", "https://l.test"))
        assert texts.body_faults(text, 20, SETTINGS) == []
