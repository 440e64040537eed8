"""An operator finds what is wrong, plans, acts, and sees it healed, with the pages alone."""

from __future__ import annotations

import re

from course_sync_plugin import api


def test_a_page_updates_itself(sign_in, course):
    page = sign_in(is_superuser=True).open("/course_sync/")
    row = page.get_by_role("row", name="crm").first
    row.wait_for()
    page.evaluate("window.isTheSame = true")
    api.pause("crm")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("cell", name="paused").first.wait_for()
    assert page.evaluate("window.isTheSame")


def test_updates_can_be_switched_off(sign_in, course):
    page = sign_in(is_superuser=True).open("/course_sync/")
    page.get_by_label("Update this page every 10 seconds").uncheck()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_label("Update this page every 10 seconds").check()
    with page.expect_response("**/course_sync/"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert len(asked) == 1


def test_from_the_overview_to_a_problem_that_is_healed(sign_in, course, systems):
    """The receiver refused a title. Its owner mends that, and the operator sends it again with the pages alone."""
    page = sign_in(is_superuser=True).open("/course_sync/")
    page.get_by_role("row", name="crm").get_by_role("link", name="1", exact=True).click()
    page.get_by_text("the title is taken").first.wait_for()
    systems.receiver.faults.clear()
    page.get_by_role("link", name="Retry").first.click()
    page.get_by_label("Note").fill("the receiver is mended")
    page.get_by_role("button", name="Do exactly this").click()
    page.get_by_text("1 operation is planned again").wait_for()
    api.deliver_until_empty()
    assert api.problems() == []


def test_from_the_overview_to_a_conflict_that_is_decided(sign_in, course):
    page = sign_in(is_superuser=True).open("/course_sync/")
    page.get_by_role("row", name="canvas").get_by_role("link", name="1", exact=True).click()
    page.get_by_text("Sweet honey").wait_for()
    page.get_by_role("link", name="Take the other side", exact=True).click()
    page.get_by_role("button", name="Do exactly this").click()
    page.get_by_text("Carried out: 1.").wait_for()
    assert api.conflicts(course) == []


def test_a_teacher_sends_again_what_was_refused(sign_in, course, systems):
    window = sign_in(f"admin of {course}")
    page = window.open(f"/course_sync/staff/{course}/")
    page.get_by_text("A change of “Smoker and gloves” is missing there.").wait_for()
    with window.context.expect_page() as opened:
        page.get_by_role("link", name="Send again to crm").click()
    opened.value.get_by_role("button", name="Do exactly this").click()
    opened.value.get_by_text("1 operation is planned again").wait_for()


def test_a_cause_is_resolved_and_comes_back(sign_in, course, systems):
    """An operator resolves a cause. It is not listed any more, until an operation fails for it again."""
    window = sign_in(is_superuser=True)
    page = window.open("/course_sync/errors/")
    page.get_by_role("link", name="Resolve").click()
    page.get_by_label("Note").fill("the receiver is mended")
    page.get_by_role("button", name="Do exactly this").click()
    page.get_by_text("The cause is resolved.").wait_for()
    page.get_by_text("1 cause is resolved and is not shown here.").wait_for()
    assert page.get_by_text("the title is taken").count() == 0
    for plan in api.retry_plans(api.Filters("crm")):
        api.carry_out_retry(plan)
    api.deliver_until_empty()  # it is refused again
    page.goto("/course_sync/errors/")
    page.get_by_text("reopened: it came back").wait_for()
    page.get_by_text("1 step of operators").click()
    page.get_by_text("resolved — the receiver is mended").wait_for()
    assert window.violations() == []


def test_the_time_is_narrowed_by_selecting_a_part_of_the_drawing(sign_in, course):
    page = sign_in(is_superuser=True).open("/course_sync/history/?kind=attempt")
    shown = page.locator("tbody tr").count()
    place = page.locator("svg.bars").bounding_box()
    middle = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 4, middle)
    page.mouse.move(place["x"] + place["width"] / 2, middle)
    with page.expect_navigation():
        page.mouse.up()
    page.get_by_text("Nothing was found.").wait_for()
    since, until = (page.get_by_label(name).input_value() for name in ("Since", "Until"))
    assert "" < since < until
    assert page.get_by_label("What").input_value() == "attempt"
    page.go_back()
    assert page.locator("tbody tr").count() == shown
    page.locator("svg.bars a").last.click()
    page.wait_for_url("**since=**")
    assert 0 < page.locator("div[aria-labelledby=history] tbody tr").count() <= shown


def test_a_long_action_is_followed_and_stopped(sign_in, course, systems, monkeypatch):
    """An operator retries what failed: it is planned, begun, followed on its page, and stopped half-way."""
    monkeypatch.setattr(api, "AT_ONCE", 0)
    window = sign_in(is_superuser=True)
    page = window.open("/course_sync/errors/")
    page.get_by_role("link", name="Retry").first.click()
    page.get_by_text("This is done in the background").wait_for()
    page.get_by_label("Note").fill("the receiver is mended")
    page.get_by_role("button", name="Do exactly this").click()
    page.get_by_text("tems that are dealt with: 0 of 1").wait_for()
    page.get_by_text("the receiver is mended").wait_for()
    assert window.violations() == []
    page.goto("/course_sync/")
    page.get_by_role("link", name=re.compile(r"^Job \d")).click()
    page.evaluate("window.isTheSame = true")
    (job_id,) = api.due_jobs()
    systems.receiver.faults.clear()
    api.run_job(job_id)
    page.get_by_text("tems that are dealt with: 1 of 1").wait_for()  # the page asks by itself
    page.get_by_text("finished").wait_for()
    assert page.evaluate("window.isTheSame")
    api.deliver_until_empty()
    assert api.problems() == []
    other = api.start_job("backfill", [(course, "")])
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.get_by_role("link", name=f"{other.pk}: Record what was never recorded").click()
    page.get_by_role("link", name="Stop", exact=True).click()
    page.get_by_role("button", name="Do exactly this").click()
    page.get_by_text("stopped").wait_for()
    assert window.violations() == []
