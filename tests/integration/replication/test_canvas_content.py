"""The option ``content=html``: the HTML of pages on its way to Canvas, and what teachers make of it."""

from __future__ import annotations

import pytest

from course_sync_plugin import api
from course_sync_plugin.exceptions import SourceError
from course_sync_plugin.models import Conflict, LedgerEntity, Link, Proposal, Target
from course_sync_plugin.replication.inbound.write_back import write_pending
from course_sync_plugin.targets.canvas.site.contents import LONGEST
from course_sync_plugin.testing.canvas.faults import Drop
from course_sync_plugin.testing.canvas.objects import living
from tests.integration.courses import COURSE, Shelf, block
from tests.integration.replication.canvas_course import deliver, long_after, objects_of, requests_since
from tests.integration.replication.conftest import link_to_canvas
from tests.integration.replication.test_canvas_back import poll, proposals, writes

pytestmark = pytest.mark.django_db


@pytest.fixture
def written(canvas, there, author):
    """Return the author of a course with HTML in two units, which is in Canvas. ``s0.a2`` shows one component only."""
    author.children["s0.a1"] = ["talk", "bees", "wasps"]
    author.children["s0.a2"] = ["ants"]
    author.write("bees", "<p>All about <b>bees</b>.</p>")
    author.write("wasps", "<p>And wasps.</p>")
    author.write("ants", '<p style="color:red">Ants, <a href="/jump_to_id/more">more</a></p>')
    author.publish()
    link_to_canvas(canvas, there, "content=html")
    deliver()
    return author


def page(there, name):
    return there.pages[objects_of(name, "vertical")["page"]]


def text(there, name):
    """Return what a page shows after our link."""
    return page(there, name).body.partition("</a></p>")[2]


def teacher_writes(canvas, there, name, body):
    canvas.clock.advance(1)  # Canvas tells the time of a change in whole seconds
    canvas.teacher.edit_page(there.id, page(there, name).id, body=body)


def changed(canvas, author) -> list[str]:
    begin = len(canvas.requests)
    author.publish()
    deliver()
    return [one for one in requests_since(canvas, begin) if not one.startswith("GET")]


def test_a_first_fill(canvas, there, written):
    assert text(there, "s0.a1") == "<p>All about <b>bees</b>.</p>\n<p>And wasps.</p>"
    assert "Ants, " in text(there, "s0.a2")
    assert 'href="https://lms.example.org/courses/course-v1:Org+Course+Run/jump_to_id/more"' in text(there, "s0.a2")
    assert "jump_to/" in page(there, "s0.a2").body
    assert text(there, "s0.b1") == ""


def test_a_rerun_and_a_look_make_no_writes(canvas, there, written):
    begin = len(canvas.requests)
    api.reset("crm")
    deliver()
    assert requests_since(canvas, begin) == ["GET modules", "GET pages", "GET assignments"]
    assert (poll().edited, proposals()) == (0, [])
    assert writes(canvas, begin) == 0
    assert not any("page_id" in one for one in requests_since(canvas, begin))


def test_a_changed_component_is_one_call(canvas, there, written):
    written.write("bees", "<p>More about bees.</p>")
    number = objects_of("s0.a1", "vertical")["page"]
    assert changed(canvas, written) == [f"PUT pages/page_id:{number}"]
    assert text(there, "s0.a1") == "<p>More about bees.</p>\n<p>And wasps.</p>"
    assert (poll().edited, proposals()) == (0, [])


def test_components_come_go_and_move(canvas, there, written):
    written.remove("wasps")
    written.children["s0.a2"].append("wasps")
    assert len(changed(canvas, written)) == 2
    assert text(there, "s0.a1") == "<p>All about <b>bees</b>.</p>"
    assert text(there, "s0.a2").endswith("<p>And wasps.</p>")
    written.remove("wasps")
    assert len(changed(canvas, written)) == 1
    assert "wasps" not in text(there, "s0.a2")
    written.children["s0.b1"] = ["flies"]
    written.write("flies", "<p>Flies</p>")
    assert len(changed(canvas, written)) == 1
    assert text(there, "s0.b1") == "<p>Flies</p>"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("bees", {"visible_to_staff_only": True}),
        ("bees", {"group_access": {"50": [1]}}),
        ("s0.a1", {"group_access": {"50": [1]}}),
        ("s0.a", {"is_time_limited": True}),
        ("s0.a", {"hide_after_due": True}),
        ("s0.a", {"start": "2027-01-01T00:00:00Z"}),
    ],
)
def test_what_only_some_may_see_leaves_the_page(canvas, there, written, name, values):
    written.set(name, **values)
    changed(canvas, written)
    assert "bees" not in text(there, "s0.a1")
    assert page(there, "s0.a1").body.count("Open in Open edX") == 1
    written.fields[name] = {key: one for key, one in written.fields[name].items() if key not in values}
    changed(canvas, written)
    assert "bees" in text(there, "s0.a1")


def test_what_is_never_sent(canvas, there, author):
    author.children["s0.a1"] = ["quiz", "secret", "group"]
    for name in ("quiz", "secret", "group"):
        author.write(name, f"<p>{name} tells the answer</p>")
    author.kinds["quiz"] = "problem"
    author.shelf.htmls[block("problem", "quiz")] = "<p>quiz tells the answer</p>"
    author.set("secret", visible_to_staff_only=True)
    author.set("group", group_access={"50": [1]})
    author.publish()
    link_to_canvas(canvas, there, "content=html")
    deliver()
    assert not any("answer" in (one.body or "") for one in there.pages.values())
    assert not any("answer" in str(one.parameters) for one in canvas.requests)


def test_without_the_option_nothing_leaves(canvas, there, author, monkeypatch):
    author.children["s0.a1"] = ["bees"]
    author.write("bees", "<p>All about bees</p>")
    monkeypatch.setattr(type(author.shelf), "html", None)  # it is not even read
    author.publish()
    link_to_canvas(canvas, there)
    deliver()
    author.write("bees", "<p>More about bees</p>")
    assert changed(canvas, author) == []
    assert not any("about bees" in str(one.parameters) for one in canvas.requests)


def test_switched_on_and_off_later(canvas, there, author):
    author.children["s0.a1"] = ["bees"]
    author.write("bees", "<p>Bees</p>")
    author.publish()
    link_to_canvas(canvas, there)
    deliver()
    Target.objects.update(options={"content": "html"})
    api.reset("crm")
    deliver()
    assert text(there, "s0.a1") == "<p>Bees</p>"
    Target.objects.update(options={})
    author.write("bees", "<p>More bees</p>")
    author.set("s0.a1", display_name="Insects")
    assert len(changed(canvas, author)) == 1
    assert text(there, "s0.a1") == "<p>Bees</p>"
    assert (poll().edited, proposals()) == (0, [])


def test_a_text_that_a_teacher_wrote_before_is_kept_as_a_conflict(canvas, there, author):
    author.children["s0.a1"] = ["bees"]
    author.write("bees", "<p>Bees</p>")
    author.publish()
    link_to_canvas(canvas, there)
    deliver()
    body = page(there, "s0.a1").body
    teacher_writes(canvas, there, "s0.a1", f"{body}<p>Mine</p>")
    Target.objects.update(options={"content": "html"})
    api.reset("crm")
    deliver()
    kept = Conflict.objects.get()
    assert (kept.field, kept.openedx, kept.remote, kept.taken) == ("content", "<p>Bees</p>", "<p>Mine</p>", "openedx")
    assert text(there, "s0.a1") == "<p>Bees</p>"


def test_a_page_that_a_teacher_wrote_anew_keeps_its_text(canvas, there, author):
    author.children["s0.a1"] = ["bees"]
    author.write("bees", "<p>Bees</p>")
    author.publish()
    link_to_canvas(canvas, there, "content=html")
    deliver()
    teacher_writes(canvas, there, "s0.a1", "<p>All mine</p>")
    poll()
    assert proposals() == [("s0.a1", "content", "<p>All mine</p>")]
    begin = len(canvas.requests)
    api.reset("crm")
    deliver()
    assert writes(canvas, begin) == 0
    assert page(there, "s0.a1").body == "<p>All mine</p>"


def test_a_page_that_is_taken_over_keeps_its_text(canvas, there, author):
    module = canvas.teacher.add_module(there.id, "s0")["id"]
    canvas.teacher.add_item(there.id, module, type="SubHeader", title="s0.a")
    taken = canvas.teacher.add_page(there.id, "s0.a1", body="<p>All mine</p>")
    canvas.teacher.add_item(there.id, module, type="Page", page_url=taken["url"], indent=1)
    author.children["s0.a1"] = ["bees"]
    author.write("bees", "<p>Bees</p>")
    author.publish()
    link_to_canvas(canvas, there, "content=html", seed="match")
    deliver()
    assert objects_of("s0.a1", "vertical")["page"] == taken["page_id"]
    assert page(there, "s0.a1").body == "<p>All mine</p>"
    author.write("bees", "<p>More bees</p>")
    changed(canvas, author)
    assert page(there, "s0.a1").body == "<p>All mine</p>"


@pytest.mark.parametrize("processed", [False, True])
def test_the_answer_to_the_creation_of_a_page_is_lost(canvas, there, author, processed):
    author.children["s0.a1"] = ["bees"]
    author.write("bees", "<p>Bees</p>")
    author.publish()
    link_to_canvas(canvas, there, "content=html")
    canvas.faults.append(Drop(method="POST", path="/pages$", processed=processed))
    api.deliver_until_empty()
    assert [one.times for one in canvas.faults] == [0]
    long_after()
    deliver()
    assert [one.title for one in living(there.pages.values())].count("s0.a1") == 1
    assert text(there, "s0.a1") == "<p>Bees</p>"
    assert (poll().edited, proposals(), Conflict.objects.count()) == (0, [], 0)


@pytest.fixture
def second(canvas, written):
    """Return a second course in Canvas that is linked to the same course."""
    other = canvas.add_course("Wasps")
    api.add_target("second", backend="canvas", url=canvas.url, token=canvas.token, options=("content=html",))
    plan = api.link_plan(COURSE, "second", str(other.id), "openedx")
    assert api.link_shown(COURSE, "second", str(other.id), "openedx", plan.token).error == ""
    deliver()
    return other


def texts_of(course, title: str) -> list[str]:
    return [one.body.partition("</a></p>")[2] for one in living(course.pages.values()) if one.title == title]


def test_two_links(there, second, canvas, written):
    written.write("bees", "<p>More bees.</p>")
    assert len(changed(canvas, written)) == 2
    expected = ["<p>More bees.</p>\n<p>And wasps.</p>"]
    assert (texts_of(there, "s0.a1"), texts_of(second, "s0.a1")) == (expected, expected)


def test_html_that_was_read_before_a_later_publish_takes_nothing_back(there, second, written, monkeypatch):
    read = Shelf.html

    def meanwhile(shelf, course_id, entity_ids):
        old = read(shelf, course_id, entity_ids)
        monkeypatch.setattr(Shelf, "html", read)
        written.write("bees", "<p>Newest.</p>")
        written.publish()
        api.deliver_until_empty()
        return old

    written.write("bees", "<p>Newer.</p>")
    written.publish()
    monkeypatch.setattr(Shelf, "html", meanwhile)
    deliver()
    unit = LedgerEntity.objects.get(entity_id=block("vertical", "s0.a1"))
    assert unit.openedx_vector == {"openedx": 2}
    expected = ["<p>Newest.</p>\n<p>And wasps.</p>"]
    assert (texts_of(there, "s0.a1"), texts_of(second, "s0.a1")) == (expected, expected)
    assert (Conflict.objects.count(), proposals()) == (0, [])


HOSTILE = (
    "<p onclick='x()'>Hi<script>alert(1)</script><iframe src='https://evil.example'></iframe>"
    "<a href='javascript:x()' data-method='delete'>go</a><form><input name='a'></form></p>"
    "<div style='position:fixed;color:red' data-course-sync='1'>over</div><svg><script>1</script></svg>\x00\ud800"
)


def test_hostile_html(canvas, there, written):
    written.write("ants", HOSTILE)
    changed(canvas, written)
    body = text(there, "s0.a2")
    assert ("over" in body, "Hi" in body) == (True, True)
    for bad in ("script", "onclick", "iframe", "javascript", "data-method", "position", "input", "svg", "data-course"):
        assert bad not in body
    assert (poll().edited, proposals()) == (0, [])


def test_a_very_long_text_is_left_out(canvas, there, written, caplog):
    written.write("ants", "<p>" + "ant " * (LONGEST // 4) + "</p>")
    changed(canvas, written)
    assert text(there, "s0.a2") == ""
    assert "longer than Canvas takes" in caplog.text
    written.write("ants", "<p>" + "ant " * (LONGEST // 4 - 10) + "</p>")
    changed(canvas, written)
    assert len(text(there, "s0.a2")) > LONGEST - 100


def test_what_canvas_rewrites_is_no_edit(canvas, there, written, monkeypatch):
    monkeypatch.setattr("course_sync_plugin.testing.canvas.call.Call.stored_html",
                        lambda self, html: html.replace("<b>", "<strong>").replace("</b>", "</strong>"))  # fmt: skip
    written.write("bees", "<p>New <b>bees</b></p>")
    assert len(changed(canvas, written)) == 1
    assert "<strong>" in text(there, "s0.a1")
    assert (poll().edited, proposals()) == (0, [])
    written.set("s0.a1", display_name="Renamed")
    assert len(changed(canvas, written)) == 1
    assert (poll().edited, proposals()) == (0, [])


@pytest.mark.parametrize("name", ["s0.a1", "s0.a2"])
def test_an_edit_of_a_teacher_stays(canvas, there, written, name):
    teacher_writes(canvas, there, name, page(there, name).body + "<p>Mine</p>")
    assert poll().edited == 1
    assert [one[:2] for one in proposals()] == [(name, "content")]
    begin = len(canvas.requests)
    written.set(name, display_name="Insects")
    changed(canvas, written)
    assert writes(canvas, begin) == 1
    assert "Mine" in page(there, name).body


def test_both_sides_change_a_text(canvas, there, written):
    teacher_writes(canvas, there, "s0.a2", page(there, "s0.a2").body + "<p>Mine</p>")
    written.write("ants", "<p>Here</p>")
    changed(canvas, written)
    assert text(there, "s0.a2") == "<p>Here</p>"
    kept = Conflict.objects.get()
    assert (kept.field, kept.openedx, kept.taken) == ("content", "<p>Here</p>", "openedx")
    assert kept.remote.endswith("<p>Mine</p>")


def test_what_is_typed_beside_our_link_is_an_edit(canvas, there, written):
    body = page(there, "s0.a2").body.replace("</a></p>", "</a> and mine</p>", 1)
    teacher_writes(canvas, there, "s0.a2", body)
    poll()
    assert "and mine" in proposals()[0][2]


def test_a_deleted_page(canvas, there, written):
    canvas.teacher.delete_page(there.id, page(there, "s0.a2").id)
    written.write("ants", "<p>Here</p>")
    assert changed(canvas, written) == []


def test_the_source_does_not_answer(canvas, there, written, monkeypatch):
    def broken(self, course_id, entity_ids):
        raise SourceError("MongoDB is down")

    written.write("ants", "<p>Here</p>")
    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "html", broken)
        written.publish()
        api.deliver_until_empty()
    assert "Ants" in text(there, "s0.a2")
    long_after()
    deliver()
    assert text(there, "s0.a2") == "<p>Here</p>"


def test_a_text_is_never_written_to_studio(canvas, there, written, settings):
    settings.COURSE_SYNC_WRITE_BACK_USER = "author"
    teacher_writes(canvas, there, "s0.a2", page(there, "s0.a2").body + "<p>Mine</p>")
    poll()
    proposal = Proposal.objects.get()
    assert write_pending(Link.objects.get(), lambda: 0) == 0
    proposal.refresh_from_db()
    assert "is not written to Studio" in proposal.note
    assert "reject" in api.accept(api.proposal_plan(proposal.pk, "accept")).error
    assert api.reject(api.proposal_plan(proposal.pk, "reject")).error == ""
    deliver()
    assert "Mine" not in page(there, "s0.a2").body
    assert "Ants" in text(there, "s0.a2")
