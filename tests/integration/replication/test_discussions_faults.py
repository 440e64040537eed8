"""Discussions while processes die and answers are lost: nothing is written twice, and nothing is lost."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from course_sync_plugin import api
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.targets.discourse.client import DiscourseClient
from course_sync_plugin.testing.canvas.faults import Drop
from course_sync_plugin.testing.discourse.faults import Drop as ForumDrop
from tests.integration.replication.both_systems import long_after

pytestmark = pytest.mark.django_db

BEES, WASPS = "Why do bees dance at all?", "Why do wasps not dance?"


class Killed(BaseException):
    """The process dies here. No code of the plugin catches it."""


class Death:
    """Lets the process die at a request to either system: before it is sent, or before its answer is read."""

    def __init__(self, monkeypatch):
        self.made, self.at, self.after = 0, 0, False
        for client in (CanvasClient, DiscourseClient):
            monkeypatch.setattr(client, "_exchange", self._deadly(client._exchange))

    def set(self, number: int, after: bool) -> None:
        self.made, self.at, self.after = 0, number, after

    def _deadly(self, exchange):
        @contextmanager
        def deadly(client, *arguments):
            self.made += 1
            dies = self.made == self.at
            if dies and not self.after:
                raise Killed
            with exchange(client, *arguments) as answered:
                if dies:
                    raise Killed
                yield answered

        return deadly


@pytest.fixture
def death(monkeypatch) -> Death:
    return Death(monkeypatch)


def people_write(both) -> None:
    """Let people begin a topic in each system, with replies."""
    topic = both.canvas_says(BEES)
    first = both.canvas_replies(topic, "<p>They tell the way</p>")
    both.canvas_replies(topic, "<p>Really?</p>", to=first)
    teacher = both.forum.person("teacher")
    other = teacher.create_topic(WASPS, "I have never seen one dance.", both.category)
    both.forum.person("student").reply(other.id, "They know the way already.")


def people_change(both) -> None:
    """Let people edit and delete what they wrote, and delete a topic."""
    (bees,) = (one for one in both.canvas_topics() if one.title == BEES)
    first, reply, *_others = bees.entries
    both.canvas_entry("PUT", bees.id, first, message="<p>They tell it</p>")
    both.canvas_entry("DELETE", bees.id, reply)
    (wasps,) = (one for one in both.forum_topics() if one.title == WASPS)
    both.forum.person("moderator").delete_topic(wasps.id)


def check_written(both) -> None:
    bees = [BEES, "What do you think?", [["They tell the way", [["Really?", []]]]]]
    wasps = [WASPS, "I have never seen one dance.", [["They know the way already.", []]]]
    assert sorted(both.in_canvas()) == sorted(both.in_forum()) == [bees, wasps]


def check_changed(both) -> None:
    assert both.in_canvas() == both.in_forum() == [[BEES, "What do you think?", [["They tell it", []]]]]


def killed_at(death: Death, number: int, after: bool) -> bool:
    """Let the process die in a round. Return whether it died."""
    death.set(number, after)
    long_after()
    try:
        api.mirror_now()
    except Killed:
        return True
    finally:
        death.set(0, False)
    return False


WRITING, CHANGING = 15, 13


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, WRITING + 1))
def test_killed_at_each_request_while_copies_are_made(both, death, number, after):
    people_write(both)
    assert killed_at(death, number, after)
    both.mirror()
    both.mirror()
    check_written(both)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, CHANGING + 1))
def test_killed_at_each_request_of_changes(both, death, number, after):
    people_write(both)
    both.mirror()
    both.mirror()
    people_change(both)
    assert killed_at(death, number, after)
    both.mirror()
    both.mirror()
    check_changed(both)


def test_the_rounds_have_so_many_requests(both, death):
    people_write(both)
    assert not killed_at(death, WRITING + 1, False)
    both.mirror()
    people_change(both)
    assert not killed_at(death, CHANGING + 1, False)
    check_changed(both)


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("path", ["/discussion_topics$", "/entries$"])
def test_the_answer_of_canvas_is_lost(both, processed, path):
    people_write(both)
    both.canvas.faults.append(Drop(method="POST", path=path, processed=processed))
    assert api.mirror_now()[0].error
    both.mirror()
    both.mirror()
    check_written(both)


@pytest.mark.parametrize("processed", [False, True])
def test_the_answer_of_the_forum_is_lost(both, processed):
    people_write(both)
    both.forum.faults.append(ForumDrop(method="POST", path="/posts", processed=processed))
    assert api.mirror_now()[0].error
    both.forum.clock.advance(200)  # the forum remembers its answers for 120 seconds
    both.mirror()
    both.mirror()
    check_written(both)


def test_what_was_just_created_in_canvas_is_looked_for_later(both):
    people_write(both)
    both.canvas.replica.writes_behind = 1
    both.canvas.faults.append(Drop(method="POST", path="/discussion_topics$", processed=True))
    assert api.mirror_now()[0].error
    assert api.mirror_now()[0].error == ""  # too soon: a list may not have it yet
    both.canvas.replica.catch_up()
    both.canvas.replica.writes_behind = 0
    both.mirror()
    both.mirror()
    check_written(both)


@pytest.mark.parametrize("behind", [1, 2])
def test_lists_that_are_late(both, behind):
    both.canvas.replica.writes_behind = behind
    people_write(both)
    for _ in range(4):
        both.mirror()
        both.canvas.replica.catch_up()
    both.canvas.replica.writes_behind = 0
    both.mirror()
    check_written(both)
