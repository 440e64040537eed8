"""The url of a page, from its title."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.canvas.slugs import titleize, to_url


@pytest.mark.parametrize(
    ("title", "url"),
    [
        ("Week 1", "week-1"),
        ("  Week   1  ", "week-1"),
        ("foo & bar", "foo-and-bar"),
        ("Chanel #9", "chanel-number-9"),
        ("user@host", "user-at-host"),
        ("google.com", "google-dot-com"),
        ("Week 1.2", "week-1-dot-2"),
        ("$10", "10-dollars"),
        ("$10.50", "10-dollars-50-cents"),
        ("*69", "star-69"),
        ("100%", "100-percent"),
        ("windows/mac/linux", "windows-slash-mac-slash-linux"),
        ("1 + 1 = 2", "1-plus-1-equals-2"),
        ("20 °C", "20-degrees-c"),
        ("1,000 bees", "1000-bees"),
        ("Wait...", "wait-dot-dot-dot"),
        ("U.S.A. today", "usa-today"),
        ("Don't panic", "dont-panic"),
        ("a – b", "a-b"),
        ("snake_case", "snake-case"),
        ("Äpfel Größe", "apfel-grosse"),
        ("<b>bold</b> title", "bold-title"),
        ("?!", ""),
    ],
)
def test_the_url_of_a_title(title, url):
    assert to_url(title) == url


def test_other_scripts_give_a_url_that_is_not_empty():
    assert to_url("Неделя")


@pytest.mark.parametrize(("url", "title"), [("week-1", "Week 1"), ("page_id:7", "Page Id:7"), ("Honey", "Honey")])
def test_the_title_of_a_page_that_is_created_by_its_url(url, title):
    assert titleize(url) == title
