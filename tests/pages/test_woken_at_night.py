"""Five things that wake an operator at night: each is found and mended with the pages alone, in a few clicks.

The site has other work too: a problem, a conflict and a proposal. What the other side does is a step of the test: it
starts again, or it tells its secret. ``deliver`` stands for the process that works in the background.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.models import Lane, Target
from course_sync_plugin.targets.signing import generate_secret
from course_sync_plugin.testing.faults import Drop, Refuse
from sandbox.published.publishing import new_version, publish_structure
from sandbox.published.source import PublishedSource
from tests.integration.one_lane import let_time_pass

#: From the overview until it is mended.
MOST_CLICKS, MOST_SECONDS = 4, 60


@attrs.define
class Operator:
    """Somebody with a browser, who counts clicks and notes the time."""

    page: Any
    clicks: int = 0
    began: float = attrs.field(factory=time.monotonic)

    def follow(self, name: str, within: str = "main") -> None:
        """Click the first link whose text begins so."""
        self.clicks += 1
        self.page.locator(within).first.get_by_role("link", name=name).first.click()
        self.page.wait_for_load_state()

    def act(self, note: str) -> None:
        """Confirm what the page of an action shows."""
        self.clicks += 1
        self.page.get_by_label("Note").fill(note)
        self.page.get_by_role("button", name="Do exactly this").click()
        self.page.wait_for_load_state()

    def sees(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def finds(self, text: str) -> str:
        """Return the finding of the overview that has this text, as it is read."""
        return " ".join(self.page.locator(".attention-list > li", has_text=text).inner_text().split())

    def is_done(self, gone: str) -> None:
        """The overview does not show the finding any more, and it took neither many clicks nor much time."""
        self.page.goto("/course_sync/")
        assert self.page.locator(".attention-list > li", has_text=gone).count() == 0
        assert self.clicks <= MOST_CLICKS
        assert time.monotonic() - self.began < MOST_SECONDS


@pytest.fixture
def wake(sign_in) -> Callable[[], Operator]:
    """Return a function that opens the overview."""
    return lambda: Operator(sign_in(is_superuser=True).open("/course_sync/"))


def rename(course: str) -> None:
    """Publish another title of the course."""
    structure = PublishedSource().read(course)
    root = structure.entities[course]
    changed = attrs.evolve(root, fields={**root.fields, "display_name": "Another title"})
    entities = {**structure.entities, course: changed}
    publish_structure(attrs.evolve(structure, entities=entities, published_version=new_version()))
    api.sync_course(course)


class TestWokenAtNight:
    def test_a_target_is_down(self, wake, course, systems):
        systems.receiver.faults[:] = [Drop(times=None)]
        rename(course)
        api.deliver_due()
        operator = wake()
        assert "crm: the last message got no answer. Nothing: it is sent again." in operator.finds("crm:")
        systems.receiver.faults.clear()  # its owner starts it again
        operator.follow("Retry crm", ".attention-list > li:has-text('crm:')")
        operator.act("the CRM is back")
        operator.sees("Lanes that make their next attempt at once: 1")
        api.deliver_until_empty()
        operator.is_done("crm: the last message")

    def test_a_course_is_stuck(self, wake, course, systems):
        """The breaker is closed, because other courses of the target are answered."""
        systems.receiver.faults[:] = [Refuse(500, times=None)]
        Target.objects.filter(name="crm").update(options={"retry_schedule": [1], "breaker_failures": 100})
        rename(course)
        for _attempt in range(3):
            api.deliver_due()
            let_time_pass()
        Target.objects.update(breaker_opened_at=None)
        assert Lane.objects.get(target__name="crm").failing
        operator = wake()
        operator.follow("crm: failing")
        operator.sees("The receiver has an internal error, or is overloaded.")
        systems.receiver.faults.clear()
        operator.follow("Retry", "article:has-text('500')")
        operator.act("their disk was full")
        operator.sees("Lanes that start again: 1")
        api.deliver_until_empty()
        operator.is_done("crm: failing")

    def test_a_mass_deletion_is_held(self, wake, course, systems, settings):
        settings.COURSE_SYNC_MASS_DELETE_COUNT = 1
        settings.COURSE_SYNC_MASS_DELETE_PERCENT = 1
        structure = PublishedSource().read(course)
        kept = {course: structure.entities[course]}
        publish_structure(attrs.evolve(structure, entities=kept, children={}, published_version=new_version()))
        api.sync_course(course)
        operator = wake()
        assert "publish the course as it should be" in operator.finds("so it is held")
        operator.follow(f"{course}: a publish would delete")
        operator.sees("section “Sweet honey”")
        operator.act("the author cleared it")
        operator.sees(f"{course}: recorded")
        operator.is_done("so it is held")

    def test_a_conflict(self, wake, course):
        operator = wake()
        operator.follow("canvas: 1 conflict waits")
        operator.sees("Honey and wax")
        operator.follow("Take the other side")
        operator.act("the teacher knows better")
        operator.sees("Carried out: 1.")
        operator.is_done("conflict")

    def test_a_wrong_secret(self, wake, course, systems):
        systems.receiver.secrets = (generate_secret(),)
        rename(course)
        api.deliver_until_empty()
        operator = wake()
        assert "refused with 401. Compare secrets" in operator.finds("crm:")
        operator.follow("crm: the target has taken nothing")
        operator.follow("Set the secret")
        operator.page.get_by_label("The secret").fill(systems.receiver.secret)
        operator.act("they told us theirs")
        operator.sees("Target crm has a new secret.")
        api.deliver_until_empty()
        operator.is_done("crm: the target has taken nothing")
