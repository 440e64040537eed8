"""What happens between a course and Canvas or Discourse in the years after the first fill, as docs/concepts/testing.rst
lists it: through the lanes, against the fakes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import ConfigurationError
from course_sync_plugin.models import Conflict, DatabaseNow, InboundEvent, Lane, LedgerReplica, Link, Proposal, Target
from course_sync_plugin.secrets import encrypt
from course_sync_plugin.targets.inbound.path_secret import path_form
from course_sync_plugin.testing.canvas import faults as canvas_faults
from course_sync_plugin.testing.canvas.objects import living
from tests.integration.courses import COURSE, a_course, block
from tests.integration.one_lane import probe_time_comes
from tests.integration.one_lane import publish as publish_course
from tests.integration.replication import canvas_course, forums
from tests.integration.replication.canvas_course import check_equal, long_after, objects_of
from tests.integration.replication.canvas_tree import objects_in, titles_of
from tests.integration.replication.conftest import link_to_canvas
from tests.integration.replication.forums import Seen, calls, title

pytestmark = pytest.mark.django_db

RERUN = "course-v1:Org+Course+Rerun"
ELSEWHERE = "https://stage.example.org"
SECRET = "whsec_" + "bees" * 11

FIRST = {
    "section-0": [title("subsection-0", "section-0")],
    "section-1": [title("subsection-1", "section-1")],
}


def poll() -> api.Polled:
    long_after()
    (polled,) = api.poll_now()
    assert (polled.error, polled.busy) == ("", False)
    return polled


def publish(author):
    structure = author.publish()
    canvas_course.deliver()
    return structure


def changes(requests) -> list[str]:
    return [f"{one.method} {one.path}" for one in requests if one.method != "GET"]


def unlink() -> None:
    plan = api.unlink_plan(COURSE, "crm")
    assert api.unlink_shown(COURSE, "crm", plan.token).error == ""


@attrs.frozen
class Far:
    """A linked system, as a story about both of them sees it."""

    requests: list
    rename: Callable[[str], object]
    titles: Callable[[], list[str]]
    author: Callable[[str], object]


@pytest.fixture
def canvas_far(canvas, there, author, filled) -> Far:
    def rename(name: str) -> None:
        canvas.teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], name)

    def author_renames(name: str) -> None:
        publish_title(author, name)

    return Far(canvas.requests, rename, lambda: [one[0] for one in titles_of(there)], author_renames)


@pytest.fixture
def discourse_far(forum, seen, shelf) -> Far:
    number = seen.section("section-0").id
    versions = iter(range(2, 100))

    def author_renames(name: str) -> None:
        publish_course(shelf, str(next(versions)), titles={"section-0": name})

    def rename(name: str) -> None:
        forum.person("admin").edit_category(number, name=name)

    return Far(forum.requests, rename, lambda: list(seen.tree()), author_renames)


@pytest.fixture(params=["canvas", "discourse"])
def far_system(request) -> Iterator[Far]:
    """Return Canvas and Discourse in turn, each with a course that was delivered."""
    return request.getfixturevalue(f"{request.param}_far")


@pytest.mark.story(15)
@pytest.mark.parametrize("is_deleted", [True, False])
def test_story_15_a_course_that_is_gone_in_canvas_is_filled_anew_in_another_one(
    canvas, there, author, filled, is_deleted
):
    """It was deleted, or the user of the token was removed from it. That is no deletion of each of its objects."""
    Target.objects.update(options={"on_remote_delete": "recreate"})
    if is_deleted:
        del canvas.site.courses[there.id]
    else:
        del canvas.user.roles[there.id]
    check_that_it_waits_for_a_person(lambda: publish_title(author, "Bees"))
    unlink()
    new = canvas.add_course("Bees, once more")
    plan = api.link_plan(COURSE, "crm", str(new.id))
    assert api.link_shown(COURSE, "crm", str(new.id), "openedx", plan.token).error == ""
    structure = author.publish()
    probe_time_comes()
    canvas_course.deliver()
    check_equal(new, structure)


@pytest.mark.story(15)
@pytest.mark.parametrize("option", ["sections=subcategory", "sections=tag"])
def test_story_15_a_category_that_is_gone_at_the_forum_is_filled_anew_in_another_one(begun, forum, shelf, option):
    seen = begun(option, "on_remote_delete=recreate")
    forums.deliver()
    admin = forum.person("admin")
    for topic in seen.topics():
        admin.delete_topic(topic.id)
    for name in FIRST if option == "sections=subcategory" else ():
        admin.delete_category(seen.section(name).id)
    admin.delete_category(seen.category_id)
    check_that_it_waits_for_a_person(lambda: publish_course(shelf, "2", titles={"subsection-0": "Bees"}))
    unlink()
    new = Seen(forum, int(forums.link(forums.a_category(forum, "Once more")).remote_id))
    probe_time_comes()
    forums.deliver()
    assert sorted(one.title.partition(" ")[0] for one in new.topics()) == ["Bees", "Subsection-1"]


def check_that_it_waits_for_a_person(change: Callable[[], object]) -> None:
    known = set(LedgerReplica.objects.values_list("entity_id", "deleted_at"))
    long_after()
    (polled,) = api.poll_now()
    assert "'unlink'" in polled.error
    change()
    api.deliver_until_empty()
    lane = Lane.objects.get()
    assert lane.failing
    assert "'unlink'" in lane.last_error
    assert set(LedgerReplica.objects.values_list("entity_id", "deleted_at")) == known


def publish_title(author, name: str) -> None:
    author.set("s0", display_name=name)
    author.publish()


@pytest.mark.story(35)
def test_a_page_that_a_teacher_renames_stays_ours(canvas, there, author, filled):
    """The address of a page changes with its title, and a stranger may take the old one."""
    page = objects_of("s0.a1", "vertical")["page"]
    canvas.teacher.edit_page(there.id, page, title="Wasps")
    canvas.teacher.add_page(there.id, "s0.a1", "theirs")
    before = (len(living(there.pages.values())), len(living(there.items.values())))
    assert poll().edited == 1
    author.set("s0.a1", display_name="Hornets")
    author.move("s0.a1", "s1.b", 0)
    publish(author)
    assert (there.pages[page].title, there.pages[page].url) == ("Hornets", "hornets")
    assert (len(living(there.pages.values())), len(living(there.items.values()))) == before
    assert [one.title for one in there.pages.values() if one.body == "theirs"] == ["s0.a1"]
    assert Conflict.objects.get().remote == "Wasps"


@pytest.mark.story(37)
def test_a_module_of_a_teacher_between_ours_stays_where_it_is(canvas, there, author, filled):
    foreign = canvas.teacher.add_module(there.id, "Theirs")["id"]
    canvas.teacher.move_module(there.id, foreign, 2)
    canvas.teacher.add_item(there.id, foreign, type="SubHeader", title="s1.a")
    author.children["course"].insert(1, "s2")
    author.move("s0.a", "s1", 0)
    publish(author)
    assert [one[0] for one in titles_of(there)] == ["s0", "s2", "Theirs", "s1"]
    author.remove("s2")
    publish(author)
    assert [one[0] for one in titles_of(there)] == ["s0", "Theirs", "s1"]
    author.move("s1", "course", 0)
    publish(author)
    assert [one[0] for one in titles_of(there) if one[0] != "Theirs"] == ["s1", "s0"]
    assert ["Theirs", "s1.a"] in titles_of(there)


@pytest.mark.story(38)
@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("path", ["/modules$", "/items$", "/pages$", "/assignments$", "/discussion_topics$"])
def test_one_title_everywhere_and_each_first_answer_is_lost(canvas, there, author, path, processed):
    """Nothing but the place, and the mark in a text, tells the objects apart, and those of a teacher from ours."""
    module = canvas.teacher.add_module(there.id, "Quiz")["id"]
    canvas.teacher.add_item(there.id, module, type="SubHeader", title="Quiz")
    canvas.teacher.add_page(there.id, "Quiz", "theirs")
    author.children["s1.b2"] = ["chat"]
    for name in {one for below in author.children.values() for one in below}:
        author.set(name, display_name="Quiz")
    link_to_canvas(canvas, there)
    canvas.faults.append(canvas_faults.Drop(method="POST", path=path, processed=processed, times=2))
    structure = author.publish()
    for _ in range(6):
        api.deliver_until_empty()
        long_after()
    canvas_course.deliver()
    modules, *rest = (len(living(table.values())) for table in (there.modules, there.items, there.pages))
    ours = objects_in(structure)
    assert modules == 1 + 2
    assert sum((modules, *rest)) + len(living(there.assignments.values())) + len(living(there.topics.values())) == (
        ours + 3
    )
    api.reset("crm")
    begin = len(canvas.requests)
    canvas_course.deliver()
    assert changes(canvas.requests[begin:]) == []


@pytest.mark.story(39)
def test_two_courses_for_one_course_in_canvas(canvas, there, author, filled, shelf):
    """One target has one link to it. With two targets, each course sees the objects of the other as foreign ones."""
    other = "course-v1:Org+Other+Run"
    shelf.publish(a_course("1", course=other))
    api.sync_course(other)
    with pytest.raises(ConfigurationError, match="is linked to course-v1:Org"):
        api.link_plan(other, "crm", str(there.id))
    before = titles_of(there)
    api.add_target("second", backend="canvas", url=canvas.url, token=canvas.token)
    plan = api.link_plan(other, "second", str(there.id))
    assert api.link_shown(other, "second", str(there.id), "openedx", plan.token).error == ""
    canvas_course.deliver()
    assert titles_of(there)[:2] == before
    assert [one[0] for one in titles_of(there)[2:]] == ["section-0", "section-1"]
    author.move("s1", "course", 0)
    author.set("s0.a1", display_name="Bees")
    publish(author)
    assert [one[0] for one in titles_of(there) if one[0].startswith("section")] == ["section-0", "section-1"]
    assert [one[0] for one in titles_of(there) if not one[0].startswith("section")] == ["s1", "s0"]
    shelf.publish(a_course("2", course=other, sections=1))
    api.sync_course(other)
    canvas_course.deliver()
    assert sorted(one[0] for one in titles_of(there)) == ["s0", "s1", "section-0"]


@pytest.mark.story(40)
def test_a_rerun_inherits_no_link(far_system, shelf):
    """The new run has all of the content of the old one, and waits for a link of its own."""
    begin, before = len(far_system.requests), far_system.titles()
    shelf.publish(a_course("1", course=RERUN))
    api.sync_course(RERUN)
    api.deliver_until_empty()
    long_after()
    api.deliver_until_empty()
    assert (len(far_system.requests), far_system.titles()) == (begin, before)
    (rerun,) = (one for one in api.status(course=RERUN)["courses"] if one["course_id"] == RERUN)
    assert [lane["state"] for lane in rerun["lanes"]] == ["waiting for link"]
    assert Link.objects.get().course.key == COURSE


@pytest.mark.story(41)
def test_a_restored_dump_sends_nothing(far_system, settings):
    """The copy of the database has the token and the links, but another ``LMS_ROOT_URL``."""
    far_system.rename("Theirs")
    begin = len(far_system.requests)
    settings.LMS_ROOT_URL = ELSEWHERE
    far_system.author("Of the copy")
    InboundEvent.put(Target.objects.get().pk, b"{}")
    Link.objects.update(poll_at=DatabaseNow(-1))
    long_after()
    api.deliver_until_empty()
    assert [api.deliver_lane(pk) for pk in Lane.objects.values_list("pk", flat=True)] == [None]
    assert api.poll_due() == 0
    (polled,) = api.poll_now()
    assert (polled.busy, InboundEvent.objects.get().taken_at) == (True, None)
    assert api.status()["targets"][0]["state"] == "other site"
    assert len(far_system.requests) == begin


@pytest.mark.story(41)
def test_the_commands_of_a_restored_dump_send_nothing(far_system, settings):
    begin, remote = len(far_system.requests), Link.objects.get().remote_id
    plan = api.unlink_plan(COURSE, "crm", delete_remote=True)
    settings.LMS_ROOT_URL = ELSEWHERE
    with pytest.raises(ConfigurationError, match="confirm-site crm"):
        api.unlink_shown(COURSE, "crm", plan.token, delete_remote=True)
    assert LedgerReplica.objects.exists()
    unlink()
    with pytest.raises(ConfigurationError, match="confirm-site crm"):
        api.link_plan(COURSE, "crm", remote)
    assert len(far_system.requests) == begin


@pytest.mark.story(43)
@pytest.mark.parametrize("status", [200, 502, 503])
def test_maintenance_of_canvas(canvas, there, author, filled, status):
    """Reads and writes are answered by a page of HTML, also in the middle of a turn. The state before is kept."""
    author.set("s0", display_name="Bees")
    author.set("s1", display_name="Wasps")
    author.children["s1.b"].append("new")
    structure = author.publish()
    for method in ("GET", "POST", "PUT"):
        canvas.faults[:] = [canvas_faults.maintenance(status, times=None)]
        canvas.faults[0].method = method
        long_after()
        api.deliver_until_empty()
        assert api.status()["targets"][0]["state"] != "in step"
    canvas.faults.clear()
    api.resume("crm")
    for _ in range(3):
        api.deliver_until_empty()
        long_after()
    canvas_course.deliver()
    check_equal(there, structure)
    assert len(living(there.pages.values())) == 8 + 1
    assert not LedgerReplica.objects.exclude(deleted_at=None).exists()


@pytest.mark.story(43)
def test_a_look_during_maintenance_finds_no_deletion(canvas, there, filled):
    canvas.faults.append(canvas_faults.maintenance(200, times=None))
    long_after()
    (polled,) = api.poll_now()
    assert polled.error
    canvas.faults.clear()
    assert (poll().deleted, poll().edited) == (0, 0)
    assert not Proposal.objects.exists()


@pytest.mark.story(44)
@pytest.mark.parametrize("strategy", ["merge_prefer_openedx", "prefer_most_recent", "merge_prefer_canvas"])
@pytest.mark.parametrize("seconds", [-3600, 3600])
@pytest.mark.parametrize("system", ["canvas", "discourse"])
def test_the_clock_of_the_other_system_is_wrong(request, system, seconds, strategy):
    """An edit counts from the moment when we find it. No time that the other system says decides anything."""
    request.getfixturevalue({"canvas": "canvas", "discourse": "forum"}[system]).clock.advance(seconds)
    far_system = request.getfixturevalue(f"{system}_far")
    Target.objects.update(options={"conflict_strategy": strategy})
    far_system.rename("Theirs")
    assert poll().edited == 1
    assert [one["value"] for one in api.proposals()] == ["Theirs"]
    far_system.author("Ours")
    canvas_course.deliver()
    kept = Conflict.objects.get()
    theirs = (system, strategy) == ("canvas", "merge_prefer_canvas")
    assert (kept.openedx, kept.remote, kept.taken) == ("Ours", "Theirs", "remote" if theirs else "openedx")
    assert ("Ours" in far_system.titles(), "Theirs" in far_system.titles()) == (not theirs, theirs)
    begin = len(far_system.requests)
    assert poll().edited == 0
    assert changes(far_system.requests[begin:]) == []


@pytest.mark.story(45)
def test_a_title_that_discourse_refuses(begun, forum, shelf):
    """The problem has the words of the forum, the rest goes on, and a new title is all that is needed."""
    seen = begun(titles={"subsection-0": "x" * 40})
    api.deliver_until_empty()
    (problem,) = api.problems()
    assert "words is very long" in problem.reason
    assert seen.tree() == {"section-0": [], "section-1": FIRST["section-1"]}
    publish_course(shelf, "2", titles={"subsection-0": "Bees", "subsection-1": "Wasps"})
    api.deliver_until_empty()
    assert seen.tree()["section-1"] == ["Wasps · section-1 · Course Run"]
    api.retry("crm")
    forums.deliver()
    assert seen.tree() == {"section-0": ["Bees · section-0 · Course Run"], "section-1": seen.tree()["section-1"]}


@pytest.mark.story(46)
def test_an_event_for_what_was_deleted_long_ago(canvas, there, author, filled, live_server):
    """The event comes after the deletion, when the ledger has forgotten the object."""
    Target.objects.update(secret=encrypt(SECRET))
    url = f"{live_server.url}/api/course_sync/v1/inbound/crm/{path_form(SECRET)}"
    canvas.live_events.pending.clear()
    canvas.teacher.edit_page(there.id, objects_of("s0.a1", "vertical")["page"], title="Wasps")
    late = canvas.live_events.lose("wiki_page_updated")
    author.remove("s0.a1")
    structure = publish(author)
    assert not LedgerReplica.objects.filter(entity_id=block("vertical", "s0.a1")).exists()
    assert canvas.live_events.send(late, url) == 202
    long_after()
    assert api.poll_due() == 1
    assert InboundEvent.objects.get().taken_at
    assert not Proposal.objects.filter(state="open").exists()
    begin = len(canvas.requests)
    canvas_course.deliver()
    assert changes(canvas.requests[begin:]) == []
    check_equal(there, structure)


@pytest.mark.story(46)
def test_an_event_after_the_link_has_ended(canvas, there, filled, live_server):
    Target.objects.update(secret=encrypt(SECRET))
    canvas.teacher.rename_module(there.id, objects_of("s0", "chapter")["module"], "Bees")
    unlink()
    begin = len(canvas.requests)
    url = f"{live_server.url}/api/course_sync/v1/inbound/crm/{path_form(SECRET)}"
    assert set(canvas.live_events.deliver(url)) == {202}
    assert api.poll_due() == 0
    assert not InboundEvent.objects.filter(taken_at=None).exists()
    assert len(canvas.requests) == begin


@pytest.mark.story(47)
def test_unlink_and_link_again_in_canvas(canvas, there, author, filled):
    """All objects are found. What the author has renamed meanwhile is renamed there."""
    before = {name: len(getattr(there, name)) for name in ("modules", "items", "pages", "assignments", "topics")}
    unlink()
    long_after()
    author.set("s1.b2", display_name="Published meanwhile")
    author.publish()
    canvas.teacher.add_module(there.id, "Theirs")
    begin = len(canvas.requests)
    plan = api.link_plan(COURSE, "crm", str(there.id), "match")
    assert plan.ambiguous == ()
    assert api.link_shown(COURSE, "crm", str(there.id), "match", plan.token).error == ""
    canvas_course.deliver()
    after = {name: len(getattr(there, name)) for name in before}
    assert after == {**before, "modules": before["modules"] + 1}
    assert [one.partition(" ")[0] for one in changes(canvas.requests[begin:])] == ["PUT"]


@pytest.mark.story(47)
def test_unlink_and_link_again_at_a_forum(seen, forum):
    unlink()
    plan = api.link_plan(COURSE, "crm", str(seen.category_id), "match")
    assert api.link_shown(COURSE, "crm", str(seen.category_id), "match", plan.token).error == ""
    forum.requests.clear()
    forums.deliver()
    assert calls(forum) == []
    assert Seen(forum, seen.category_id).tree() == FIRST
    assert LedgerReplica.objects.count() == 4


def link_again(remote_id: int) -> None:
    """Link with ``match``. All is found again, so nothing would be created."""
    plan = api.link_plan(COURSE, "crm", str(remote_id), "match")
    assert (plan.ambiguous, plan.created) == ((), {})
    assert api.link_shown(COURSE, "crm", str(remote_id), "match", plan.token).error == ""


@pytest.mark.story(47)
@pytest.mark.parametrize("option", ["sections=subcategory", "sections=tag"])
def test_what_was_renamed_between_two_links_is_found_again_at_a_forum(begun, forum, shelf, option):
    """The author renames a section and a subsection, somebody at the forum another topic. None is created again."""
    seen = begun(option)
    forums.deliver()
    numbers = sorted(one.id for one in seen.topics())
    unlink()
    publish_course(shelf, "2", titles={"section-0": "Bees", "subsection-1": "Wasps"})
    forum.person("admin").edit_topic(seen.topic("Subsection-0").id, title="What bees do all day long")
    link_again(seen.category_id)
    forums.deliver()
    assert sorted(one.id for one in seen.topics()) == numbers
    assert sorted(one.title for one in seen.topics()) == [title("wasps", "section-1"), "What bees do all day long"]
    poll()
    assert [(one.entity_id, one.value) for one in Proposal.objects.filter(state="open")] == [
        (block("sequential", "subsection-0"), "What bees do all day long")
    ]
    if option == "sections=subcategory":
        assert sorted(seen.tree()) == ["Bees", "section-1"]


@pytest.mark.story(47)
def test_what_was_renamed_between_two_links_is_found_again_in_canvas(canvas, there, author, filled):
    kinds = ("modules", "items", "pages", "assignments", "topics")
    before = {name: sorted(getattr(there, name)) for name in kinds}
    canvas.teacher.rename_module(there.id, objects_of("s1", "chapter")["module"], "Of a teacher")
    unlink()
    for name in ("s0", "s0.a", "s0.b", "s0.a1", "talk"):
        author.set(name, display_name=f"{name} renamed")
    author.move("s0.b2", "s1.a", 0)
    structure = author.publish()
    link_again(there.id)
    canvas_course.deliver()
    assert {name: sorted(getattr(there, name)) for name in kinds} == before
    poll()
    assert [one.value for one in Proposal.objects.filter(state="open")] == ["Of a teacher"]
    author.set("s1", display_name="Of a teacher")
    check_equal(there, publish(author))
    assert structure.course_id == COURSE


@pytest.mark.story(47)
def test_a_hidden_topic_is_found_again(begun, shelf):
    """Learners must not see it when the course is linked again. Later they may: then the same topic is listed."""
    seen = begun()
    forums.deliver()
    number = seen.topic("Subsection-0").id
    tree = {"section-0": {"subsection-0": {}}, "section-1": {"subsection-1": {}}}
    forums.publish_tree(shelf, forums.a_tree("2", tree, {"subsection-0": {"visible_to_staff_only": True}}))
    forums.deliver()
    unlink()
    link_again(seen.category_id)
    forums.deliver()
    assert not seen.topic("Subsection-0").visible
    publish_course(shelf, "3")
    forums.deliver()
    assert [one.id for one in seen.topics() if one.title.startswith("Subsection-0") and one.visible] == [number]


@pytest.mark.story(47)
def test_a_conflict_that_was_open_when_the_link_ended_is_found_again(seen, forum, shelf):
    Target.objects.update(options={"conflict_strategy": "manual"})
    forum.person("admin").edit_topic(seen.topic("Subsection-0").id, title=title("wasps", "section-0"))
    publish_course(shelf, "2", titles={"subsection-0": "Bees"})
    forums.deliver()
    conflict = Conflict.objects.get(state="open")
    unlink()
    link_again(seen.category_id)
    forums.deliver()
    again = Conflict.objects.get(state="open")
    assert again.pk != conflict.pk
    assert (again.base, again.openedx, again.remote) == (conflict.base, conflict.openedx, conflict.remote)
    assert seen.topic("Wasps")


@pytest.mark.story(47)
def test_a_topic_of_another_person_is_not_taken_for_one_that_is_gone(seen, forum, shelf):
    """Somebody deletes a topic of ours between the links. A topic with another title stays theirs."""
    unlink()
    forum.person("admin").delete_topic(seen.topic("Subsection-0").id)
    other = forum.person("student").create_topic(
        "What are bees doing?", "I have seen them in the garden.", seen.section("section-0").id
    )
    plan = api.link_plan(COURSE, "crm", str(seen.category_id), "match")
    assert plan.created == {"subsection": 1}
    assert str(other.id) not in dict(plan.taken_over).values()
