"""The account of the campaign for two-way targets: when an edit counts as overtaken."""

from __future__ import annotations

import pytest

from course_sync_plugin.testing.canvas.exchange import Answer, Request
from tests.chaos.two_way.edits import Edits, edit_now
from tests.chaos.two_way.overtaken import Witness

TITLE = "Teacher 3"


class Page:
    """A page that a person has renamed, at a site that a witness sees."""

    def __init__(self, site: str):
        self.title, edits = TITLE, Edits()
        edits.note([edit_now(site, "unit", "display_name", TITLE, ["7"])], ["Author 1"])
        self.witness = Witness(edits, site, lambda: {self.title})

    def read(self, status: int = 200, path: str = "/courses/1/modules", shown: str = TITLE) -> None:
        self._request("GET", path, status, lambda: Answer.of(200, [{"title": shown}]))

    def rename(self, path: str = "/courses/1/modules/2/items/7") -> None:
        def act() -> Answer:
            self.title = "Author 2"
            return Answer.of(200, {"title": self.title})

        self._request("PUT", path, 200, act)

    def _request(self, method, path, status, act) -> None:
        request = Request(method, path, "", {}, {})
        self.witness.carry_out(request, lambda _request: act())
        request.status = status


def test_an_edit_that_no_read_has_shown_is_overtaken():
    page = Page("canvas")
    page.rename()
    assert page.witness.overtaken() == {TITLE}


def test_an_edit_that_a_read_has_shown_is_lost():
    page = Page("canvas")
    page.read()
    page.rename()
    page.read()
    assert page.witness.overtaken() == set()


@pytest.mark.parametrize(
    "read",
    [{"status": 500}, {"status": None}, {"path": "/courses/1/pages/page_id:8"}, {"shown": "Teacher 31"}],
    ids=["refused", "not answered", "of something else", "of another value"],
)
def test_a_read_that_does_not_show_it_does_not_count(read):
    page = Page("canvas")
    page.read(**read)
    page.rename()
    assert page.witness.overtaken() == {TITLE}


def test_a_write_that_the_site_would_refuse_overtakes_nothing():
    page = Page("forum")
    page.rename("/t/-/7")
    assert page.witness.overtaken() == set()
