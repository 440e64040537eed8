"""Canvas and the network fail at each request, reads are late, tokens end: nothing is made twice, nothing is lost."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import PermanentError
from course_sync_plugin.models import Conflict, Intent, Lane, LedgerReplica, Link, Proposal
from course_sync_plugin.replication.targets.canvas import CanvasTarget
from course_sync_plugin.targets.base import TargetConfig
from course_sync_plugin.targets.canvas.client import CanvasClient
from course_sync_plugin.testing.canvas.fake import CanvasFake
from course_sync_plugin.testing.canvas.faults import Drop, Refuse, throttled
from course_sync_plugin.testing.canvas.objects import living
from course_sync_plugin.testing.canvas.site import EXACT
from tests.integration.courses import COURSE
from tests.integration.one_lane import states
from tests.integration.replication.canvas_course import Author, check_equal, deliver, long_after, objects_of
from tests.integration.replication.canvas_tree import objects_in, titles_of
from tests.integration.replication.conftest import link_to_canvas

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The process dies here. No code of the plugin catches it."""


class Death:
    """Lets the process die at a request: before it is sent, or before its answer is read."""

    def __init__(self, monkeypatch):
        self.made, self.at, self.after = 0, 0, False
        call = CanvasClient.call

        def dying(client, method, path, read, values=None):
            self.made += 1
            dies = self.made == self.at
            if dies and not self.after:
                raise Killed
            answer = call(client, method, path, read, values)
            if dies:
                raise Killed
            return answer

        monkeypatch.setattr(CanvasClient, "call", dying)

    def set(self, number: int, after: bool) -> None:
        self.made, self.at, self.after = 0, number, after


@pytest.fixture
def death(monkeypatch) -> Death:
    return Death(monkeypatch)


def small(author: Author) -> None:
    """Make the course small: one object of each kind, and a second section."""
    author.children = {"course": ["s0", "s1"], "s0": ["s0.b"], "s0.b": ["s0.a1"], "s0.a1": ["talk"], "s1": []}


def deliver_in_the_end() -> None:
    for _ in range(5):
        api.deliver_until_empty()
        long_after()
    deliver()


def rows(there) -> dict[str, int]:
    tables = ("modules", "items", "pages", "assignments", "topics")
    return {name: len(living(getattr(there, name).values())) for name in tables}


def dies(death: Death) -> bool:
    try:
        api.deliver_until_empty()
    except Killed:
        long_after()
        return True
    return False


FIRST_FILL = 9


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, FIRST_FILL + 1))
def test_killed_at_each_request_of_the_first_fill(canvas, there, author, canvas_link, death, number, after):
    foreign(canvas, there)
    small(author)
    structure = author.publish()
    death.set(number, after)
    assert dies(death)
    assert Intent.objects.count() == 1
    deliver_in_the_end()
    check_ours(there, structure)


def test_the_first_fill_has_so_many_requests(canvas, there, author, canvas_link, death):
    foreign(canvas, there)
    small(author)
    structure = author.publish()
    deliver()
    check_ours(there, structure)
    assert death.made == FIRST_FILL == objects_in(structure)


def foreign(canvas, there) -> None:
    """Add objects of a teacher that look like ours."""
    module = canvas.teacher.add_module(there.id, "s0")["id"]
    canvas.teacher.add_item(there.id, module, type="SubHeader", title="s0.b")
    canvas.teacher.add_page(there.id, "s0.a1", "theirs")


def check_ours(there, structure) -> None:
    """Check that the objects of the teacher are as they were, and that ours are as they should be."""
    assert titles_of(there)[0] == ["s0", "s0.b"]
    (page,) = (one for one in there.pages.values() if one.body == "theirs")
    assert (page.title, page.url) == ("s0.a1", "s0-dot-a1")
    assert titles_of(there)[1:] == [["s0", "s0.b", "s0.b", "s0.a1-2", "talk"], ["s1"]]
    assert rows(there) == {"modules": 3, "items": 5, "pages": 2, "assignments": 1, "topics": 1}


CHANGE = 11


def change(author: Author):
    author.move("s0.b", "s1", 0)
    author.move("s1", "course", 0)
    author.set("s0.b", display_name="Wasps", due="2026-05-05T00:00:00Z")
    author.remove("talk")
    author.children["s0"] = ["s0.a"]
    author.set("s0", display_name="Bees")
    return author.publish()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(1, CHANGE + 1))
def test_killed_at_each_request_of_a_change(canvas, there, author, canvas_link, death, number, after):
    small(author)
    author.publish()
    deliver()
    structure = change(author)
    death.set(number, after)
    assert dies(death)
    deliver_in_the_end()
    check_equal(there, structure)
    assert rows(there) == {"modules": 2, "items": 4, "pages": 1, "assignments": 1, "topics": 0}
    death.set(0, False)
    api.reset("crm")
    deliver()
    assert death.made == 0


def test_the_change_has_so_many_requests(canvas, there, author, canvas_link, death):
    small(author)
    author.publish()
    deliver()
    death.set(0, False)
    structure = change(author)
    deliver()
    check_equal(there, structure)
    assert death.made == CHANGE


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("path", ["/modules$", "/items$", "/pages$", "/assignments$", "/discussion_topics$"])
@pytest.mark.story(34)
def test_the_answer_to_a_creation_is_lost(canvas, there, author, canvas_link, path, processed):
    canvas.faults.append(Drop(method="POST", path=path, processed=processed))
    structure = author.publish()
    deliver_in_the_end()
    check_equal(there, structure)


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.story(23)
def test_throttling(canvas, there, author, canvas_link, status):
    structure = author.publish()
    for method in ("GET", "POST"):
        canvas.faults.append(throttled(status=status))
        canvas.faults[-1].method = method
    api.deliver_until_empty()
    lane = Lane.objects.get()
    assert (lane.failing, lane.attempts) == (False, 0)
    deliver_in_the_end()
    check_equal(there, structure)


@pytest.mark.story(42)
def test_the_token_expires_in_the_middle_of_a_turn(canvas, there, author, canvas_link, death, monkeypatch):
    structure = author.publish()
    expire_at(canvas, death, monkeypatch, 7)
    api.deliver_until_empty()
    lane = Lane.objects.get()
    assert lane.failing
    assert "access token" in lane.last_error
    new = canvas.add_token(canvas.user)
    api.set_token("crm", new)
    long_after()
    deliver_in_the_end()
    check_equal(there, structure)


def expire_at(canvas: CanvasFake, death: Death, monkeypatch, number: int) -> None:
    """Let the token expire before a request."""
    call = CanvasClient.call

    def expiring(client, *arguments):
        if death.made == number:
            canvas.set_token(canvas.token, "expired")
        return call(client, *arguments)

    monkeypatch.setattr(CanvasClient, "call", expiring)


@pytest.mark.parametrize("behind", [1, 3, 10])
def test_reads_that_are_late(canvas, there, author, canvas_link, behind):
    canvas_link.target.options = {"envelope_operations": 3}
    canvas_link.target.save()
    canvas.replica.writes_behind = behind
    structure = author.publish()
    deliver()
    check_equal(there, structure)
    assert rows(there)["modules"] == 2


@pytest.fixture(params=["manual", "recreate"])
def policy(request, author, canvas_link) -> str:
    """Deliver the course with each way to act on what somebody deleted."""
    canvas_link.target.options = {"on_remote_delete": request.param}
    canvas_link.target.save()
    author.publish()
    deliver()
    long_after()
    return request.param


@pytest.mark.parametrize("behind", [1, 5])
def test_what_the_last_turn_created_is_not_taken_for_deleted(canvas, there, author, policy, behind):
    canvas.replica.writes_behind = behind
    author.children["s0.a"].append("new")
    author.children["course"].append("s2")
    author.publish()
    deliver()
    author.set("new", display_name="Bees")
    author.children["s2"] = ["s2.a"]
    structure = author.publish()
    api.deliver_until_empty()
    canvas.replica.writes_behind = 0
    deliver_in_the_end()
    check_equal(there, structure)
    assert rows(there)["pages"] == 9
    assert not LedgerReplica.objects.exclude(deleted_at=None).exists()


def test_what_the_last_turn_created_is_deleted_when_it_can_be_seen(canvas, there, author, policy):
    before = rows(there)
    canvas.replica.writes_behind = 5
    author.children["s0.a"].append("new")
    author.publish()
    deliver()
    author.remove("new")
    structure = author.publish()
    api.deliver_until_empty()
    canvas.replica.writes_behind = 0
    deliver_in_the_end()
    check_equal(there, structure)
    assert rows(there) == before


def test_a_page_that_may_not_be_seen_for_a_moment_is_not_taken_for_deleted(canvas, there, author, policy):
    objects = objects_of("s0.a1", "vertical")
    canvas.teacher.delete_item(there.id, objects_of("s0", "chapter")["module"], objects["item"])
    canvas.faults.append(Refuse(401, path=f"/pages/page_id:{objects['page']}"))
    author.set("s0.a1", display_name="Bees")
    structure = author.publish()
    api.deliver_until_empty()
    api.retry("crm")
    deliver_in_the_end()
    assert rows(there)["pages"] == 8
    if policy == "recreate":
        check_equal(there, structure)


def test_a_page_that_is_deleted_before_its_item_is_made(canvas, there, author, policy):
    author.children["s0.a"].append("new")
    canvas.faults.append(Refuse(500, path="/items$", method="POST"))
    structure = author.publish()
    api.deliver_until_empty()
    long_after()
    canvas.teacher.delete_page(there.id, objects_of("new", "vertical")["page"])
    deliver_in_the_end()
    if policy == "recreate":
        check_equal(there, structure)
    assert rows(there)["pages"] == (9 if policy == "recreate" else 8)


@pytest.mark.parametrize("behind", [1, 4])
@pytest.mark.parametrize("second", ["move", "create"])
def test_what_the_last_turn_moved_is_not_taken_for_moved_back(canvas, there, author, filled, behind, second):
    long_after()
    canvas.replica.writes_behind = behind
    author.move("s1.a2", "s0.a", 0)
    author.publish()
    deliver()
    if second == "move":
        author.move("s1.b1", "s0.b", 0)
    else:
        author.children["s0.a"].append("new")
    structure = author.publish()
    api.deliver_until_empty()
    canvas.replica.writes_behind = 0
    deliver_in_the_end()
    check_equal(there, structure)
    assert not Proposal.objects.exists()
    assert not Conflict.objects.exists()


def test_a_late_read_after_a_lost_answer(canvas, there, author, canvas_link):
    canvas.replica.writes_behind = 2
    canvas.faults.append(Drop(method="POST", path="/pages$", processed=True))
    structure = author.publish()
    api.deliver_until_empty()
    api.deliver_until_empty()
    assert Intent.objects.count() == 1
    canvas.replica.catch_up()
    canvas.replica.writes_behind = 0
    deliver_in_the_end()
    check_equal(there, structure)


def test_a_concluded_course_stops_the_lane(canvas, there, author, filled):
    there.concluded = True
    author.set("s0", display_name="Bees")
    structure = author.publish()
    api.deliver_until_empty()
    lane = Lane.objects.get()
    assert lane.failing
    assert "is concluded in Canvas" in lane.last_error
    assert states() == []
    there.concluded = False
    api.resume("crm")
    deliver()
    check_equal(there, structure)


def test_a_concluded_course_is_not_linked(canvas, there, author):
    there.concluded = True
    api.add_target("crm", backend="canvas", url=canvas.url, token=canvas.token)
    with pytest.raises(PermanentError, match="concluded in Canvas"):
        api.link_plan(COURSE, "crm", str(there.id))
    assert not Link.objects.exists()


def test_ids_beyond_two_to_the_power_of_53(settings, author):
    settings.COURSE_SYNC_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with CanvasFake(first_id=EXACT + 1) as canvas:
        there = canvas.add_course()
        link_to_canvas(canvas, there)
        structure = author.publish()
        deliver()
        author.move("s0.a", "s1", 0)
        author.set("s0.a1", display_name="Bees")
        structure = author.publish()
        deliver()
        check_equal(there, structure)
        assert objects_of("s0", "chapter")["module"] > EXACT


def test_midnight_in_the_time_zone_of_the_user(canvas, there, author, canvas_link):
    canvas.behaviour.time_zone = "America/Denver"
    author.set("s0.b", due="2026-03-01T07:00:00Z")  # midnight there
    author.publish()
    deliver()
    assignment = there.assignments[objects_of("s0.b", "sequential")["assignment"]]
    assert assignment.due_at.isoformat() == "2026-03-02T06:59:59+00:00"
    begin = len(canvas.requests)
    author.set("s0.b", display_name="Bees")
    author.publish()
    deliver()
    bodies = [one.parameters for one in canvas.requests[begin:] if one.method == "PUT"]
    assert [body.get("assignment") for body in bodies if "assignment" in body] == [{"name": "Bees"}]


def test_a_course_with_more_items_than_canvas_lists(canvas, there, author, canvas_link):
    canvas.behaviour.max_per_page = 5
    structure = author.publish()
    deliver()
    author.set("s0.b2", display_name="Bees")
    author.move("s0.a", "s1", 0)
    structure = author.publish()
    deliver()
    check_equal(there, structure)


def config(canvas, **values) -> TargetConfig:
    return TargetConfig(
        "canvas",
        **{"url": canvas.url, "secrets": (), "token": canvas.token, "allowed_private_hosts": ("127.0.0.1",), **values},
    )


@pytest.mark.parametrize(
    ("values", "explanation"),
    [
        ({}, "accepts the token"),
        ({"token": "7~wrong"}, "does not accept the access token"),
        ({"token": ""}, "needs an access token"),
        ({"url": "http://user:secret@127.0.0.1/"}, "user name or a password"),
        ({"url": "nonsense"}, "not valid"),
        ({"options": {"publish": "perhaps"}}, "yes, no"),
    ],
)
def test_the_test_of_a_target_explains(canvas, there, values, explanation):
    report = CanvasTarget(config(canvas, **values)).test()
    assert (report.ok, explanation in report.explanation) == (not values, True)


def test_a_user_without_a_course(canvas):
    report = CanvasTarget(config(canvas)).test()
    assert report.ok
    assert "no course" in report.explanation


def test_an_object_that_a_blueprint_course_locks(canvas, there, author, filled):
    """It is a problem of its own, in the words of Canvas. All else goes on, and it is brought when it is unlocked."""
    page = there.pages[objects_of("s0.a1", "vertical")["page"]]
    page.locked = {"content"}
    author.set("s0.a1", display_name="Bees")
    author.set("s0.a2", display_name="Wasps")
    author.set("s1", display_name="Ants")
    structure = author.publish()
    api.deliver_until_empty()
    (problem,) = api.problems()
    assert "a blueprint course locks this object" in problem.reason
    assert page.title == "s0.a1"
    assert {"Wasps", "Ants"} <= {one for row in titles_of(there) for one in row}
    page.locked = set()
    api.retry("crm")
    deliver()
    check_equal(there, structure)
